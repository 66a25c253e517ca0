r"""Flows of the package zuko as priors, :math:`\ln p(z) = \ln N(f(z); 0, I) + \ln |\det df/dz|`.

zuko (https://github.com/probabilists/zuko) has many flows behind one constructor. Only those are
taken here whose layers map the line *onto* itself and whose inverse holds everywhere:

    MAF            affine curves, autoregressive     Papamakarios et al., 2017, arXiv 1705.07057
    NICE, RealNVP  affine curves, coupling           Dinh et al., 2017, arXiv 1605.08803
    NSF            splines, autoregressive           Durkan et al., 2019, arXiv 1906.04032
    BPF            Bernstein polynomials             Arpogaus et al., 2022, arXiv 2204.13939

The others have no exact density with a sampler of the same density. GF, NAF, UNAF and SOSPF look
for their inverse in [-10, 10] only, while parts of their mass are outside it or are lost. CNF is
a differential equation solved to a tolerance that depends on the batch. NCSF lives on a circle.
GMM is no flow; see the prior `mixture`.

Shapes: D latent dimensions; `*` any leading dimensions.
"""

__all__ = ["FLOWS", "ZukoBijection", "ZukoPrior"]

from collections.abc import Sequence

import torch.nn as nn

from torch import Tensor
from torch.distributions import Distribution

from genlab.common.errors import InputError
from genlab.priors.base import Prior, Setting
from genlab.priors.flow import Affine, Bijection, Composed, FlowDistribution
from genlab.priors.standard import StandardPrior

FLOWS = ("BPF", "MAF", "NICE", "NSF", "RealNVP")
"""The classes of zuko.flows that can be priors."""


def zuko_transform(latent: int, flow: str, blocks: int, hidden: Sequence[int]) -> nn.Module:
    """Returns the transformation of a flow of zuko, a module that returns a `Transform`.

    Raises:
        InputError: If it is none of `FLOWS`, or zuko is not installed.
    """
    if flow not in FLOWS:
        raise InputError(f"--prior.flow {flow}: must be one of {', '.join(FLOWS)}")
    # zuko switches these off for all of torch.distributions when it is first imported.
    before = Distribution._validate_args, Distribution.arg_constraints
    try:
        import zuko.flows
    except ImportError as error:
        raise InputError(f"--prior.flow {flow}: needs zuko (pip install zuko)") from error
    finally:
        Distribution._validate_args = before[0]
        Distribution.arg_constraints = before[1]  # pyright: ignore[reportAttributeAccessIssue]
    build = getattr(zuko.flows, flow)
    return build(latent, transforms=blocks, hidden_features=hidden).transform


def start_at_zero(transform: nn.Module) -> None:
    """Sets what the networks of a transformation return to zero.

    That is the identity for all of `FLOWS` but BPF, which it brings near it.
    """
    for part in transform.modules():
        if isinstance(part, nn.Sequential):
            for parameter in part[-1].parameters():
                nn.init.zeros_(parameter)
        elif isinstance(part, nn.ParameterList):  # at D = 1: nothing to read, hence no network
            for parameter in part.parameters():
                nn.init.zeros_(parameter)


class ZukoBijection(Bijection):
    """A transformation of zuko.

    Arguments:
        transform: A module that returns a `Transform` from z to u.
    """

    def __init__(self, transform: nn.Module) -> None:
        super().__init__()
        self.transform = transform

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Returns u = f(z), with shape `(*, D)`, and ln |det du/dz|, with shape `(*)`."""
        return self.transform().call_and_ladj(z)

    def inverse(self, u: Tensor) -> Tensor:
        """Returns z, with shape `(*, D)`; for an autoregressive flow in D passes a layer."""
        return self.transform().inv(u)


class ZukoPrior(Prior):
    """A flow of zuko, with a learned shift and scale outside.

    The curves of NSF and BPF are the identity outside [-5, 5]; they act after that shift and
    scale. All but BPF start as exactly N(0, I). At D = 1 the curves are learned constants, and
    `hidden` means nothing.

    Arguments:
        latent: The number of latent dimensions D.
        flow: One of `FLOWS`.
        blocks: The number of transformations.
        hidden: The widths of their networks' hidden layers.

    Raises:
        InputError: If the flow is none of `FLOWS`, or zuko is not installed.
    """

    def __init__(self, latent: int, flow: str, blocks: int, hidden: Sequence[int]) -> None:
        super().__init__()
        transform = zuko_transform(latent, flow, blocks, hidden)
        start_at_zero(transform)
        self.base = StandardPrior(latent)
        self.flow = Composed([Affine(latent), ZukoBijection(transform)])

    @classmethod
    def build(cls, setting: Setting) -> "ZukoPrior":
        """Builds it from what a VAE has at hand."""
        options = setting.options
        assert options.flow is not None
        assert options.blocks is not None
        assert options.hidden is not None
        return cls(setting.latent, options.flow, options.blocks, options.hidden)

    def forward(self) -> Distribution:
        """Returns p(z), with event shape `(D,)`."""
        return FlowDistribution(self.base(), self.flow)
