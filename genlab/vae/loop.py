"""The loop that trains a VAE, or the prior alone of one that is trained."""

__all__ = ["NEVER", "elbo_of", "train_loop"]

import copy
import math

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn as nn

from torch import Tensor

from genlab.common.interrupt import held, stop, waiting
from genlab.common.progress import Progress
from genlab.common.rng import generator
from genlab.compute.hardware import CPU, rows_on, stored
from genlab.configs.vae import TrainingConfig
from genlab.runs.checkpoints import keep_if_due
from genlab.runs.clock import Stopwatch
from genlab.runs.run import BEGINNING, Run
from genlab.runs.state import pack, unpack
from genlab.vae.checkpoints import checkpoint_plan
from genlab.vae.divergence import (
    part_not_finite,
    refuse_gradient,
    refuse_model,
    refuse_value,
    refused_as_divergence,
)
from genlab.vae.model import VAE
from genlab.vae.posteriors import Posterior
from genlab.vae.splits import TEST_SEED, Splits
from genlab.vae.step import step_bound

SAVE_EVERY_S = 60.0
ENCODED = 256
"""Images encoded at a time, where they are encoded once."""
NEVER = torch.finfo(torch.float64).min
"""The best ELBO where no weights were kept yet."""


def rate(config: TrainingConfig, step: int, steps: int) -> float:
    """The learning rate: a short rise, then half a cosine to zero; or always the same."""
    if config.schedule == "constant":
        return config.learning_rate
    rise = max(1, steps // 50)
    if step < rise:
        return config.learning_rate * (step + 1) / rise
    angle = math.pi * (step - rise) / max(1, steps - rise)
    return config.learning_rate * 0.5 * (1 + math.cos(angle))


class Best:
    """The best weights so far by the validation ELBO, and for how many epochs they have been."""

    def __init__(self, model: nn.Module) -> None:
        self.model = copy.deepcopy(model)
        self.record = torch.tensor([NEVER, 0.0], dtype=torch.float64)  # ELBO, epochs waited

    def note(self, model: nn.Module, elbo: float) -> None:
        """Takes the weights if they are better."""
        if elbo > self.record[0]:
            self.model.load_state_dict(model.state_dict())
            self.record = torch.tensor([elbo, 0.0], dtype=torch.float64)
        else:
            self.record[1] += 1


def train_loop(
    config: TrainingConfig, run: Run, model: VAE, splits: Splits,
    device: torch.device = CPU.device, *, prior_only: bool = False,
) -> tuple[float, int]:
    """Trains `model` from where `run` is; returns the seconds that took and the epochs done.

    The model is moved to the device, and stays there. With `prior_only` the encoder and decoder
    stay as they are and the prior maximises ln p(z) of the codes.

    Raises:
        TrainingError: If training diverges; the last saved state stays.
        Stopped: On a signal, with the state of the step saved.
    """
    learns = model.to(device).prior if prior_only else model.to(device)
    parameters = [p for p in learns.parameters() if p.requires_grad]
    if not parameters:  # the standard Gaussian, post hoc
        return 0.0, 0
    optimiser = torch.optim.Adam(parameters, lr=config.learning_rate, fused=True)
    images = stored(splits.train, device)
    codes = kept_codes(model, splits, device) if prior_only else None
    steps_per_epoch = math.ceil(len(images) / config.batch)
    steps = config.epochs * steps_per_epoch
    step, watch, plan = 0, Stopwatch(), checkpoint_plan(config, len(images))
    sums = torch.zeros(3, dtype=torch.float64)  # of the bound, RE and Omega, over this epoch
    best = Best(model) if splits.valid is not None else None
    modules: dict[str, nn.Module] = {"vae": model} | ({"best": best.model} if best else {})
    if state := run.load_state():
        tensors, step, before = state
        unpack(tensors, modules, {"adam": optimiser})
        sums, watch = tensors["sums"], Stopwatch(before)
        if best:
            best.record = tensors["best"]
    first, saved, epoch = step, watch.seconds, step // steps_per_epoch
    model.train()

    def save() -> None:
        tensors = pack(modules, {"adam": optimiser}) | {"sums": sums}
        tensors |= {"best": best.record} if best else {}
        run.save_state(tensors, step, watch.seconds)

    label = f"VAE, {model.prior.title.en} prior"
    with held(), Progress(steps, label, "steps", step) as progress:
        while epoch < config.epochs and not _waited_enough(config, best):
            shuffle = torch.randperm(len(images), generator=generator(config.seed, "order", epoch))
            for rows in shuffle.split(config.batch)[step % steps_per_epoch :]:
                for group in optimiser.param_groups:
                    group["lr"] = rate(config, step, steps)
                batch = rows_on(images, rows, device), rows.to(device)
                own = None if codes is None else codes[batch[1]]
                parts = train_step(config, model, optimiser, batch, step, epoch, prior_only, own)
                sums += parts
                step += 1
                if step <= BEGINNING:
                    run.log_beginning({"step": step, "bound": (parts[0] / len(rows)).item()})
                if step % steps_per_epoch == 0:
                    epoch += 1
                    means = sums / len(images)
                    record = _record(config, model, splits, epoch, step, means, best, prior_only)
                    run.log({"step": step, **record, "seconds": round(watch.seconds, 1)})
                    sums.zero_()
                    progress.advance(0, f"bound {record['bound']:.2f}")
                progress.advance()
                keep_if_due(run, plan, step, {"vae": model}, {"adam": optimiser})
                signal = waiting()
                if signal or watch.seconds - saved > SAVE_EVERY_S:
                    save()
                    saved = watch.seconds
                if signal:
                    stop(signal, step)
    if step > first:
        save()  # a measurement that is stopped is begun again without training
    if best:
        model.load_state_dict(best.model.state_dict())
    return watch.seconds, epoch


@torch.no_grad()
def kept_codes(model: VAE, splits: Splits, device: torch.device) -> Posterior | None:
    """Returns q(z|x) of all training images, which are encoded once where the encoder stays.

    None for a likelihood that draws its images anew at every step: their codes change with them.
    """
    if model.likelihood.draws_images:
        return None
    random = generator(0, "codes")  # what is observed does not depend on it
    return model.posterior_of_many(
        model.likelihood.observe(part.to(device), random) for part in splits.train.split(ENCODED)
    )


def _waited_enough(config: TrainingConfig, best: Best | None) -> bool:
    return best is not None and best.record[1].item() >= (config.patience or math.inf)


def train_step(
    config: TrainingConfig, model: VAE, optimiser: torch.optim.Optimizer,
    batch: tuple[Tensor, Tensor], step: int, epoch: int, prior_only: bool = False,
    codes: Posterior | None = None,
) -> Tensor:
    """One step on grey images and their rows; returns the sums of the bound, RE and Omega.

    With `prior_only` the prior learns from their codes, which are computed if not given.

    Raises:
        TrainingError: If the bound or its gradient is not finite; no weight has changed.
    """
    random = generator(config.seed, "step", step)
    grey_images, rows = batch
    where = f"in epoch {epoch + 1}, step {step + 1}"
    x = model.likelihood.observe(grey_images, random)
    if prior_only and codes is None:
        with torch.no_grad():
            codes = model.posterior(x)
    with refused_as_divergence(where, step + 1):
        bound, terms = step_bound(config, model, x, rows, random, epoch, codes)
        loss = -bound.mean()
        if not math.isfinite(value := -loss.item()):
            refuse_value("bound", value, where, step + 1, part_not_finite(model, x))
    optimiser.zero_grad()
    loss.backward()
    learned = [p for group in optimiser.param_groups for p in group["params"]]
    length = nn.utils.get_total_norm([p.grad for p in learned if p.grad is not None])
    refuse_gradient(length, model.named_parameters(), where, step + 1)
    if config.clip:
        clip_gradients(learned, length, config.clip)
    optimiser.step()
    none = torch.zeros_like(bound)
    parts = [bound, terms.re, terms.omega] if terms else [bound, none, none]
    return torch.stack(parts).detach().sum(1, dtype=torch.float64).cpu()


def clip_gradients(learned: list[nn.Parameter], length: Tensor, longest: float) -> None:
    """Scales a gradient that is too long; the others, most of them, are not written again."""
    if length > longest:
        nn.utils.clip_grads_with_norm_(learned, longest, length)


def _record(
    config: TrainingConfig, model: VAE, splits: Splits, epoch: int, step: int, means: Tensor,
    best: Best | None, prior_only: bool,
) -> Mapping[str, Any]:
    """One line of the metrics; some twenty times a run the test ELBO (one draw) joins it.

    Raises:
        TrainingError: If a weight, a buffer or an ELBO is not finite.
    """
    where = f"after epoch {epoch}, step {step}"
    refuse_model(model, where, step)
    bound, re, omega = means.tolist()
    for name, value in (("bound", bound), ("re", re), ("omega", omega)):
        refuse_value(name, value, where, step)
    record = {"epoch": epoch, "bound": bound}
    if config.objective == "elbo" and not prior_only:
        record |= {"re": re, "omega": omega}
    model.eval()
    with refused_as_divergence(where, step):
        if best is not None and splits.valid is not None:
            record["valid_elbo"] = elbo_of(model, splits.valid)
        if epoch % config.elbo_every == 0 or epoch == config.epochs:
            record["test_elbo"] = elbo_of(model, splits.test)
    for name in ("valid_elbo", "test_elbo"):
        refuse_value(name, record.get(name, 0.0), where, step)
    if best is not None:
        # While the regulariser is still warming up, no weights are kept: they are not yet it.
        if epoch >= config.warmup:
            best.note(model, record["valid_elbo"])
    model.train()
    return record


@torch.no_grad()
def elbo_of(model: VAE, x: Tensor) -> float:
    """Returns the mean ELBO of images, with one draw each and always the same noise."""
    random, total, log_prior = generator(TEST_SEED, "test curve"), 0.0, model.prior().log_prob
    device = next(model.parameters()).device
    for batch in x.split(1000):
        batch = batch.to(device)
        noise = torch.randn(1, len(batch), model.latent, generator=random).to(batch)
        total += model.terms(batch, noise, log_prior).elbo.double().sum().item()
    return total / len(x)
