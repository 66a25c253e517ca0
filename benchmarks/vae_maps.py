"""How fast convolutional VAEs of photographs train, beside others and beside their convolutions.

    python benchmarks/vae_maps.py [--rounds 5] [--threads 2]

Random images of 64 x 64 pixels in colour, 8 a step, float32, the same threads, in turn, several
rounds; medians of images a second. The sides:

    genlab             the step of `genlab vae train --recipe pictures`
    convolutions       the convolutions and linear layers of these networks alone, forwards and
                       backwards: no step of them can be faster on this processor
    AutoencoderKL      the encoder and decoder of diffusers' class restated, at the same widths and
                       latent: residual blocks with group normalisation at 64 pixels too
    pythae, CelebA     pythae's convolutional networks for CelebA restated: four strided
                       convolutions of 128 to 1,024 channels with batch normalisation, D = 64

Each side has the multiply-adds of an image's convolutions beside it: networks differ.
"""

import argparse
import statistics
import time

from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn as nn
import torch.nn.functional as F

from kept import keep
from torch import Tensor

from genlab.configs.vae import RECIPES as VAE_RECIPES
from genlab.vae.load import build_vae
from genlab.vae.loop import train_step

SHAPE, BATCH, STEPS = (3, 64, 64), 8, 24
LAYERS = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)


def images() -> Tensor:
    return torch.rand(BATCH, 3 * 64 * 64, generator=torch.Generator().manual_seed(0))


def genlab_step() -> tuple[Callable[[], None], nn.Module]:
    config = VAE_RECIPES["pictures"]()
    model = build_vae(config, SHAPE)
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
    batch = images(), torch.arange(BATCH)
    return lambda: train_step(config, model, optimiser, batch, 0, 0), model


def plain(loss: nn.Module, x: Tensor) -> Callable[[], None]:
    optimiser = torch.optim.Adam(loss.parameters(), lr=1e-3)

    def step() -> None:
        optimiser.zero_grad()
        loss(x).backward()
        optimiser.step()

    return step


