"""Tensors kept from one run to the next: images once read, weights once folded, features.

Beside `NAME.safetensors` in the cache lies `NAME.sha256`; only if both agree do the tensors
count. A cache that is damaged, or cannot be written, costs time and not the result.
"""

__all__ = ["cached", "is_cached", "read_cached"]

import hashlib

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from genlab.common import atomic
from genlab.common.paths import cache_folder
from genlab.common.progress import say

if TYPE_CHECKING:
    from torch import Tensor


def cached(name: str, make: "Callable[[], dict[str, Tensor]]") -> "dict[str, Tensor]":
    """Returns the tensors kept in the cache under `name`, made and kept first if need be.

    Arguments:
        name: Folder and name in the cache, say "weights/lenet"; it says all they depend on.
        make: Makes the tensors.
    """
    found = read_cached(name)
    if found is not None:
        return found
    tensors = make()
    target = _path(name)
    try:
        atomic.write_tensors(target, tensors)
        digest = hashlib.sha256(target.read_bytes()).hexdigest()
        atomic.write_bytes(target.with_suffix(".sha256"), digest.encode())
    except OSError as error:
        say(f"note: nothing is kept ({error}); it will be made again next time")
    return tensors


def is_cached(name: str) -> bool:
    """Returns whether something is kept under `name`, without reading it."""
    return _path(name).exists() and _path(name).with_suffix(".sha256").exists()


def read_cached(name: str) -> "dict[str, Tensor] | None":
    """Returns the tensors kept under `name`, or None if there are none, or damaged ones."""
    from safetensors.torch import load

    if not is_cached(name):
        return None
    data, seal = _path(name).read_bytes(), _path(name).with_suffix(".sha256").read_bytes()
    return load(data) if hashlib.sha256(data).hexdigest().encode() == seal else None


def _path(name: str) -> Path:
    return cache_folder() / f"{name}.safetensors"
