r"""The diffusion prior: a diffusion model of the codes, on vectors and on maps.

`genlab.priors.diffusion_flow` has the process, its density and the bound that training maximises,
equations 1 and 2 there. On a latent map the network is convolutional; in many dimensions the bound
takes the place of the density, and a guide learns beside the network
(`genlab.priors.diffusion_maps`).

Shapes: B batch, D latent dimensions; `*` any leading dimensions.
"""

__all__ = ["Diffusion"]

import math

from collections.abc import Sequence
from typing import Literal

import torch

from torch import Tensor
from torch.distributions import Distribution

from genlab.common.checks import require_at_least, require_choice, require_widths
from genlab.common.text import Title
from genlab.networks.interface import Shape
from genlab.numerics.frozen import frozen
from genlab.priors.base import Prior
from genlab.priors.diffusion_flow import (
    HIGH,
    LOW,
    DiffusionFlow,
    VelocityFunction,
    VelocityNet,
    bound,
    edm_levels,
    weighted,
)
from genlab.priors.diffusion_maps import (
    EXACT,
    NARROW,
    DiffusionBound,
    Guided,
    MapVelocityNet,
)
from genlab.priors.flow import FlowDistribution
from genlab.priors.flow_maps import ChannelAffine


class Diffusion(Prior):
    """A diffusion model of the codes, trained with them; it starts as exactly N(0, I).

    References:
        | Score-based Generative Modeling in Latent Space (Vahdat et al., 2021)
        | https://arxiv.org/abs/2106.05931

    Arguments:
        latent: The number of latent dimensions D.
        hidden: The widths of the network's hidden layers.
        steps: The number of Runge-Kutta steps of the probability-flow equation; or, where there
            is only a bound, of midpoint steps of a draw, which cost half as much.
        width: The channels of the network where the latent is a map.
        weighting: What is maximised in training: the bound of ln p, likelihood; or edm, which
            gives weight to the noise levels at which pictures take shape (equation 3 there), so
            that draws are better and the bound is worse; the encoder keeps to the bound. Not
            given: edm where there is only a bound, else likelihood.

    Raises:
        InputError: If there is no step, a width is below 1, or there is no such weighting.
    """

    title = Title("扩散先验", "diffusion")
    expensive = True
    trains_on_bound = True
    origin: Tensor
    net: VelocityNet | MapVelocityNet

    def __init__(
        self, latent: int, hidden: Sequence[int] = (64, 64, 64), steps: int = 64, width: int = 64,
        weighting: Literal["likelihood", "edm"] | None = None,
    ) -> None:
        super().__init__()
        require_widths(hidden=hidden)
        require_at_least(1, steps=steps, width=width)
        if weighting is not None:
            require_choice(("likelihood", "edm"), weighting=weighting)
        self.steps, self.width = steps, width
        self.weighting = weighting
        self.net = VelocityNet(latent, hidden)
        self.guide: MapVelocityNet | None = None
        self.affine: ChannelAffine | None = None
        self.register_buffer("origin", torch.zeros(latent))

    def place(self, shape: Shape) -> None:
        """Makes a convolutional network, with a shift and scale of each channel outside.

        A map of a single place is a vector, and keeps the network that it has.
        """
        if math.prod(shape[1:]) > 1:
            self.bounded = math.prod(shape) > EXACT
            self.net = MapVelocityNet(shape, self.width)
            self.affine = ChannelAffine(shape)
            # Equation 3 says nothing of a scale: that of the first batch stays.
            self.affine.requires_grad_(not self.edm)
            if self.bounded:
                self.guide = MapVelocityNet(shape, max(1, self.width // NARROW))

    def forward(self) -> Distribution:
        """Returns p(z), with event shape `(D,)`; its `log_prob` is a bound if `bounded`."""
        if self.bounded:
            return self._drawn_with(self.net)
        flow = DiffusionFlow(self.net, self.steps, self.origin)
        return flow if self.affine is None else FlowDistribution(flow, self.affine)

    @property
    def edm(self) -> bool:
        """Whether training has the weights of equation 3 there."""
        return self.weighting == "edm" or (self.bounded and self.weighting is None)

    @property
    def has_guide(self) -> bool:
        """Whether there is a guide: where there is only a bound of the density."""
        return self.guide is not None

    def away_from_guide(self, weight: float) -> Distribution:
        """Returns the distribution of guided draws; its `log_prob` is no bound of theirs."""
        if self.guide is None:
            return super().away_from_guide(weight)
        return self._drawn_with(Guided(self.net, self.guide, weight))

    def _drawn_with(self, velocity: VelocityFunction) -> Distribution:
        """Returns the distribution of draws by a velocity, where there is only a bound."""
        flow = DiffusionBound(velocity, self.steps, self.origin)
        assert self.affine is not None  # there is only a bound on maps
        return FlowDistribution(flow, self.affine)

    def training_log_prob(self, z: Tensor, rows: Tensor, random: torch.Generator) -> Tensor:
        """Returns one draw of the bound of equation 2 a code: ln p costs hundreds of times more.

        That is the bound of the stochastic equation; (1) is another density unless v is exact. On
        a map it is the bound of normalised codes u plus ln |det du/dz|, and so one of ln p(z); the
        first batch sets the normalisation.
        """
        del rows
        if self.affine is None:
            return self._maximised(z, random)
        if self.training:
            self.affine.fit_once(z)
        u, log_det = self.affine(z)
        return self._maximised(u, random) + log_det

    def _maximised(self, z: Tensor, random: torch.Generator) -> Tensor:
        """Returns a draw of the bound; its gradients are those of what networks maximise."""
        place, e = _noise(z, random)
        level = edm_levels(place) if self.edm else LOW + (HIGH - LOW) * place
        if not self.edm:
            value = bound(self.net, z, level, e)
        elif z.requires_grad:
            _, eye = weighted(self.net, z.detach(), level, e)
            with frozen(self.net):
                value, _ = weighted(self.net, z, level, e)
            value = value + (eye - eye.detach())
        else:
            value, eye = weighted(self.net, z, level, e)
            value = value.detach() + (eye - eye.detach())
        if self.guide is not None:
            of = weighted(self.guide, z.detach(), level, e)[1] if self.edm else bound(
                self.guide, z.detach(), level, e
            )
            value = value + (of - of.detach())
        return value


def _noise(z: Tensor, random: torch.Generator) -> tuple[Tensor, Tensor]:
    """Returns uniform numbers `(*)`, spread evenly together, for less noise, and e `(*, D)`."""
    count = z.shape[:-1].numel()
    place = (torch.rand(1, generator=random) + torch.arange(count) / count) % 1
    return place.to(z).view(z.shape[:-1]), torch.randn(z.shape, generator=random).to(z)
