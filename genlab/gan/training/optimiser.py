"""One optimiser step on a loss that is summed over processes."""

__all__ = ["clip_gradients", "optimiser_step"]

import torch

from torch import Tensor
from torch.optim import Adam

from genlab.common.errors import TrainingError
from genlab.compute.distributed import all_reduce_sum


def optimiser_step(optimiser: Adam, loss: Tensor, player: str, clip: float) -> None:
    """Takes one step down the loss, unless the loss or its gradient is not finite.

    Arguments:
        optimiser: Adam, with one group of parameters.
        loss: This process's part of the loss, a scalar.
        player: What errors call the network.
        clip: The longest gradient, in multiples of its usual length (`clip_gradients`); 0: any.

    Raises:
        TrainingError: If the loss or the gradient is not finite; no weight has changed.
    """
    total = loss.detach().clone()
    all_reduce_sum([total])  # all processes fail, or none does
    if not torch.isfinite(total):
        raise TrainingError(f"the {player}'s loss is {total.item()}", f"{player}'s loss")
    optimiser.zero_grad()
    loss.backward()
    gradients = [p.grad for g in optimiser.param_groups for p in g["params"] if p.grad is not None]
    all_reduce_sum(gradients)
    norms = torch._foreach_norm(gradients)  # pyright: ignore[reportPrivateImportUsage]
    length = torch.stack(norms).norm()  # NaN if one is; a tenth of the time of a maximum
    if not torch.isfinite(length):
        raise TrainingError(
            f"the {player}'s gradient is {length.item()} long", f"{player}'s gradient"
        )
    if clip:
        clip_gradients(optimiser, gradients, length, clip)
    optimiser.step()


def clip_gradients(optimiser: Adam, gradients: list[Tensor], length: Tensor, most: float) -> None:
    """Clips the gradient g, of norm `length`, to `most` times its usual norm:

        g <- g min(1, most u / ||g||),   u = sqrt(sum_i v_i / (1 - beta_2^t)),

    v being Adam's second moments after t steps. Adam forgets with beta_2: where gradients suddenly
    are a hundred times as long, v lags behind and a step is up to 1 / sqrt(1 - beta_2) times the
    learning rate in every weight (Adafactor, Shazeer and Stern, 2018, sections 5 and 6, clips
    updates for that reason). The first step, before which no usual norm is known, is not clipped.
    """
    (group,) = optimiser.param_groups
    states = [optimiser.state[p] for p in group["params"] if p in optimiser.state]
    if states:
        moments = torch.stack([state["exp_avg_sq"].sum() for state in states]).sum()
        steps = states[0]["step"].to(moments.device)  # where it is depends on the device
        usual = (moments / (1 - group["betas"][1] ** steps)).sqrt()
        length = length.clamp(min=torch.finfo(torch.float32).tiny)
        factor = (most * usual / length).clamp(max=1.0)  # stays on its device: no host sync
        torch._foreach_mul_(gradients, factor)  # pyright: ignore[reportPrivateImportUsage]
