"""A VAE's training that diverges: what is found, and what is said of it.

Each step's bound and gradient are looked at before any weight changes, all weights and buffers at
the end of each epoch, before anything is measured or written.

Shapes: B images, X pixels, D latent dimensions.
"""

__all__ = [
    "AGAIN", "part_not_finite", "refuse_codes", "refuse_gradient", "refuse_model",
    "refuse_value", "refused_as_divergence",
]  # fmt: skip

import math

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
import torch.nn as nn

from torch import Tensor

from genlab.common.errors import TrainingError
from genlab.numerics.finite import first_not_finite
from genlab.vae.model import VAE

ADVICE = (
    "the last saved state, if there is one, stays; try a lower `learning_rate`, a `clip`, or "
    "another prior"
)
AGAIN = "no result is written, the weights stay; train again with a lower `learning_rate`"
OF_TORCH = ("Expected parameter", "Expected value argument")
"""How the errors of torch's distributions begin, for parameters or values out of range."""


def refuse_value(name: str, value: float, where: str, step: int, why: str = "") -> None:
    """Raises `TrainingError` if a number is not finite.

    Arguments:
        name: The number's name.
        value: The number.
        where: The place in the training, for the message.
        step: The step.
        why: What is not finite first, if that is known.
    """
    if not math.isfinite(value):
        because = f": {why}" if why else ""
        raise TrainingError(f"the {name} is {value} {where}{because}; {ADVICE}", name, step)


def refuse_gradient(
    length: Tensor, parameters: Iterable[tuple[str, nn.Parameter]], where: str, step: int
) -> None:
    """Raises `TrainingError` if a gradient's length is not finite; names the parameter.

    The length of finite numbers is infinite where their squares are beyond float32's range. So
    would be Adam's second moments, and their parameters would never move again.
    """
    if length.isfinite():
        return
    name = next(
        (key for key, p in parameters if p.grad is not None and not p.grad.norm().isfinite()),
        "all parameters",
    )
    raise TrainingError(
        f"the gradient of {name} is not finite, or its square is not, {where}; {ADVICE}",
        f"gradient of {name}", step,
    )


def refuse_codes(mean: Tensor, log_std: Tensor) -> None:
    """Raises `TrainingError` if codes of images are not finite, or have no width.

    Arguments:
        mean: Means, with shape `(N, D)`.
        log_std: Log standard deviations, likewise.
    """
    std = log_std.exp()
    good = (mean.square().isfinite() & std.isfinite() & (std > 0)).all(1)
    if not good.all():
        raise TrainingError(
            f"the encoder's codes of {int((~good).sum())} of {len(mean)} images have means that "
            f"are not finite, or standard deviations that are not finite or 0; {AGAIN}", "codes",
        )  # fmt: skip


def refuse_model(model: nn.Module, where: str, step: int) -> None:
    """Raises `TrainingError` for the first parameter or buffer that is not finite."""
    if (key := first_not_finite(model.state_dict())) is not None:
        raise TrainingError(f"{key} is not finite {where}; {ADVICE}", key, step)


@torch.no_grad()
def part_not_finite(model: VAE, x: Tensor) -> str:
    """Returns which part of a model gives numbers that are not finite, in words; "" if none does.

    Arguments:
        model: The model, some of whose values are not finite.
        x: The images at which it is so, with shape `(B, X)`.
    """
    if (key := first_not_finite(model.state_dict())) is not None:
        return f"{key} is not finite"
    mean, log_std = model.encode(x)
    if not (mean.isfinite().all() and log_std.isfinite().all()):
        return "the encoder returns numbers that are not finite"
    if not log_std.exp().isfinite().all():
        return f"the encoder's log standard deviation is {log_std.max().item():.3g}"
    if not mean.square().isfinite().all():
        return f"the codes have exploded, up to {mean.abs().max().item():.1e}"
    if not model.posterior(x).centre.isfinite().all():
        return "the flow of the posterior returns numbers that are not finite"
    eta = model.decoder(mean)
    if not eta.isfinite().all():
        return "the decoder returns numbers that are not finite"
    if not model.likelihood.log_prob(x, eta).isfinite().all():
        return f"the likelihood is not finite at natural parameters up to {eta.abs().max():.1e}"
    if not model.prior().log_prob(mean).isfinite().all():
        return "the prior's density is not finite at the codes"
    return ""


@contextmanager
def refused_as_divergence(where: str, step: int | None = None) -> Iterator[None]:
    """Makes a `TrainingError` of what torch's distributions raise in the block.

    They refuse parameters and values that are not numbers, or negative where they must not be: a
    prior of one's own whose scale has turned negative, for instance.
    """
    try:
        yield
    except ValueError as error:
        if not str(error).startswith(OF_TORCH):
            raise
        first = " ".join(str(error).split(", but found")[0].split())
        raise TrainingError(f"{first}, {where}; {ADVICE}", "distribution", step) from error
