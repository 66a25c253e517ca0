"""A small feature network, random weights for FID Inception, and images."""

from pathlib import Path
from typing import Any

import torch

from PIL import Image
from torch import Tensor

from genlab.common.rng import generator
from genlab.features import Extractor, Preprocessing
from genlab.networks.pretrained.inception_net import stages

LACKING = ("Mixed_7b.branch3x3dbl_2.weight", "Mixed_7c.branch3x3dbl_2.weight")
"""Names of weights that a partial file of FID Inception has not got."""


class Small:
    """Features that differ from image to image: a convolution and its mean; notes its batches."""

    def __init__(self) -> None:
        random = torch.Generator().manual_seed(0)
        self.kernel = torch.randn(6, 3, 3, 3, generator=random)
        self.batches: list[tuple[int, ...]] = []

    def __call__(self, images: Tensor) -> Tensor:
        self.batches.append(tuple(images.shape))
        assert images.dtype == torch.uint8
        seen = torch.nn.functional.conv2d(images.float() / 255, self.kernel).relu()
        return seen.mean((2, 3))

    def one_by_one(self, images: list[Tensor]) -> Tensor:
        return torch.cat([Small()(image[None]) for image in images])

    def extractor(self, **said: Any) -> Extractor:
        """The network as it is, with its identity or another one."""
        whole = {"name": "Small", "sha256": "0" * 64, "layer": "conv", "dims": 6} | said
        way = Preprocessing(
            name=whole.pop("preprocessing", "uint8 / 255"), words="as it is",
            prepare=lambda images: images,
        )
        return Extractor(self, way, **whole)


def noise(count: int, height: int = 8, width: int = 9, seed: int = 0) -> Tensor:
    """Random pixels, uint8 `(N, 3, H, W)`."""
    random = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (count, 3, height, width), generator=random).to(torch.uint8)


def write(folder: Path, images: list[Tensor], names: list[str] | None = None) -> Path:
    """Writes images as files of a folder, which it makes; numbered PNG files by default."""
    folder.mkdir(parents=True, exist_ok=True)
    for index, image in enumerate(images):
        name = names[index] if names else f"{index:03d}.png"
        Image.fromarray(image.permute(1, 2, 0).numpy()).save(folder / name)
    return folder


def random_inception_weights() -> dict[str, Tensor]:
    """The weights of FID Inception, random and of a sensible scale."""
    random, found = generator(0, "weights"), {}
    for stage, module in stages():
        for key, value in module.named_parameters():
            scale = (2 / value[0].numel()) ** 0.5 if value.ndim == 4 else 0.1
            found[f"{stage}.{key}"] = scale * torch.randn(value.shape, generator=random)
    return found
