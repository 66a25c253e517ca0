"""Generators and classes of finished GAN runs, rebuilt from JSON and safetensors.

Shapes: B batch, Z latent dimensions, S pixels a side.
"""

__all__ = ["END", "Choice", "classes_of", "gan_config", "load_chosen", "load_generator"]

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from torch import nn

from genlab.common.errors import InputError
from genlab.configs.gan import GanConfig
from genlab.data.classes import Classes
from genlab.gan.build import build_design, build_generator
from genlab.gan.classes import read_classes
from genlab.gan.designs import Design
from genlab.runs.records import readable
from genlab.runs.run import Run


@dataclass(frozen=True, kw_only=True)
class Choice:
    """A choice of one of a run's generators, and of how to draw from it.

    Raises:
        InputError: If both an epoch and the best are asked for, or `truncation` is not in [0, 1].
    """

    epoch: int | None = None
    """A snapshot's epoch; None: the end of the run."""
    best: bool = False
    """Take the generator that was nearest to the held-out images."""
    truncation: float = 1.0
    """Psi (`gan/truncation.py`): 1 leaves the images as they are, bit for bit; 0 makes all of
    them the mean image."""
    of_class: str | None = None
    """The class of all images, of a run with classes; None: drawn with their frequencies."""

    @property
    def record(self) -> dict[str, Any]:
        """What a record says of it beside epoch and truncation."""
        found: dict[str, Any] = {"best": True} if self.best else {}
        return found | ({} if self.of_class is None else {"class": self.of_class})

    def __post_init__(self) -> None:
        if self.best and self.epoch is not None:
            raise InputError(f"`best`, `epoch` {self.epoch}: give one of them")
        if not 0 <= self.truncation <= 1:  # not a number is neither
            raise InputError(
                f"`truncation` {self.truncation:g}: give a number from 0 (one mean image) to 1 "
                "(none)"
            )


END = Choice()
"""The generator at the end of the run, without truncation."""


class Chosen(NamedTuple):
    """The objects that a `Choice` of a run stands for."""

    generator: nn.Module
    config: GanConfig
    classes: Classes | None
    label: int | None
    """The class of all images; None: drawn."""


def gan_config(run: Run) -> GanConfig:
    """Returns the configuration of a GAN run.

    Raises:
        InputError: If it is not that of a GAN.
    """
    return run.config_as(GanConfig)


def classes_of(path: Path) -> Classes | None:
    """Returns the classes of a GAN run; None if it has none."""
    return None if gan_config(Run(path)).classes == "none" else read_classes(path)


def load_generator(
    path: str | Path, choice: Choice = END, design: Design | None = None
) -> nn.Module:
    """Rebuilds an averaged generator of a run.

    Arguments:
        path: The run directory.
        choice: Which of its generators.
        design: The design, of a run whose design is none of genlab's.

    Returns:
        The generator, in evaluation mode: latents `(B, Z)` (and labels `(B,)`, where the run has
        classes: `classes_of`) to images `(B, 3, S, S)` in [-1, 1].

    Raises:
        InputError: If `path` is no GAN run, has not come as far, kept no best generator, or is
            damaged.
    """
    path = Path(path)
    run = Run(path)
    if run.kind != "gan":
        raise InputError(f"{path}: a {run.kind!r} run; give the folder of a GAN run")
    config, classes = gan_config(run), classes_of(path)
    weights = run.weights(_weights_file(run, config, choice))
    with readable(path):
        design = design or build_design(config)
        network = build_generator(config, design, len(classes.names) if classes else 0)
        network.load_state_dict(weights)
    return network.eval().requires_grad_(False)


def load_chosen(path: Path, choice: Choice, design: Design | None = None) -> Chosen:
    """Returns the generator of a choice, with all that is needed to draw from it.

    Raises:
        InputError: If the run has no such class, truncation is asked of one with classes, or as of
            `load_generator`.
    """
    generator, classes = load_generator(path, choice, design), classes_of(path)
    if choice.truncation != 1 and classes is not None:
        raise InputError(
            f"`truncation` {choice.truncation:g}: images of a run with classes are drawn towards "
            "their own class, not towards one mean image; leave it out"
        )
    label = None
    if choice.of_class is not None:
        if classes is None:
            raise InputError(f"no class {choice.of_class!r}: {path} was trained without classes")
        label = classes.index(choice.of_class)
    return Chosen(generator, gan_config(Run(path)), classes, label)


def _weights_file(run: Run, config: GanConfig, choice: Choice) -> str:
    if choice.best:
        if run.done and run.results.get("best_epoch") is None:
            raise InputError(
                f"`best`: {run.path} measured nothing on held-out images, so none of its "
                "generators is known to be the best; leave it out"
            )
        return "best.safetensors"
    if choice.epoch is None:
        return "generator.safetensors"
    if choice.epoch not in config.snapshot_epochs:
        kept = ", ".join(map(str, config.snapshot_epochs))
        raise InputError(f"`epoch` {choice.epoch}: {run.path} keeps the epochs {kept}")
    return f"snapshots/epoch_{choice.epoch:03d}.safetensors"
