"""What every metric of features asks of its input, in one place and one wording.

Shapes: N samples, F features.
"""

__all__ = ["check_features", "check_sets"]

from torch import Tensor

from genlab.common.errors import InputError
from genlab.numerics.mkl_warmup import settle

settle()


def check_features(metric: str, which: str, x: Tensor, rows: int = 2) -> Tensor:
    """Returns features with shape `(N, F)` in float64, without their graph.

    Arguments:
        metric: The metric's name, for the message.
        which: Which of its sets this is, for the message.
        x: The features.
        rows: The fewest rows that the metric is defined for.

    Raises:
        InputError: If `x` is not `(N, F)`, N is below `rows`, or a value is not finite.
    """
    if x.ndim != 2 or x.shape[0] < rows or x.shape[1] < 1:
        raise InputError(
            f"{metric}: the {which} features have shape {tuple(x.shape)}; "
            f"they need (N, F), one row an image and at least {rows} rows"
        )
    if not x.isfinite().all():
        raise InputError(
            f"{metric}: the {which} features, {tuple(x.shape)}, contain non-finite values"
        )
    return x.detach().double()


def check_sets(metric: str, **sets: Tensor) -> tuple[Tensor, ...]:
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
