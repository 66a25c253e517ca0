"""Curves over training."""

__all__ = ["bound_curve", "gan_curve"]

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure


def bound_curve(metrics: Sequence[Mapping[str, Any]], title: str, objective: str) -> Figure:
    """What training maximises, the test digits' ELBO, and the regulariser, by epoch, in nats."""
    figure = Figure(figsize=(6.4, 3.0), dpi=150, layout="constrained")
    left, right = figure.subplots(1, 2)
    epochs = [m["epoch"] for m in metrics]
    left.plot(epochs, [m["bound"] for m in metrics], label="training digits")
    tested = [m for m in metrics if "test_elbo" in m]
    left.plot(
        [m["epoch"] for m in tested], [m["test_elbo"] for m in tested], "o-", ms=3,
        label="test digits (ELBO)",
    )
    best = max(m["bound"] for m in metrics)
    left.set_ylim(best - 45, best + 5)
    left.set(xlabel="epoch", ylabel=f"{objective} (nats)")
    left.legend(frameon=False, fontsize=8)
    right.plot(
        [m["epoch"] for m in metrics if "omega" in m],
        [m["omega"] for m in metrics if "omega" in m], color="tab:green",
    )
    right.set(xlabel="epoch", ylabel=r"$\Omega$, training digits (nats)")
    for axis in (left, right):
        axis.grid(alpha=0.3)
    figure.suptitle(title, fontsize=10)
    return figure


def gan_curve(metrics: Sequence[Mapping[str, Any]], title: str) -> Figure:
    """The losses and the discriminator's mean scores of real and generated images, by epoch."""
    figure = Figure(figsize=(6.4, 3.0), dpi=150, layout="constrained")
    left, right = figure.subplots(1, 2)
    epochs = [m["epoch"] for m in metrics]
    left.plot(epochs, [m["loss_generator"] for m in metrics], label="generator")
    left.plot(epochs, [m["loss_discriminator"] for m in metrics], label="discriminator")
    left.set(xlabel="epoch", ylabel="loss")
    right.plot(epochs, [m["score_real"] for m in metrics], label="real images")
    right.plot(epochs, [m["score_fake"] for m in metrics], label="generated images")
    right.set(xlabel="epoch", ylabel="mean score of the discriminator")
    for axis in (left, right):
        axis.grid(alpha=0.3)
        axis.legend(frameon=False, fontsize=8)
    figure.suptitle(title, fontsize=10)
    return figure
