r"""Trains the classifier of digits in `genlab/networks/pretrained/digits.safetensors`.

    python -m benchmarks.train_digits_classifier FILE.safetensors

About six minutes on one core. Cross-entropy, Adam under a one-cycle schedule, batches of 128;
each digit is turned by up to 10 degrees, scaled by 0.9 to 1.1 and shifted by up to 2 pixels,
anew in every epoch. The weights follow from the seed on one machine and version of torch; the
package keeps those that its SHA-256 names.

References:
    | Super-Convergence (Smith & Topin, 2018), https://arxiv.org/abs/1708.07120

Shapes: N digits, B in a batch.
"""

__all__ = ["accuracy", "distort", "train_digits"]

import sys

from pathlib import Path

import torch
import torch.nn.functional as F

from torch import Tensor

import genlab.data

from genlab.common import atomic
from genlab.common.errors import InputError
from genlab.common.progress import Progress, say
from genlab.common.rng import generator, seeded
from genlab.data.image_splits import ImageSplits
from genlab.networks.pretrained.digits import DigitsNet, to_input

BATCH, RATE = 128, 4e-3
TURN, SCALE, SHIFT = 10.0, 0.1, 2.0  # degrees, share, pixels


def distort(x: Tensor, random: torch.Generator) -> Tensor:
    """Returns digits slightly turned, scaled and shifted, each in its own way.

    Arguments:
        x: What `to_input` returns, with shape `(B, 1, 28, 28)`.
        random: Where the turns, scales and shifts come from.
    """
    angle, scale, right, down = torch.rand(4, len(x), generator=random) * 2 - 1
    angle, scale = angle * TURN * torch.pi / 180, 1 + SCALE * scale
    move = 2 * SHIFT / x.shape[-1]  # the grid spans [-1, 1]
    rows = [scale * angle.cos(), -scale * angle.sin(), right * move,
            scale * angle.sin(), scale * angle.cos(), down * move]  # fmt: skip
    grid = F.affine_grid(torch.stack(rows, 1).view(-1, 2, 3), list(x.shape), align_corners=False)
    return F.grid_sample(x, grid, mode="bilinear", align_corners=False)


def train_digits(digits: ImageSplits, epochs: int = 8, seed: int = 0) -> DigitsNet:
    """Trains the classifier on the training digits.

    Arguments:
        digits: Digits with labels.
        epochs: How often each digit is seen.
        seed: Initial weights, order and distortions follow from it.

    Raises:
        InputError: If the digits have no labels.
    """
    if digits.train_labels is None:
        raise InputError(f"{digits.identity.source}: digits without labels; use mnist or mnist-5k")
    x, labels = to_input(digits.train[:, None]), digits.train_labels.long()
    with seeded(seed, "digits network"):
        network = DigitsNet()
    optimiser = torch.optim.Adam(network.parameters(), RATE)
    steps = epochs * (len(x) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=steps)
    with Progress(steps, "training the classifier of digits", "steps") as progress:
        for epoch in range(epochs):
            random = generator(seed, "digits order", epoch)
            order = torch.randperm(len(x), generator=random)
            for rows in order.split(BATCH)[: len(x) // BATCH]:
                loss = F.cross_entropy(network(distort(x[rows], random)), labels[rows])
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
                schedule.step()
                progress.advance(note=f"loss {loss.item():.3f}")
    return network.requires_grad_(False).eval()


@torch.no_grad()
def accuracy(network: DigitsNet, images: Tensor, labels: Tensor) -> float:
    """Returns the share of digits, uint8 `(N, H, W)`, whose most probable class is the label."""
    parts = [network(to_input(part[:, None])).argmax(1) for part in images.split(1000)]
    return (torch.cat(parts) == labels).double().mean().item()


def main() -> None:
    if len(sys.argv) != 2:
        raise SystemExit("usage: python -m benchmarks.train_digits_classifier FILE.safetensors")
    digits = genlab.data.splits("mnist")
    network = train_digits(digits)
    if digits.test_labels is not None:
        say(f"test accuracy {accuracy(network, digits.test, digits.test_labels):.4f}")
    atomic.write_tensors(Path(sys.argv[1]), network.state_dict())


if __name__ == "__main__":
    main()
