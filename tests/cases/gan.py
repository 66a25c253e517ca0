"""Small GANs, pictures for them, and comparisons of their weights."""

import dataclasses

from pathlib import Path

import pytest
import torch

from PIL import Image
from torch import Tensor, nn

from genlab.common.rng import seeded
from genlab.configs.gan import RECIPES, GanConfig, scratch
from genlab.gan.networks.dcgan import DcganDiscriminator, DcganGenerator
from genlab.gan.networks.fastgan import FastGanGenerator
from genlab.gan.networks.residual import ResidualDiscriminator, ResidualGenerator
from genlab.gan.split import Split
from genlab.gan.training.train import train_gan

TINY = {
    "images": 20, "batch": 8, "epochs": 3, "latent": 8, "snapshots": (1, 2), "seed": 3,
    "measure_with": ("pixels",), "measure_fakes": 16, "checkpoints": True,
}  # fmt: skip
EPOCHS = 4
"""The epochs of `tiny_scratch`."""

GENERATORS = {
    "fastgan": FastGanGenerator, "residual": ResidualGenerator, "dcgan": DcganGenerator,
}  # fmt: skip
DISCRIMINATORS = {"residual": ResidualDiscriminator, "dcgan": DcganDiscriminator}


SMALL = {
    "projected": {"width": 1, "discriminator_width": 8, "feature_size": 32},
    "scratch": {"width": 1, "discriminator_width": 1, "r1_every": 2},
    "dcgan": {"width": 1, "discriminator_width": 1},
}
"""Options of each design that make small networks."""


def with_options(config: GanConfig, **changes: object) -> GanConfig:
    """A configuration with other options of its design."""
    return dataclasses.replace(config, design_options={**config.design_options, **changes})


def tiny(recipe: str, folder: Path) -> GanConfig:
    """A recipe of small networks, for nine steps of which every third has four images."""
    config = dataclasses.replace(RECIPES[recipe](str(folder)), **TINY)
    return with_options(config, **SMALL[config.design])


def tiny_scratch(folder: Path, **changes: object) -> GanConfig:
    """The recipe `scratch` in small, with images held out and measurements after each epoch."""
    options = {
        "batch": 14, "epochs": EPOCHS, "latent": 8, "snapshots": tuple(range(1, EPOCHS + 1)),
        "design_options": SMALL["scratch"], "held_out": 0.3, "measure_every": 1,
        "measure_with": ("pixels", "random"), "measure_fakes": 40, "learning_rate": 1e-3,
    }  # fmt: skip
    return dataclasses.replace(scratch(str(folder)), **(options | changes))


def trained(
    configs: dict[str, GanConfig], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    """Trains an unbroken run of each configuration."""
    paths = {}
    for name, config in configs.items():
        paths[name] = tmp_path_factory.mktemp("runs") / name
        train_gan(config, paths[name])
    return paths


def sides_of(train: Tensor, held_out: Tensor | None) -> Split:
    """Images to learn from and images held out, as if a set had been split into them."""
    every = train if held_out is None else torch.cat([train, held_out])
    return Split.of(every, torch.arange(len(every)) < len(train))


def random_images(count: int, side: int = 64) -> Tensor:
    """Random pixels, uint8 `(N, 3, S, S)`."""
    random = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (count, 3, side, side), generator=random, dtype=torch.uint8)


def soft_images(count: int, seed: int = 0) -> Tensor:
    """Soft random pictures, uint8 `(N, 3, 64, 64)`."""
    random = torch.Generator().manual_seed(seed)
    coarse = torch.rand(count, 3, 4, 4, generator=random) * 255
    return nn.functional.interpolate(coarse, size=64, mode="bicubic").clamp(0, 255).byte()


def write_images(folder: Path, images: Tensor) -> Path:
    """Writes images as numbered PNG files into an existing folder."""
    for index, image in enumerate(images):
        Image.fromarray(image.permute(1, 2, 0).numpy()).save(folder / f"{index:02d}.png")
    return folder


def noise(*shape: int) -> Tensor:
    """Standard Gaussian numbers, always the same."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


def feature_maps(size: int, count: int = 3) -> list[Tensor]:
    """Random maps of eight channels in the four sizes of a projection."""
    return [noise(count, 8, size // s, size // s) for s in (4, 8, 16, 32)]


def shaken(module: nn.Module) -> nn.Module:
    """Adds noise to all weights, so that no gradient is zero by a zero initialisation."""
    with torch.no_grad(), seeded(0, "shake"):
        for weight in module.parameters():
            weight.add_(0.05 * torch.randn_like(weight))
    return module


def tensors(module: nn.Module) -> dict[str, Tensor]:
    """A copy of all parameters and buffers."""
    return {name: tensor.clone() for name, tensor in module.state_dict().items()}


def same(a: dict[str, Tensor], b: dict[str, Tensor]) -> bool:
    """Whether both have the same names and the same bits."""
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)
