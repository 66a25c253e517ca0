"""Compilation (torch.compile) of the networks that learn, with a check of their gradients.

A compiled network can compute something else: with torch 2.13 on a processor the frozen
projection's values are right and the gradients through it are off by a quarter. So it is not
compiled. For the two networks that learn, every gradient of a batch must agree with that of the
uncompiled network before training begins: those by the weights, and those that the discriminator
passes to the generator.

Shapes: B batch, S pixels a side.
"""

__all__ = ["compile_players"]

from collections.abc import Callable
from typing import Any

import torch

from torch import Tensor, nn

from genlab.common.errors import InputError
from genlab.common.progress import say
from genlab.common.rng import generator
from genlab.compute.hardware import Hardware
from genlab.configs.gan import GanConfig
from genlab.gan.training.players import Players, call_with_labels

TOLERANCE = {"float32": 1e-3, "bf16": 0.2}
"""The largest relative difference of a gradient: rounding in another order, no more."""
FAINT = 1e-3
"""Gradients shorter than this share of the longest are compared with that share."""


def compile_players(players: Players, config: GanConfig) -> None:
    """Compiles the generator and the trained part of the discriminator; their weights stay.

    Calling them runs the compiled networks; their methods `forward` are not compiled.

    Raises:
        InputError: If a compiled network has other gradients, or lacks one.
    """
    say("compiling the networks, and comparing their gradients (minutes)")
    random, device = generator(config.seed, "compiled"), players.hardware.device
    images = torch.rand(2 * config.batch, 3, config.size, config.size, generator=random) * 2 - 1
    with torch.no_grad():
        views = players.project(images.to(device))
    labels = None
    if players.frequencies is not None:
        labels = torch.randint(len(players.frequencies), (len(images),), generator=random)
        labels = labels.to(device)
    z = torch.randn(config.batch, config.latent, generator=random).to(device)
    half = None if labels is None else labels[: config.batch]
    _compile("generator", players.generator, [(z, half)], players.hardware)
    # As the two updates call it: with weights that learn, then with frozen weights.
    fakes = [view[: config.batch] for view in views]
    joint = players.design.joint_batches
    calls = [(views, labels) if joint else (fakes, half), (fakes, half)]
    _compile("discriminator", players.discriminator, calls, players.hardware)


def _compile(name: str, network: nn.Module, calls: list[Any], hardware: Hardware) -> None:
    before = {key: tensor.clone() for key, tensor in network.state_dict().items()}
    network.compile(dynamic=False)  # an epoch's last, smaller batch is compiled too
    for learns, (x, labels) in zip((True, False), calls):
        network.requires_grad_(learns)
        wanted = _gradients(network.forward, network, x, labels, hardware)
        network.load_state_dict(before)  # batch-norms and spectral norms have moved on
        found = _gradients(network, network, x, labels, hardware)
        network.load_state_dict(before)
        network.requires_grad_(True).zero_grad()
        _compare(name, wanted, found, TOLERANCE[hardware.precision])


def _gradients(
    call: Callable[..., Any], network: nn.Module, x: Any, labels: Tensor | None,
    hardware: Hardware,
) -> list[Tensor]:
    """Returns the gradients of a fixed weighted sum of outputs, by weights and by views."""
    network.zero_grad()
    if isinstance(x, list):
        x = [view.detach().requires_grad_() for view in x]
    with hardware.autocast():
        found = call_with_labels(call, x, labels)
    random = torch.Generator().manual_seed(0)
    total = torch.zeros((), device=hardware.device)
    for part in found if isinstance(found, list) else [found]:
        total = total + (part.float() * torch.randn(part.shape, generator=random).to(part)).sum()
    total.backward()
    leaves = [*network.parameters(), *(x if isinstance(x, list) else [])]
    return [leaf.grad.float().clone() for leaf in leaves if leaf.grad is not None]


def _compare(name: str, wanted: list[Tensor], found: list[Tensor], tolerance: float) -> None:
    longest = max(gradient.norm() for gradient in wanted)
    worst = 1.0
    if len(wanted) == len(found):
        worst = max(
            ((a - b).norm() / a.norm().clamp(min=FAINT * longest)).item()
            for a, b in zip(wanted, found)
        )
    if not worst <= tolerance:  # true of NaN too
        raise InputError(
            f"`compile`: the {name} as torch compiles it has gradients that are off by "
            f"{worst:.1%}; leave out `compile`"
        )
