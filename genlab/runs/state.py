"""Training state as flat named tensors: modules and optimisers in, safetensors-ready dict out."""

__all__ = ["pack", "unpack"]

from collections.abc import Mapping

import torch.nn as nn

from torch import Tensor
from torch.optim import Optimizer


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
