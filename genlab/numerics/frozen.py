"""Modules that gradients pass through without reaching their parameters."""

__all__ = ["frozen"]

from collections.abc import Iterator
from contextlib import contextmanager

import torch.nn as nn


@contextmanager
def frozen(module: nn.Module) -> Iterator[None]:
    """Keeps gradients out of a module's parameters inside the block."""
    parameters = [p for p in module.parameters() if p.requires_grad]
    for parameter in parameters:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in parameters:
            parameter.requires_grad_(True)
