"""The requirements that every metric has of its input, in one place and one wording.

Shapes: N samples, F features.
"""

__all__ = ["Features", "as_tensor", "check_features", "check_sets", "kinds_of_rows"]

import hashlib

import numpy as np
import torch

from torch import Tensor

from genlab.common.errors import InputError
from genlab.metrics.rows import ROWS, Rows
from genlab.numerics.mkl_warmup import settle

settle()

Features = Tensor | np.ndarray
"""Features of N images, with shape `(N, F)` and any real dtype, on any device."""


def as_tensor(metric: str, what: str, x: Features) -> Tensor:
    """Returns an array or tensor as a tensor on the processor, without its graph.

    It is float64, and float32 where `x` is: large sets are widened in blocks (`rows.py`).

    Raises:
        InputError: If `x` is neither an array nor a tensor, or holds no real numbers.
    """
    if isinstance(x, Tensor) and not x.is_complex():
        return x.detach().to("cpu", x.dtype if x.dtype == torch.float32 else torch.float64)
    if isinstance(x, np.ndarray) and x.dtype.kind in "fiub":
        dtype = np.float32 if x.dtype == np.float32 else np.float64
        return torch.from_numpy(np.require(x, dtype, ["C", "W"]))
    kind = x.dtype if isinstance(x, Tensor | np.ndarray) else type(x).__name__
    raise InputError(
        f"{metric}: the {what} are {kind}; give a NumPy array or a tensor of real numbers"
    )


def check_features(metric: str, which: str, x: Features, rows: int = 2) -> Tensor:
    """Returns features with shape `(N, F)` in float32 or float64, without their graph.

    Arguments:
        metric: The metric's name, for the message.
        which: Which of its sets this is, for the message.
        x: The features.
        rows: The fewest rows that the metric is defined for.

    Raises:
        InputError: As `as_tensor`; if `x` is not `(N, F)`, N is below `rows`, or a value is not
            finite.
    """
    features = as_tensor(metric, f"{which} features", x)
    if features.ndim != 2 or features.shape[0] < rows or features.shape[1] < 1:
        raise InputError(
            f"{metric}: the {which} features have shape {tuple(features.shape)}; "
            f"they need (N, F), one row an image and at least {rows} rows"
        )
    if not all(part.isfinite().all() for part in features.split(ROWS)):
        raise InputError(
            f"{metric}: the {which} features, {tuple(features.shape)}, contain non-finite values"
        )
    return features


def kinds_of_rows(x: Tensor | Rows) -> Tensor:
    """Returns a number for each row of features `(N, F)`: equal numbers for equal rows.

    Features of one image are equal to the last bit only if they come from one batch; images
    themselves are compared by `genlab.features.pixels`.
    """
    seen: dict[bytes, int] = {}
    rows = x if isinstance(x, Rows) else Rows.of(x)
    return torch.tensor([
        seen.setdefault(hashlib.sha256(row).digest(), len(seen))
        for block in rows.blocks()
        for row in (block + 0.0).numpy()  # no negative zeros
    ])


def check_sets(metric: str, **sets: Features) -> tuple[Tensor, ...]:
    """Returns several named sets of features of one width, each through `check_features`.

    Raises:
        InputError: As `check_features`, or if the sets differ in F.
    """
    checked = tuple(
        check_features(metric, name.replace("_", "-"), x) for name, x in sets.items()
    )
    if len({x.shape[1] for x in checked}) > 1:
        shapes = ", ".join(f"{name} {tuple(x.shape)}" for name, x in sets.items())
        raise InputError(
            f"{metric}: features with shapes {shapes}; "
            "all need the same number of columns, from the same network"
        )
    return checked
