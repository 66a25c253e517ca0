"""One step of a player's optimiser, down a loss that all processes share."""

__all__ = ["descend", "shorten"]

import torch

from torch import Tensor
from torch.optim import Adam

from genlab.compute.distributed import all_reduce_sum


def descend(optimiser: Adam, loss: Tensor, player: str, clip: float) -> None:
    """Takes one step down the loss, unless it or its gradient is not finite.

    A gradient longer than `clip` times its usual length is shortened to that; 0 shortens none.
    """
    told = loss.detach().clone()
    all_reduce_sum([told])  # all processes fail, or none does
    if not torch.isfinite(told):
        raise FloatingPointError(f"the {player}'s loss is {told.item()}")
    optimiser.zero_grad()
    loss.backward()
    gradients = [p.grad for g in optimiser.param_groups for p in g["params"] if p.grad is not None]
    all_reduce_sum(gradients)
    norms = torch._foreach_norm(gradients)  # pyright: ignore[reportPrivateImportUsage]
    length = torch.stack(norms).norm()  # NaN if one is; a tenth of the time of a maximum
    if not torch.isfinite(length):
        raise FloatingPointError(f"the {player}'s gradient is {length.item()} long")
    if clip:
        shorten(optimiser, gradients, length, clip)
    optimiser.step()


def shorten(optimiser: Adam, gradients: list[Tensor], length: Tensor, most: float) -> None:
    """Shortens the gradient g, of this length, to `most` times its usual length, if it is longer:

        g <- g min(1, most u / ||g||),   u = sqrt(sum_i v_i / (1 - beta_2^t)),

    v being Adam's second moments after t steps. Adam forgets with beta_2: where gradients suddenly
    are a hundred times as long, v lags behind and a step is up to 1 / sqrt(1 - beta_2) times the
    learning rate in every weight (Adafactor, Shazeer and Stern, 2018, sections 5 and 6, clips
    updates for that reason). The first step, of which nothing is usual, stays as it is.
    """
    (group,) = optimiser.param_groups
    states = [optimiser.state[p] for p in group["params"] if p in optimiser.state]
    if states:
        moments = torch.stack([state["exp_avg_sq"].sum() for state in states]).sum()
        steps = states[0]["step"].to(moments.device)  # where it is depends on the device
        usual = (moments / (1 - group["betas"][1] ** steps)).sqrt()
        length = length.clamp(min=torch.finfo(torch.float32).tiny)
        share = (most * usual / length).clamp(max=1.0)  # no question asked: it stays on its device
        torch._foreach_mul_(gradients, share)  # pyright: ignore[reportPrivateImportUsage]