class Block(nn.Module):
    """A residual block as in diffusers: norm, SiLU, convolution, twice; a 1x1 shortcut."""

    def __init__(self, inner: int, outer: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.GroupNorm(8, inner), nn.GroupNorm(8, outer)
        self.conv1 = nn.Conv2d(inner, outer, 3, padding=1)
        self.conv2 = nn.Conv2d(outer, outer, 3, padding=1)
        self.short = nn.Conv2d(inner, outer, 1) if inner != outer else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        h = self.conv1(F.silu(self.norm1(x)))
        return self.short(x) + self.conv2(F.silu(self.norm2(h)))


class AutoencoderKL(nn.Module):
    """Blocks of 32, 64, 128, 128 channels at 64, 32, 16, 8 pixels, one a side, and the loss."""

    def __init__(self, widths: tuple[int, ...] = (32, 64, 128, 128), latent: int = 16) -> None:
        super().__init__()
        down: list[nn.Module] = [nn.Conv2d(3, widths[0], 3, padding=1)]
        for index, (inner, outer) in enumerate(zip((widths[0], *widths), widths)):
            down.append(Block(inner, outer))
            if index < len(widths) - 1:
                down.append(nn.Conv2d(outer, outer, 3, stride=2, padding=1))
        last = widths[-1]
        down += [Block(last, last), nn.GroupNorm(8, last), nn.SiLU()]
        self.down = nn.Sequential(*down, nn.Conv2d(last, 2 * latent, 3, padding=1))
        up: list[nn.Module] = [nn.Conv2d(latent, last, 3, padding=1), Block(last, last)]
        back = widths[::-1]
        for index, (inner, outer) in enumerate(zip((back[0], *back), back)):
            up.append(Block(inner, outer))
            if index < len(back) - 1:
                up += [nn.Upsample(scale_factor=2.0), nn.Conv2d(outer, outer, 3, padding=1)]
        up += [nn.GroupNorm(8, back[-1]), nn.SiLU(), nn.Conv2d(back[-1], 3, 3, padding=1)]
        self.up = nn.Sequential(*up)

    def forward(self, x: Tensor) -> Tensor:
        x = x.view(-1, *SHAPE)
        mean, log_var = self.down(x).chunk(2, 1)
        z = mean + (0.5 * log_var).exp() * torch.randn_like(mean)
        kl = -0.5 * (1 + log_var - mean.square() - log_var.exp()).sum()
        return (F.mse_loss(self.up(z), x, reduction="sum") + 1e-3 * kl) / len(x)


class PythaeCeleba(nn.Module):
    """Four strided convolutions each way, with batch normalisation, and the loss."""

    def __init__(self, latent: int = 64) -> None:
        super().__init__()
        widths = (3, 128, 256, 512, 1024)
        self.down = nn.Sequential(*(
            nn.Sequential(nn.Conv2d(a, b, 4, 2, 1), nn.BatchNorm2d(b), nn.ReLU())
            for a, b in zip(widths, widths[1:])
        ))
        self.codes = nn.Linear(1024 * 16, 2 * latent)
        self.start = nn.Linear(latent, 1024 * 8 * 8)
        self.up = nn.Sequential(
            nn.ConvTranspose2d(1024, 512, 5, 2, 2, output_padding=1), nn.BatchNorm2d(512),
            nn.ReLU(), nn.ConvTranspose2d(512, 256, 5, 2, 2, output_padding=1),
            nn.BatchNorm2d(256), nn.ReLU(),
            nn.ConvTranspose2d(256, 128, 5, 2, 2, output_padding=1), nn.BatchNorm2d(128),
            nn.ReLU(), nn.ConvTranspose2d(128, 3, 5, 1, 2), nn.Sigmoid(),
        )

    def forward(self, x: Tensor) -> Tensor:
        images = x.view(-1, *SHAPE)
        mean, log_var = self.codes(self.down(images).flatten(1)).chunk(2, 1)
        z = mean + (0.5 * log_var).exp() * torch.randn_like(mean)
        kl = -0.5 * (1 + log_var - mean.square() - log_var.exp()).sum()
        made = self.up(self.start(z).view(-1, 1024, 8, 8))
        return (0.5 * F.mse_loss(made.flatten(1), x, reduction="sum") + kl) / len(x)


def layer_calls(model: nn.Module, run: Callable[[], None]) -> list[tuple[nn.Module, Tensor]]:
    """Returns the convolutions and linear layers that a step calls, with their inputs."""
    found: list[tuple[nn.Module, Tensor]] = []
    hooks = [
        layer.register_forward_hook(lambda one, args, _: found.append((one, args[0].detach())))
        for layer in model.modules() if isinstance(layer, LAYERS)
    ]
    run()
    for hook in hooks:
        hook.remove()
    return found


def convolutions_step() -> tuple[Callable[[], None], nn.Module]:
    step, model = genlab_step()
    calls = [(layer, x.requires_grad_(x.shape[1] != 3)) for layer, x in layer_calls(model, step)]

    def alone() -> None:
        for layer, x in calls:
            y = layer(x)
            y.backward(torch.ones_like(y))

    return alone, model


def multiply_adds(model: nn.Module, run: Callable[[], None]) -> float:
    """Returns the multiply-adds of an image's convolutions and linear layers, forwards."""
    total = 0
    for layer, x in layer_calls(model, run):
        weight = layer.weight
        if isinstance(layer, nn.Linear):
            total += weight.numel()
        elif isinstance(layer, nn.ConvTranspose2d):
            total += weight.numel() * x.shape[2] * x.shape[3]
        else:
            y = layer(x[:1])
            total += weight.numel() * y.shape[2] * y.shape[3]
    return total


def sides() -> dict[str, tuple[Callable[[], None], nn.Module]]:
    kl, celeba = AutoencoderKL(), PythaeCeleba()
    return {
        "genlab": genlab_step(), "convolutions": convolutions_step(),
        "AutoencoderKL": (plain(kl, images()), kl),
        "pythae, CelebA": (plain(celeba, images()), celeba),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    assert VAE_RECIPES["pictures"]().batch == BATCH
    steps = sides()
    costs = {
        name: multiply_adds(model, step) / 1e6
        for name, (step, model) in steps.items() if name != "convolutions"
    }
    rounds = []
    for _ in range(options.rounds):
        speeds = {}
        for name, (step, _) in steps.items():
            step()
            began = time.perf_counter()
            for _ in range(STEPS):
                step()
            speeds[name] = STEPS * BATCH / (time.perf_counter() - began)
        rounds.append(speeds)
    medians = {name: statistics.median(one[name] for one in rounds) for name in steps}
    for name, speed in medians.items():
        cost = f"{costs[name]:8.1f}" if name in costs else " " * 8
        print(f"{name:16} {speed:8.1f} images/s {cost} M multiply-adds an image")
    ratios = {
        name: statistics.median(one["genlab"] / one[name] for one in rounds)
        for name in steps if name != "genlab"
    }
    print("; ".join(f"genlab / {name}: {ratio:.2f}" for name, ratio in ratios.items()))
    results = {"threads": options.threads, "images_s": medians, "ratios": ratios}
    results |= {"multiply_adds_M": costs, "rounds": rounds}
    keep(Path(__file__).with_suffix(".json"), results)


if __name__ == "__main__":
    main()
