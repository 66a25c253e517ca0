r"""Differentiable augmentation of a discriminator's input, reals and fakes alike.

With few images a discriminator memorises them. If it is given T(x) only, of reals and of fakes,
and the generator is trained through the same T,

    L_D = E_x[f_D(-D(T(x)))] + E_z[f_D(D(T(G(z))))],    L_G = E_z[f_G(-D(T(G(z))))],

then it cannot, and G(z) does not reproduce T as long as T maps distributions one to one.

References:
    | Differentiable Augmentation for Data-Efficient GAN Training (Zhao et al., 2020), eq. 4, 5
    | https://arxiv.org/abs/2006.10738

Each function draws new parameters for each image, on the processor, so that they are the same on
any device. Images lie in [-1, 1], where 0 is grey: translations and cutouts fill with grey.

Shapes: B batch, C = 3 channels, H W pixels.
"""

__all__ = ["AUGMENTS", "augment", "colour", "cutout", "mirror", "translation"]

from collections.abc import Callable, Sequence

import torch

from torch import Tensor

SHIFT = 1 / 8
"""The largest translation, as a share of the side (Zhao et al., section 4)."""

HOLE = 1 / 2
"""The side of the cutout, as a share of the image's side."""


def uniform(x: Tensor, low: float, high: float, random: torch.Generator) -> Tensor:
    """Draws one number in [low, high) for each image, with shape `(B, 1, 1, 1)`."""
    draws = torch.rand(len(x), 1, 1, 1, generator=random, dtype=x.dtype)
    return low + (high - low) * draws.to(x.device, non_blocking=True)


def integers(x: Tensor, low: int, high: int, random: torch.Generator) -> Tensor:
    """Draws one of low, ..., high for each image, with shape `(B, 1)`."""
    draws = torch.randint(low, high + 1, (len(x), 1), generator=random)
    return draws.to(x.device, non_blocking=True)


def colour(x: Tensor, random: torch.Generator) -> Tensor:
    """Changes brightness, saturation and contrast, in this order.

    Brightness: x + b, b in [-0.5, 0.5). Saturation: distances to the pixel's grey times s in
    [0, 2). Contrast: distances to the image's mean times c in [0.5, 1.5).

    Arguments:
        x: Images in [-1, 1], with shape `(B, 3, H, W)`; results may leave that range.
        random: Draws b, s and c.

    Returns:
        With the shape of `x`.
    """
    x = x + uniform(x, -0.5, 0.5, random)
    grey = x.mean(1, keepdim=True)
    x = grey + (x - grey) * uniform(x, 0.0, 2.0, random)
    mean = x.mean((1, 2, 3), keepdim=True)
    return mean + (x - mean) * uniform(x, 0.5, 1.5, random)


def translation(x: Tensor, random: torch.Generator) -> Tensor:
    """Shifts each image by whole pixels, at most an eighth of its side, and fills with grey.

    As x'_b = R_b x_b K_b with shift matrices R (rows) and K (columns): exact, because products
    with ones and zeros are not rounded, and differentiable without scattered writes.

    Arguments:
        x: Images, with shape `(B, C, H, W)`.
        random: Draws the two shifts.

    Returns:
        With the shape of `x`.
    """
    height, width = x.shape[2:]
    down = integers(x, -round(height * SHIFT), round(height * SHIFT), random)
    right = integers(x, -round(width * SHIFT), round(width * SHIFT), random)
    return shifts(down, height, x) @ x @ shifts(right, width, x).mT


def shifts(by: Tensor, length: int, like: Tensor) -> Tensor:
    """Returns matrices `(B, 1, L, L)` whose row i picks entry i - by, or nothing."""
    places = torch.arange(length, device=by.device)
    sources = (places - by)[:, None, :, None]
    return (sources == places).to(like.dtype)


def cutout(x: Tensor, random: torch.Generator) -> Tensor:
    """Fills a square of half the side with grey; its centre is anywhere in the image.

    Arguments:
        x: Images, with shape `(B, C, H, W)`.
        random: Draws the centre.

    Returns:
        With the shape of `x`.
    """
    height, width = x.shape[2:]
    rows = hidden(integers(x, 0, height, random), height)
    columns = hidden(integers(x, 0, width, random), width)
    hole = rows[:, None, :, None] & columns[:, None, None, :]
    return x * (~hole).to(x.dtype)


def hidden(centre: Tensor, length: int) -> Tensor:
    """Returns a mask of the places that a hole around `centre` covers, with shape `(B, L)`."""
    side = round(length * HOLE)
    start = centre - side // 2
    places = torch.arange(length, device=centre.device)
    return (places >= start) & (places < start + side)


AUGMENTS: dict[str, Callable[[Tensor, torch.Generator], Tensor]] = {
    "colour": colour,
    "translation": translation,
    "cutout": cutout,
}
"""The augmentations by name."""


def augment(x: Tensor, names: Sequence[str], random: torch.Generator) -> Tensor:
    """Applies the named augmentations in order.

    Arguments:
        x: Images in [-1, 1], with shape `(B, 3, H, W)`; gradients flow to them.
        names: Keys of `AUGMENTS`.
        random: Draws all parameters.

    Returns:
        With the shape of `x`.
    """
    for name in names:
        x = AUGMENTS[name](x, random)
    return x


def mirror(x: Tensor, random: torch.Generator) -> Tensor:
    """Mirrors each image left to right with probability 1/2: more data, not a part of T.

    Arguments:
        x: Images, with shape `(B, C, H, W)`.
        random: Draws which images are mirrored.

    Returns:
        With the shape of `x`.
    """
    heads = torch.rand(len(x), 1, 1, 1, generator=random) < 0.5
    return torch.where(heads.to(x.device, non_blocking=True), x.flip(3), x)
