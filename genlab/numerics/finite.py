"""Tensors by name: the first that is not finite."""

__all__ = ["first_not_finite"]

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def first_not_finite(tensors: "Mapping[str, Tensor]") -> str | None:
    """Returns the name of the first tensor with a NaN or an infinity; None if there is none."""
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not tensor.isfinite().all():
            return name
    return None
