r"""Flows of the package zuko as priors, :math:`\ln p(z) = \ln N(f(z); 0, I) + \ln |\det df/dz|`.

zuko (https://github.com/probabilists/zuko) has many flows with one constructor. Only those are
used here whose layers map the line *onto* itself and whose inverse holds everywhere:

    MAF            affine curves, autoregressive     Papamakarios et al., 2017, arXiv 1705.07057
    NICE, RealNVP  affine curves, coupling           Dinh et al., 2017, arXiv 1605.08803
    NSF            splines, autoregressive           Durkan et al., 2019, arXiv 1906.04032
    BPF            Bernstein polynomials             Arpogaus et al., 2022, arXiv 2204.13939

The others have no exact density with a sampler of the same density. GF, NAF, UNAF and SOSPF
search their inverse in [-10, 10] only, while parts of their mass are outside it or are lost. CNF
is a differential equation solved to a tolerance that depends on the batch. NCSF is defined on a
circle. GMM is no flow; see `genlab.priors.Mixture`.

Shapes: D latent dimensions; `*` any leading dimensions.
"""

__all__ = ["FLOWS", "Zuko", "ZukoBijection"]

from collections.abc import Sequence
from typing import Literal

import torch.nn as nn

from torch import Tensor
from torch.distributions import Distribution

from genlab.common.checks import require_at_least, require_choice, require_widths
from genlab.common.errors import InputError
from genlab.common.extras import how_to_install
from genlab.common.text import Title
from genlab.priors.base import Prior
from genlab.priors.flow import Affine, Bijection, Composed, FlowDistribution
from genlab.priors.standard import Standard

FLOWS = ("BPF", "MAF", "NICE", "NSF", "RealNVP")
"""The classes of zuko.flows that can be priors."""


def zuko_transform(latent: int, flow: str, blocks: int, hidden: Sequence[int]) -> nn.Module:
    """Returns the transformation of a flow of zuko, a module that returns a `Transform`.

    Raises:
        InputError: If zuko is not installed.
    """
    # When it is first imported, zuko switches these off for all of torch.distributions.
    before = Distribution._validate_args, Distribution.arg_constraints
    try:
        import zuko.flows
    except ImportError as error:
        raise InputError(how_to_install("zuko")) from error
    finally:
        Distribution._validate_args = before[0]
        Distribution.arg_constraints = before[1]  # pyright: ignore[reportAttributeAccessIssue]
    build = getattr(zuko.flows, flow)
    return build(latent, transforms=blocks, hidden_features=hidden).transform


def start_at_zero(transform: nn.Module) -> None:
    """Sets the outputs of a transformation's networks to zero.

    That is the identity for all of `FLOWS` but BPF, which it brings near it.
    """
    for part in transform.modules():
        if isinstance(part, nn.Sequential):
            for parameter in part[-1].parameters():
                nn.init.zeros_(parameter)
        elif isinstance(part, nn.ParameterList):  # at D = 1: without inputs there is no network
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


class Zuko(Prior):
    """A flow of zuko, with a learned shift and scale outside.

    The curves of NSF and BPF are the identity outside [-5, 5]; they act after that shift and
    scale. All but BPF start as exactly N(0, I). At D = 1 the curves are learned constants, and
    `hidden` has no effect.

    Arguments:
        latent: The number of latent dimensions D.
        flow: The class of zuko.flows.
        blocks: The number of transformations.
        hidden: The widths of their networks' hidden layers.

    Raises:
        InputError: If the flow is none of `FLOWS`, there is no transformation, a width is below
            1, or zuko is not installed.
    """

    title = Title("zuko流", "zuko flow")

    def __init__(
        self, latent: int, flow: Literal["BPF", "MAF", "NICE", "NSF", "RealNVP"] = "NSF",
        blocks: int = 3, hidden: Sequence[int] = (64, 64),
    ) -> None:
        super().__init__()
        require_choice(FLOWS, flow=flow)
        require_at_least(1, blocks=blocks)
        require_widths(hidden=hidden)
        transform = zuko_transform(latent, flow, blocks, hidden)
        start_at_zero(transform)
        self.base = Standard(latent)
        self.flow = Composed([Affine(latent), ZukoBijection(transform)])

    def forward(self) -> Distribution:
        """Returns p(z), with event shape `(D,)`."""
        return FlowDistribution(self.base(), self.flow)
