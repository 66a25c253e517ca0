"""Training state as flat named tensors: modules and optimisers in, safetensors-ready dict out."""

__all__ = ["pack", "readable", "unpack"]

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import torch.nn as nn

from safetensors import SafetensorError
from torch import Tensor
from torch.optim import Optimizer

from genlab.common.errors import InputError


def pack(
    modules: Mapping[str, nn.Module], optimisers: Mapping[str, Optimizer]
) -> dict[str, Tensor]:
    """Returns every tensor that the next step depends on, named `KIND/NAME/...`."""
    tensors: dict[str, Tensor] = {}
    for name, module in modules.items():
        for key, tensor in module.state_dict().items():
            tensors[f"module/{name}/{key}"] = tensor
    for name, optimiser in optimisers.items():
        for index, moments in optimiser.state_dict()["state"].items():
            for key, tensor in moments.items():
                tensors[f"optimiser/{name}/{index}/{key}"] = tensor
    return tensors


def unpack(
    tensors: Mapping[str, Tensor],
    modules: Mapping[str, nn.Module],
    optimisers: Mapping[str, Optimizer],
) -> None:
    """Loads what `pack` returned; learning rates are not state, they follow from the step."""
    for name, module in modules.items():
        prefix = f"module/{name}/"
        module.load_state_dict(
            {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
        )
    for name, optimiser in optimisers.items():
        prefix = f"optimiser/{name}/"
        moments: dict[int, dict[str, Tensor]] = {}
        for path, tensor in tensors.items():
            if path.startswith(prefix):
                index, key = path.removeprefix(prefix).split("/")
                moments.setdefault(int(index), {})[key] = tensor
        groups = optimiser.state_dict()["param_groups"]
        optimiser.load_state_dict({"state": moments, "param_groups": groups})


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Turns what loading a run may fail with into an `InputError` that names the run.

    Torch says that weights are of another shape by `RuntimeError`, safetensors that a file is
    damaged by its own error, a configuration of other fields is a `TypeError`.
    """
    try:
        yield
    except (RuntimeError, SafetensorError, TypeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(
            f"{path}: its weights and its configuration do not fit ({reason}); the run is damaged "
            "or was made by another version of genlab"
        ) from error
