"""The two players of a GAN, built from a configuration, and what each makes of its input.

The networks may be on any device and in mixed precision (`compute/hardware.py`); what lies between
them, images and scores, is float32.

Shapes: B batch, Z latent dimensions, H W pixels, P places that a head scores, K classes.
"""

__all__ = [
    "Players",
    "build_generator",
    "build_judge",
    "build_players",
    "judged",
    "made",
    "seen",
    "to_signed",
    "told",
]  # fmt: skip

import copy

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from torch import Tensor, nn
from torch.optim import Adam

from genlab.common.rng import seeded
from genlab.compute.distributed import world_size
from genlab.compute.hardware import CPU, Hardware, keep_spectral_norms
from genlab.configs.gan import GanConfig
from genlab.gan.networks.conditional import ClassGenerator, ClassHead, ClassHeads
from genlab.gan.networks.dcgan import DcganDiscriminator, DcganGenerator
from genlab.gan.networks.fastgan import FastGanGenerator
from genlab.gan.networks.projected import Heads, Projection
from genlab.gan.networks.residual import ResidualDiscriminator, ResidualGenerator
from genlab.gan.networks.sync_batchnorm import synced
from genlab.networks.pretrained.efficientnet_lite0 import load_efficientnet_lite0

GENERATORS = {
    "projected": FastGanGenerator, "scratch": ResidualGenerator, "dcgan": DcganGenerator,
}  # fmt: skip

BETAS = {"projected": (0.0, 0.99), "scratch": (0.0, 0.99), "dcgan": (0.5, 0.999)}
"""Each recipe's memories of Adam: dcgan's as its authors have them (section 4)."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Players:
    """The networks of a game with their optimisers."""

    generator: nn.Module
    """Latents `(B, Z)`, and labels where there are classes, to images `(B, 3, H, W)`, [-1, 1]."""
    average: nn.Module
    """Its moving average, in evaluation mode: what samples are drawn from."""
    view: Callable[[Tensor], list[Tensor]]
    """What the discriminator sees of images: the frozen projection, or the images."""
    discriminator: nn.Module
    """The trained part of the discriminator: scores `(B, P)`, one tensor a head, of a view."""
    adam_generator: Adam
    adam_discriminator: Adam
    frequencies: Tensor | None = None
    """The share of training images that each class has, `(K,)`; None without classes."""
    on: Hardware = CPU
    """What the networks run on."""

    @property
    def modules(self) -> dict[str, nn.Module]:
        """The networks whose tensors change."""
        return {
            "generator": self.generator,
            "average": self.average,
            "discriminator": self.discriminator,
        }

    @property
    def optimisers(self) -> dict[str, torch.optim.Optimizer]:
        """The optimisers by the names of their networks."""
        return {"generator": self.adam_generator, "discriminator": self.adam_discriminator}


class OneHead(nn.Module):
    """A discriminator of images as a judge of views: one view, one head."""

    def __init__(self, discriminator: ResidualDiscriminator | DcganDiscriminator) -> None:
        super().__init__()
        self.discriminator = discriminator

    def forward(self, views: list[Tensor]) -> list[Tensor]:
        return [self.discriminator(view) for view in views]


def as_it_is(images: Tensor) -> list[Tensor]:
    """The view of a discriminator that sees the images themselves."""
    return [images]


def build_generator(config: GanConfig, classes: int = 0) -> nn.Module:
    """Builds the generator (of K classes, if any) with its first weights, by the seed."""
    with seeded(config.seed, "generator"):
        maker = GENERATORS[config.recipe](config.latent, config.width, config.size)
        return ClassGenerator(maker, config.latent, classes) if classes else maker


def build_judge(config: GanConfig, classes: int = 0) -> nn.Module:
    """Builds the trained part of the discriminator (of K classes, if any), by the seed."""
    width, size = config.discriminator_width, config.size
    with seeded(config.seed, "discriminator"):
        if config.recipe == "projected":
            return ClassHeads(width, classes) if classes else Heads(width)
        build = ResidualDiscriminator if config.recipe == "scratch" else DcganDiscriminator
        judge = build(width, size)
        return ClassHead(judge, classes) if classes else OneHead(judge)


def build_players(
    config: GanConfig, frequencies: Tensor | None = None, on: Hardware = CPU
) -> Players:
    """Builds both players; all weights, the frozen random ones too, follow from the seed.

    Arguments:
        config: The configuration.
        frequencies: The share of images that each class has, `(K,)`; None without classes.
        on: What the networks run on; their first weights are the same.
    """
    classes = 0 if frequencies is None else len(frequencies)
    maker, judge = build_generator(config, classes), build_judge(config, classes)
    view: Callable[[Tensor], list[Tensor]] = as_it_is
    if config.recipe == "projected":
        assert config.feature_size is not None  # GanConfig sees to it
        network = load_efficientnet_lite0()
        with seeded(config.seed, "projection"):
            projection = Projection(network, config.feature_size, config.discriminator_width)
        view = on.frozen(projection)
    if world_size() > 1:
        maker, judge = synced(maker), synced(judge)
    maker, judge = maker.to(on.device), judge.to(on.device)
    average = copy.deepcopy(maker).eval().requires_grad_(False)
    keep_spectral_norms(judge, on)
    betas = BETAS[config.recipe]
    return Players(
        generator=maker, average=average, view=view, discriminator=judge,
        adam_generator=Adam(maker.parameters(), config.learning_rate, betas, fused=True),
        adam_discriminator=Adam(judge.parameters(), config.discriminator_rate, betas, fused=True),
        frequencies=frequencies, on=on,
    )


def to_signed(images: Tensor) -> Tensor:
    """Brings uint8 images to [-1, 1]."""
    # One memory layout, whatever the source's: kernels for another round otherwise.
    return images.contiguous().float() / 127.5 - 1


def made(players: Players, z: Tensor, labels: Tensor | None) -> Tensor:
    """Returns the generator's images of latents, float32."""
    with players.on.autocast():
        return told(players.generator, z, labels).float()


def seen(players: Players, images: Tensor) -> list[Tensor]:
    """Returns what the discriminator sees of images, in the networks' precision."""
    with players.on.autocast():
        return players.view(images)


def judged(
    players: Players, views: list[Tensor], labels: Tensor | None, exact: bool = False
) -> list[Tensor]:
    """Returns the discriminator's scores, float32; its own precision too is, if `exact`."""
    # What is differentiated twice is not compiled: torch cannot.
    eager = exact and players.on.compile
    judge = players.discriminator.forward if eager else players.discriminator
    with players.on.autocast(not exact):
        return [scores.float() for scores in told(judge, views, labels)]


def told(player: Callable[..., Any], what: Tensor | list[Tensor], labels: Tensor | None) -> Any:
    """Returns what a player makes of latents or views, told their classes where there are any."""
    return player(what) if labels is None else player(what, labels)
