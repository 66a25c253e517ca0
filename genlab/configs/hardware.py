"""The hardware of a training, which may change between two sessions of one run."""

__all__ = ["HardwareConfig"]

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class HardwareConfig:
    """Device, precision and compilation.

    They do not affect the model, so they are not part of `GanConfig`. A run may be resumed on
    other hardware; its results are then the same up to rounding, and it prints a note.
    """

    device: Literal["auto", "cpu", "cuda"] = "auto"
    """The device of the networks; auto: a GPU where there is one for each process."""
    precision: Literal["float32", "bf16", "auto"] = "float32"
    """bf16: networks run in mixed precision (losses, penalties, averages, optimisers stay
    float32); needs a GPU, or a processor, with units for it to be of use. auto: bf16 where a
    short trial shows that it is faster."""
    compile: bool = False
    """Compile the networks that learn first (torch.compile), if their gradients stay the same:
    takes minutes and a C++ compiler (on a GPU Triton), worth it in long runs."""
