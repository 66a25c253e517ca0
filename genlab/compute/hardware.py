"""The hardware of a training: a device and a precision.

    randomness    drawn on the processor by `common/rng.py`, then moved: latents, order and
                  augmentations are the same on any device
    bf16          torch's autocast around the networks' forward passes. Trained weights, losses,
                  the R1 penalty with the pass that it differentiates, spectral norms, batch
                  statistics, averages, optimisers and measurements stay in float32
    auto          bf16 where the trial of `compute/precision.py` finds it faster
    float32       IEEE float32: TensorFloat-32 (10 bits of mantissa, which torch lets cuDNN's
                  convolutions use) is off inside `device_context`
    saving        tensors are saved from the processor and can be loaded onto any device

Each of several processes has a GPU of its own (`compute/device.py`).
"""

__all__ = [
    "CPU",
    "Hardware",
    "device_context",
    "keep_spectral_norms",
    "resolve_hardware",
    "rows_on",
    "stored",
]  # fmt: skip

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal, NamedTuple

import torch

from torch import Tensor, nn
from torch.nn.utils import parametrize

from genlab.common.errors import InputError
from genlab.common.progress import say
from genlab.compute.device import device_for
from genlab.compute.distributed import broadcast, world_size
from genlab.compute.precision import ieee, pays, require_bf16, speedup
from genlab.configs.hardware import HardwareConfig

SHARE = 0.25
"""The share of a GPU's free memory that training images may occupy."""


class Hardware(NamedTuple):
    """A device and a precision."""

    device: torch.device = torch.device("cpu")
    precision: Literal["float32", "bf16"] = "float32"
    compile: bool = False
    """Compile the trained networks of a GAN (`gan/training/compile.py`)."""

    def autocast(self, wanted: bool = True) -> torch.autocast:
        """Returns the context in which networks compute in bf16, if that is the precision."""
        on = wanted and self.precision == "bf16"
        return torch.autocast(self.device.type, torch.bfloat16, enabled=on)

    def frozen(self, network: nn.Module) -> nn.Module:
        """Returns a frozen network on the device.

        In bf16 its weights are rounded once; autocast would round them the same way in every pass.
        """
        return network.to(self.device, torch.bfloat16 if self.precision == "bf16" else None)

    @property
    def facts(self) -> dict[str, Any]:
        """The facts that a session records, as JSON values: keys of `environment.Session`."""
        gpu = torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else None
        return {
            "device": self.device.type, "gpu": gpu, "precision": self.precision,
            "compiled": self.compile,
        }  # fmt: skip


CPU = Hardware()


def resolve_hardware(config: HardwareConfig) -> Hardware:
    """Returns the hardware that is asked for; every process must call it.

    Raises:
        InputError: If this machine cannot do it.
    """
    device = device_for(config.device, own=True)
    if config.compile:
        _check_compiler(device)
    if config.precision == "auto":  # trials may end differently: the first process's counts
        short = broadcast(float(pays(device)))
        return Hardware(device, "bf16" if short else "float32", config.compile)
    if config.precision == "bf16":
        _check_bf16(device)
    return Hardware(device, config.precision, config.compile)


def _check_bf16(device: torch.device) -> None:
    """Refuses a GPU without bf16; prints a note on a processor that gains nothing by it."""
    if device.type == "cpu":
        if (times := speedup()) < 1:
            say(f"note: bf16: this processor has no units for it; a convolution runs "
                f"at {times:.1f} times float32's speed")  # fmt: skip
        return
    require_bf16(device)


def _check_compiler(device: torch.device) -> None:
    """Compiles one small function, so that a missing compiler is found before training."""
    if world_size() > 1:
        raise InputError(
            "`compile`: not with several processes, whose batch-norms talk to each other inside "
            "the networks; leave it out"
        )
    try:
        torch.compile(lambda x: (x + 1).sin())(torch.zeros(8, device=device))
    except RuntimeError as error:  # torch's errors of compiling are
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise InputError(
            f"`compile`: torch cannot compile here ({lines[0].strip()}); install a C++ compiler "
            "(g++ or clang; on a GPU Triton as well), or leave it out"
        ) from None


@contextmanager
def device_context(on: Hardware) -> Iterator[None]:
    """Makes the GPU the current one, and its float32 that of IEEE 754, inside the block."""
    if on.device.type == "cpu":
        yield
        return
    with torch.cuda.device(on.device), ieee(on.device):
        yield


def keep_spectral_norms(network: nn.Module, on: Hardware) -> None:
    """Keeps the power iterations of spectral norms, matrix products, out of autocast."""
    if on.precision == "float32":
        return
    for module in network.modules():
        if isinstance(module, parametrize.ParametrizationList):
            for step in module:
                step.forward = on.autocast(False)(step.forward)


def stored(images: Tensor, device: torch.device) -> Tensor:
    """Returns training images on the device if there is room, else as they are."""
    if device.type != "cuda" or images.nbytes > SHARE * torch.cuda.mem_get_info(device)[0]:
        return images
    return images.to(device)


def rows_on(images: Tensor, rows: Tensor, device: torch.device) -> Tensor:
    """Returns rows of the images, wherever these are stored, on the device."""
    if images.device.type != "cpu" or device.type == "cpu":
        return images[rows.to(images.device, non_blocking=True)]
    return images[rows].pin_memory().to(device, non_blocking=True)
