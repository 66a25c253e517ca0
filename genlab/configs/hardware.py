"""How training is to run: what may change between two sessions of one run."""

__all__ = ["HardwareConfig"]

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class HardwareConfig:
    """Device, precision, compiled or not: no part of what is learned, so not of `GanConfig`.

    A run may go on with others; it is then the same but for rounding, and says so.
    """

    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where networks compute; auto: on a GPU where there is one for each process."""
    precision: Literal["float32", "bf16", "auto"] = "float32"
    """bf16: networks run in mixed precision (losses, penalties, averages, optimisers stay
    float32); needs a GPU, or a processor, with units for it to be of use. auto: bf16 where a
    short trial shows that it is faster."""
    compile: bool = False
    """Compile the networks that learn first (torch.compile), if their gradients stay the same:
    takes minutes and a C++ compiler (on a GPU Triton), worth it in long runs."""
