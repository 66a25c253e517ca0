"""Alignment of a picture with a part of another: which window of one looks most like the other.

The window (left, width, top, height) of picture a, in units of its sides, is moved by Gauss-Newton
steps until a, seen through it, and picture b differ least. Both are brought to mean 0 and norm 1,
so that brightness and contrast do not matter:

    u = normalised a(window),  v = normalised b,  step = argmin |v - u - J step|^2,
    J = du / dwindow,

solved by its normal equations.

References:
    | Parametric Image Alignment Using Enhanced Correlation Coefficient Maximization
    | (Evangelidis & Psarakis, 2008), sections 3 and 4

Shapes: P pairs of grey pictures, S x S pixels.
"""

__all__ = ["aligned", "seen_through"]

import torch
import torch.nn.functional as F

from torch import Tensor

DAMPING = 1e-3
FARTHEST = 0.1
"""The most that a step moves an edge of a window."""
SMALLEST, LARGEST = 0.6, 1.05
"""The side of a window."""
FLATTEST = 1e-6


def aligned(a: Tensor, b: Tensor, window: Tensor, steps: int) -> Tensor:
    """Returns the windows of `a` that look most like `b`, moved by some steps.

    Arguments:
        a: Pictures, float32 with shape `(P, S, S)`.
        b: The picture that each is compared with, of the same shape.
        window: Where to begin: left, width, top and height, with shape `(P, 4)`.
        steps: The number of steps.
    """
    target = b.flatten(1) - b.flatten(1).mean(1, keepdim=True)
    target = target / target.norm(dim=1, keepdim=True).clamp(min=FLATTEST)
    for _ in range(steps):
        window = _step(a, target, window)
    return window


def seen_through(a: Tensor, window: Tensor) -> Tensor:
    """Returns pictures as seen through their windows, `(P, S, S)`; outside the edge goes on."""
    side = a.shape[-1]
    place = (torch.arange(side, device=a.device) + 0.5) / side
    x = window[:, :1] + window[:, 1:2] * place
    y = window[:, 2:3] + window[:, 3:4] * place
    shape = (len(a), side, side)
    grid = torch.stack([x[:, None, :].expand(shape), y[:, :, None].expand(shape)], -1)
    return F.grid_sample(
        a[:, None], 2 * grid - 1, mode="bilinear", padding_mode="border", align_corners=False
    )[:, 0]


def _step(a: Tensor, target: Tensor, window: Tensor) -> Tensor:
    side = a.shape[-1]
    seen = seen_through(a, window)
    slopes = _slopes(seen, window)
    flat = seen.flatten(1) - seen.flatten(1).mean(1, keepdim=True)
    norm = flat.norm(dim=1, keepdim=True).clamp(min=FLATTEST)
    u = flat / norm
    # J is `slopes` about their means, over the norm, without their part along u
    mean, along = slopes.mean(2), (slopes @ u[:, :, None])[:, :, 0]
    square = slopes @ slopes.transpose(1, 2) - side**2 * mean[:, :, None] * mean[:, None]
    square = (square - along[:, :, None] * along[:, None]) / norm[:, None] ** 2
    fit = (u * target).sum(1, keepdim=True)
    right = ((slopes @ target[:, :, None])[:, :, 0] - along * fit) / norm
    damping = DAMPING * square.diagonal(dim1=1, dim2=2).mean(1).clamp(min=FLATTEST)
    step = torch.linalg.solve(square + damping[:, None, None] * torch.eye(4), right)
    moved = window + step.clamp(-FARTHEST, FARTHEST)
    size = moved[:, 1::2].clamp(SMALLEST, LARGEST)
    start = torch.minimum(moved[:, ::2].clamp(min=1 - LARGEST), LARGEST - size)
    return torch.stack([start[:, 0], size[:, 0], start[:, 1], size[:, 1]], 1)


def _slopes(seen: Tensor, window: Tensor) -> Tensor:
    """Returns the derivatives of what is seen by left, width, top and height, `(P, 4, S^2)`."""
    side = seen.shape[-1]
    place = (torch.arange(side) + 0.5) / side
    padded = F.pad(seen[:, None], (1, 1, 1, 1), mode="replicate")[:, 0]
    across = (padded[:, 1:-1, 2:] - padded[:, 1:-1, :-2]) * (side / 2 / window[:, 1, None, None])
    down = (padded[:, 2:, 1:-1] - padded[:, :-2, 1:-1]) * (side / 2 / window[:, 3, None, None])
    return torch.stack([across, across * place, down, down * place[:, None]], 1).flatten(2)
