"""The exponential moving average of a generator's weights, from which samples are drawn."""

__all__ = ["average_decay", "update_average"]

import torch

from torch import nn

from genlab.configs.gan import GanConfig


def average_decay(config: GanConfig, seen: int) -> float:
    """Returns the decay of the average in a step: 0.5^(batch / half-life).

    The half-life is `average_share` of the images seen so far, `average_images` at most: early
    in a run, when the generator changes fast, it is short (Karras et al., 2020, "ramp-up").

    Arguments:
        config: The configuration.
        seen: The number of images seen, those of this step included.
    """
    half_life = min(config.average_images, config.average_share * seen)
    return 0.5 ** (config.batch / half_life)


@torch.no_grad()
def update_average(average: nn.Module, current: nn.Module, decay: float) -> None:
    """Moves the average, batch-norm statistics included, towards `current`; copies counters."""
    pairs = [(a, c) for a, c in zip(average.state_dict().values(), current.state_dict().values())]
    floats = [(a, c) for a, c in pairs if a.is_floating_point()]
    pair = [a for a, _ in floats], [c for _, c in floats]
    torch._foreach_lerp_(*pair, 1 - decay)  # pyright: ignore[reportPrivateImportUsage]
    for a, c in pairs:
        if not a.is_floating_point():
            a.copy_(c)
