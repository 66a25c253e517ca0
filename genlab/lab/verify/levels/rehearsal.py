"""A training repeated by the verifier: with the loops that train, and leaving next to nothing."""

__all__ = ["Enough", "Rehearsal", "stop_after"]

import time

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from genlab.runs.run import Run


class Enough(Exception):
    """The time is up, or the step wanted has come."""


class Rehearsal(Run):
    """A run that keeps its records in memory, and nothing else but snapshots of samples.

    Arguments:
        path: A folder for these.
        state: What to begin with, and its step; the beginning if not given.
        last: The kept step with which it ends.
    """

    def __init__(
        self, path: Path, state: tuple[dict[str, Tensor], int] | None = None,
        last: int | None = None,
    ) -> None:
        self.path, self.state, self.last = path, state, last
        self.steps, self.epochs = list[dict[str, Any]](), list[dict[str, Any]]()
        self.kept: dict[int, dict[str, Tensor]] = {}
        path.mkdir(exist_ok=True)  # a GAN's training writes its samples and classes there

    def load_state(self) -> tuple[dict[str, Tensor], int, float] | None:
        """Returns what it begins with."""
        return self.state and (*self.state, 0.0)

    def save_state(
        self, tensors: Mapping[str, Tensor], step: int, seconds: float, good: bool = False
    ) -> None:
        """Saves nothing."""

    def keep(self, tensors: Mapping[str, Tensor], step: int) -> None:
        """Keeps copies; ends the training if this step is its last."""
        self.kept[step] = {key: tensor.detach().clone() for key, tensor in tensors.items()}
        if step == self.last:
            raise Enough

    def log(self, record: Mapping[str, Any]) -> None:
        """Keeps an epoch's record."""
        self.epochs.append(dict(record))

    def log_beginning(self, record: Mapping[str, Any]) -> None:
        """Keeps a first step's record."""
        self.steps.append(dict(record))


def stop_after(seconds: float, network: nn.Module) -> None:
    """Ends the training in which this network works when the time is up."""
    end = time.monotonic() + seconds

    def look(*_: object) -> None:
        if time.monotonic() > end:
            raise Enough

    network.register_forward_pre_hook(look)
