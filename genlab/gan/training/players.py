"""The two players of a GAN, generator and discriminator, with their optimisers.

The networks may be on any device and in mixed precision (`compute/hardware.py`); what lies between
them, images and scores, is float32.

Shapes: B batch, Z latent dimensions, H W pixels, P places that a head scores, K classes.
"""

__all__ = ["Players", "build_players", "call_with_labels", "to_signed"]

import copy

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from torch import Tensor, nn
from torch.optim import Adam

from genlab.compute.distributed import world_size
from genlab.compute.hardware import CPU, Hardware, keep_spectral_norms
from genlab.configs.gan import GanConfig
from genlab.gan.build import build_design, build_discriminator, build_generator
from genlab.gan.designs import Design
from genlab.gan.networks.sync_batchnorm import synced


@dataclass(frozen=True, kw_only=True, eq=False)
class Players:
    """The networks of a game with their optimisers."""

    design: Design
    generator: nn.Module
    """Latents `(B, Z)`, and labels where there are classes, to images `(B, 3, H, W)`, [-1, 1]."""
    average: nn.Module
    """Its moving average, in evaluation mode: what samples are drawn from."""
    projection: Callable[[Tensor], list[Tensor]]
    """Views of images, which the discriminator sees: frozen features, or the images."""
    discriminator: nn.Module
    """Its trained part: scores `(B, P)`, one tensor a head, of views."""
    adam_generator: Adam
    adam_discriminator: Adam
    frequencies: Tensor | None = None
    """The share of training images that each class has, `(K,)`; None without classes."""
    hardware: Hardware = CPU

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

    def generate(self, z: Tensor, labels: Tensor | None) -> Tensor:
        """Returns the generator's images of latents, in float32."""
        with self.hardware.autocast():
            return call_with_labels(self.generator, z, labels).float()

    def project(self, images: Tensor) -> list[Tensor]:
        """Returns the views of images, in the networks' precision."""
        with self.hardware.autocast():
            return self.projection(images)

    def score(
        self, views: list[Tensor], labels: Tensor | None, exact: bool = False
    ) -> list[Tensor]:
        """Returns the discriminator's scores in float32; computed in float32 too if `exact`."""
        # torch cannot compile what is differentiated twice.
        eager = exact and self.hardware.compile
        discriminator = self.discriminator.forward if eager else self.discriminator
        with self.hardware.autocast(not exact):
            return [scores.float() for scores in call_with_labels(discriminator, views, labels)]


    @torch.no_grad()
    def loss_of_no_opinion(self, images: Tensor) -> float:
        """Returns the discriminator's loss where every score is 0; `images` are any, uint8."""
        self.discriminator.eval()  # spectral norms stay as they are
        signed = to_signed(images.to(self.hardware.device))
        views = [view.float() for view in self.project(signed)]  # its weights are in float32
        labels = None
        if self.frequencies is not None:
            labels = torch.zeros(len(images), dtype=torch.int64, device=self.hardware.device)
        heads = call_with_labels(self.discriminator.forward, views, labels)
        self.discriminator.train()
        losses, zeros = self.design.losses, [torch.zeros_like(head).float() for head in heads]
        return sum((losses.real(one) + losses.fake(one)).mean().item() for one in zeros)


def unprojected(images: Tensor) -> list[Tensor]:
    """The projection of a design whose discriminator sees the images themselves."""
    return [images]


def build_players(
    config: GanConfig, frequencies: Tensor | None = None, hardware: Hardware = CPU,
    design: Design | None = None,
) -> Players:
    """Builds both players; all weights, the frozen random ones too, follow from the seed.

    Arguments:
        config: The configuration.
        frequencies: The share of images that each class has, `(K,)`; None without classes.
        hardware: What the networks run on; their first weights do not depend on it.
        design: The design; None: the one that the configuration names.
    """
    design = design or build_design(config)
    classes = 0 if frequencies is None else len(frequencies)
    generator = build_generator(config, design, classes)
    frozen, discriminator = build_discriminator(config, design, classes)
    if world_size() > 1:
        generator, discriminator = synced(generator), synced(discriminator)
    generator, discriminator = generator.to(hardware.device), discriminator.to(hardware.device)
    average = copy.deepcopy(generator).eval().requires_grad_(False)
    keep_spectral_norms(discriminator, hardware)

    def adam(network: nn.Module, rate: float) -> Adam:
        return Adam(network.parameters(), rate, design.betas, fused=True)

    return Players(
        design=design, generator=generator, average=average,
        projection=hardware.frozen(frozen) if frozen else unprojected, discriminator=discriminator,
        adam_generator=adam(generator, config.learning_rate),
        adam_discriminator=adam(discriminator, config.discriminator_rate),
        frequencies=frequencies, hardware=hardware,
    )


def to_signed(images: Tensor) -> Tensor:
    """Maps uint8 images to [-1, 1]."""
    # One memory layout, whatever the source's: kernels for another round otherwise.
    return images.contiguous().float() / 127.5 - 1


def call_with_labels(
    network: Callable[..., Any], x: Tensor | list[Tensor], labels: Tensor | None
) -> Any:
    """Calls a network, with labels if it is conditional."""
    return network(x) if labels is None else network(x, labels)
