r"""Batch-norm over the batch of all processes, on any device.

With the sums of all processes' rows, of which there are n = sum_r B_r H W,

    mu = 1/n sum x,    sigma^2 = 1/n sum (x - mu)^2,
    y = gamma (x - mu) / sqrt(sigma^2 + eps) + beta,

which is what one process computes on the whole batch; the running variance takes
n/(n - 1) sigma^2, as torch's does. `torch.nn.SyncBatchNorm` does the same, but on GPUs only.

References:
    | Batch Normalization (Ioffe & Szegedy, 2015), algorithm 1, https://arxiv.org/abs/1502.03167

Shapes: B rows of this process, C channels, H W pixels.
"""

__all__ = ["SyncedBatchNorm2d", "synced"]

from typing import Any

import torch
import torch.distributed as dist

from torch import Tensor, nn

AXES = (0, 2, 3)


class SumOverProcesses(torch.autograd.Function):
    """y = sum_r x_r in every process. With the loss L = sum_r L_r, dL/dx = sum_r dL_r/dy."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        y = x.clone()
        dist.all_reduce(y)
        return y

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        (gradient,) = gradients
        return sum_over_processes(gradient)  # differentiable itself


def sum_over_processes(x: Tensor) -> Tensor:
    """Returns the sum over processes; every process must call it, and its backward pass."""
    found = SumOverProcesses.apply(x)
    assert isinstance(found, Tensor)
    return found


class SyncedBatchNorm2d(nn.BatchNorm2d):
    """Batch-norm whose statistics in training are those of all processes' rows together."""

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - the base class's name
        """Returns the normalised `input`, with shape `(B, C, H, W)`; B may differ by process."""
        if not self.training:
            return super().forward(input)
        x = input.float()  # of bf16 maps too
        count = x.new_tensor([x.numel() / x.shape[1]])
        dist.all_reduce(count)
        mean = sum_over_processes(x.sum(AXES)) / count
        centred = x - mean[:, None, None]
        variance = sum_over_processes(centred.square().sum(AXES)) / count
        self._follow(mean.detach(), (variance * count / (count - 1)).detach())
        scale = self.weight * (variance + self.eps).rsqrt()
        return (centred * scale[:, None, None] + self.bias[:, None, None]).to(input.dtype)

    def _follow(self, mean: Tensor, variance: Tensor) -> None:
        """Moves the running statistics."""
        assert self.momentum is not None
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(variance, self.momentum)
        self.num_batches_tracked += 1


def synced(module: nn.Module) -> nn.Module:
    """Replaces every batch-norm inside `module`, in place; parameters and names stay.

    Returns:
        The module itself, or its replacement.
    """
    if type(module) is nn.BatchNorm2d:
        twin = SyncedBatchNorm2d(module.num_features, module.eps, module.momentum)
        twin.weight, twin.bias = module.weight, module.bias
        twin.load_state_dict(module.state_dict())
        return twin.train(module.training)
    for name, child in module.named_children():
        setattr(module, name, synced(child))
    return module
