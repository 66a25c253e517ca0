"""The device of networks: `auto`, `cpu` or `cuda`.

Of several processes on a machine each takes the GPU of its number. Where they are more than the
GPUs, those that only extract features share them: they exchange rows of features,
which are on the processor by then, so gloo carries them. Those that train cannot: each needs a
GPU of its own, for what they tell each other goes from GPU to GPU.
"""

__all__ = ["DEVICES", "device_for", "problem"]

import os

import torch

from genlab.common.errors import InputError
from genlab.common.progress import say
from genlab.compute.distributed import gather_text

DEVICES = ("auto", "cpu", "cuda")
"""The values that may be asked for."""


def device_for(asked: str, *, own: bool = False) -> torch.device:
    """Returns the device for one of `DEVICES`, with its number; every process must call it.

    Arguments:
        asked: One of `DEVICES`.
        own: Whether each process needs a GPU to itself, as those that train together do.

    Raises:
        InputError: If `asked` is another word, "cuda" finds no GPU that works or too few, or
            "auto" finds them for some processes only: all must run on one kind of device.
    """
    if asked not in DEVICES:
        raise InputError(f"`device` {asked}: give one of {', '.join(DEVICES)}")
    why = "" if asked == "cpu" else problem() or (_shortage() if own else "")
    if asked == "cuda" and why:
        raise InputError(f"`device` cuda: {why}; or give `device` cpu")
    found = _gpu() if asked != "cpu" and not why else torch.device("cpu")
    if asked == "auto" and torch.cuda.is_available() and why:
        say(f"note: on the processor: {why}")
    if len(set(gather_text(found.type))) > 1:
        raise InputError(
            f"`device` {asked}: some processes have a GPU and some have none; give `device` cpu"
        )
    return found


def _gpu() -> torch.device:
    rank = int(os.environ.get("LOCAL_RANK", "0"))
    return torch.device("cuda", rank % torch.cuda.device_count())


def _shortage() -> str:
    gpus, processes = torch.cuda.device_count(), int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    if gpus >= processes:
        return ""
    return f"{processes} processes and {gpus} GPUs here; start --nproc-per-node {gpus} at most"


def problem() -> str:
    """Returns why no GPU can be used, or "" if one can: a sum on it is tried."""
    if torch.version.cuda is None and torch.version.hip is None:
        return "this torch is built for processors only; install its CUDA build"
    if not torch.cuda.is_available():
        return "no GPU is found (nvidia-smi lists those that the driver sees)"
    try:
        torch.ones(2, device=_gpu()).sum().item()
    except RuntimeError as error:  # a GPU too old for this torch, or full
        return f"the GPU does not work ({str(error).strip().splitlines()[0]})"
    return ""
