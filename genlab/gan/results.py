"""The results of a GAN run: what was trained, how long it took, what was noticed."""

__all__ = [
    "ClassCounts", "Event", "GanResults", "Memorisation", "Origin", "read_gan_results",
]  # fmt: skip

from dataclasses import dataclass
from typing import Any

from genlab.common.typed_json import from_json
from genlab.data.identity import Identity
from genlab.runs.run import Run


@dataclass(frozen=True, kw_only=True)
class ClassCounts:
    """The classes that the images were conditioned on."""

    by: str
    """Their origin: "folders" or "clusters"."""
    names: list[str]
    counts: list[int]
    """The number of training images of each."""


@dataclass(frozen=True, kw_only=True)
class Memorisation:
    """The test of memorisation at the end of training (`genlab.metrics.memorisation`)."""

    network: str
    """The network whose features are compared."""
    reference: str
    """"held-out", or "leave-one-out": the real images among each other."""
    p: float | None
    """None, like all else but `duplicates`, where fewer than ten images are different."""
    share_nearer: float | None
    duplicates: int
    """Generated images that are training images, pixel for pixel."""
    near_duplicates: int | None
    authentic: float | None
    """The authenticity, a share of the different generated images."""
    fakes: int
    """Generated images."""
    different: int
    """How many of them are different."""
    train: int
    """Training images."""
    held_out: int
    """Held-out images."""


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something that went wrong (`gan/training/state.py`).

    A number that does not belong to its kind is None.
    """

    kind: str
    step: int
    """After a failure the step that training went back to."""
    words: str
    failed: int | None = None
    """The step of a failure."""
    epoch: int | None = None
    variety: float | None = None
    """The images' variety, as a share of the real ones'."""
    p: float | None = None
    """Of the test of memorisation."""
    levels: float | None = None
    """The standard deviation of a pixel over images, in levels of 255."""
    share: float | None = None
    """The discriminator's loss, as a share of that of a constant score."""


@dataclass(frozen=True, kw_only=True)
class Origin:
    """The training that a run goes on from (`gan/training/origin.py`).

    Epochs, steps and seconds are those of the run before and of all before that one.
    """

    run: str
    """The way from this run's folder to that one."""
    epochs: int
    steps: int
    seconds: float
    sha256: str
    """The SHA-256 of the networks and moments that it ended with."""
    data: Identity
    """The images that it learned from."""


@dataclass(frozen=True, kw_only=True)
class GanResults:
    """The `results.json` of a GAN run."""

    design: str
    """The name of the design."""
    design_numbers: dict[str, float]
    """Numbers that the design derives from the size."""
    betas: list[float]
    """Adam's betas."""
    size: int
    """The side S of the images, in pixels."""
    epochs: int
    images: int
    """Images that were trained on."""
    held_out: int
    """Images that were held out."""
    batch: int
    seconds: float
    """Training time."""
    images_per_second: float
    parameters_generator: int
    parameters_discriminator: int
    snapshots: list[int]
    """The epochs of the snapshots."""
    pretrained: str | None
    """The pretrained network that the discriminator uses, if any."""
    classes: ClassCounts | None
    best_epoch: int | None
    """The measured epoch that was nearest to the held-out images; None if none was measured."""
    measured_with: list[dict[str, Any]]
    """The networks of the measurements."""
    memorisation: Memorisation | None
    events: list[Event]
    """What went wrong: the lines of `events.jsonl`."""
    data: Identity
    """The images."""
    origin: Origin | None = None
    """The training that this one goes on from; None: it began with new networks."""


def read_gan_results(run: Run) -> GanResults:
    """Returns the results of a finished GAN run.

    Raises:
        InputError: If there are none, or they are damaged.
    """
    return from_json(GanResults, run.results, str(run.path / "results.json"))
