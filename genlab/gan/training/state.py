"""The state of a GAN training: checkpoints, rollback, events.

    state           both players, the average, the best average so far, the optimisers' moments,
                    this epoch's sums, the history of the measurements, the warnings
    events.jsonl    what went wrong, one JSON object a line: "kind" is "not finite", "collapse",
                    "memory", "little variety", "one picture" or "discriminator wins"; after one
                    with "failed", a step, training went back to "step". The same list is in
                    results.json

Numbers that are not finite (a loss, a gradient, a weight) are found before they are written
anywhere. A collapse is a variety V (`monitor.py`, equation 2) that has fallen,

    V < min(COLLAPSED, 1/2 max of the earlier ones), in two consecutive measurements.

A run whose variety was never higher gets a warning after a third of its epochs, and goes on.

After non-finite numbers or a collapse, training goes back to the state of the last healthy
measurement (the beginning, if there was none) with both learning rates halved, at most three
times in a run. The fourth time the run ends with an error, and is not done. The state it goes back
to does not depend on the clock: a run that failed can be repeated bit for bit like any other.

Two warnings are given at the end of a run, measured or not:

    one picture          the ten samples of the last epoch have a standard deviation of less than
                         `ONE_PICTURE` levels of 255, mean over the pixels. Of healthy runs it is
                         12 and more (ten epochs of `dcgan` on 160 faces; 20 after two of
                         `scratch`); before a generator has begun to learn it is 0.0 to 0.4
    discriminator wins   the discriminator's mean loss in the last epoch is less than `WON` times
                         that of a constant score of 0. Of healthy runs it is 0.25 and more at the
                         end, and 0.05 at least in any epoch
"""

__all__ = ["TrainingState"]

import copy
import json

from typing import Any, NamedTuple

import torch

from torch import Tensor, nn

from genlab.common import atomic
from genlab.common.errors import InputError, TrainingError
from genlab.common.formats.json_text import read_value
from genlab.common.interrupt import stop, waiting
from genlab.common.progress import say
from genlab.common.typed_json import fits
from genlab.compute.distributed import barrier, broadcast, largest, rank
from genlab.configs.gan import GanConfig
from genlab.gan.results import Origin
from genlab.gan.training.monitor import COLLAPSED, LEVEL
from genlab.gan.training.players import Players
from genlab.numerics.finite import first_not_finite
from genlab.runs.clock import Stopwatch
from genlab.runs.records import read_lines, readable
from genlab.runs.run import Run, require_finite_tensors
from genlab.runs.seal import has
from genlab.runs.state import pack, unpack

RETRIES = 3
NOT_FINITE, COLLAPSE, MEMORY, POOR = "not finite", "collapse", "memory", "little variety"
ALIKE, WINS = "one picture", "discriminator wins"
ONE_PICTURE, WON = 1.0, 0.01
VARIETY = "variety"
"""The quantity of the error that a collapse is."""
FILE = "events.jsonl"
CONSECUTIVE = 2
"""Consecutive measurements that make an alarm."""
EARLY = 1 / 3
"""The share of the epochs in which little variety is expected."""


class History(NamedTuple):
    """A summary of the measurements so far; saved as float64."""

    nearest: float = torch.finfo(torch.float64).max
    """The smallest distance to the held-out images, and its epoch (0 before there is one)."""
    epoch: float = 0
    variety: float = 0
    """The largest variety."""
    collapsing: float = 0
    """Consecutive measurements with a collapse, up to now."""
    copying: float = 0
    """Consecutive measurements with images that may be copies, up to now."""

    def tensor(self) -> Tensor:
        """Returns the numbers as float64, with shape `(5,)`."""
        return torch.tensor(self, dtype=torch.float64)


class TrainingState:
    """A training in progress; starts where `run` was left.

    Arguments:
        config: The configuration.
        run: The run directory.
        players: The players; loaded with the saved state, if there is one.
        sums: How many numbers are summed over an epoch.
        origin: The training that this one goes on from.
    """

    def __init__(
        self, config: GanConfig, run: Run, players: Players, sums: int,
        origin: Origin | None = None,
    ) -> None:
        self.config, self.run, self.players, self.origin = config, run, players, origin
        self.step, self.clock = 0, Stopwatch()
        self.sums = torch.zeros(sums, dtype=torch.float64)
        self.best = copy.deepcopy(players.average)
        self.history = History()
        self.poor = ""  # the words on a variety that is low in the last measurement
        self.variety = 0.0  # of the last measurement
        self.warnings: list[dict[str, Any]] = []  # part of the state; failures outlive rollbacks
        self.failures = [event for event in read_events(run) if "failed" in event]
        if not self.restore():
            self.save(good=True)  # there is a state to go back to from the first step on

    @property
    def steps_before(self) -> int:
        """The steps of all training that this one goes on from."""
        return 0 if self.origin is None else self.origin.steps

    @property
    def epochs_before(self) -> int:
        """The epochs of it."""
        return 0 if self.origin is None else self.origin.epochs

    @property
    def modules(self) -> dict[str, nn.Module]:
        """All networks of the state."""
        return self.players.modules | {"best": self.best}

    @property
    def events(self) -> list[dict[str, Any]]:
        """All failures and warnings, in the order of steps."""
        return sorted([*self.failures, *self.warnings], key=lambda event: event["step"])

    @property
    def best_epoch(self) -> int | None:
        """The epoch whose generator was nearest to the held-out images, if that was measured."""
        return int(self.history.epoch) or None

    def save(self, good: bool = False) -> None:
        """Saves the state; a `good` one to go back to.

        Raises:
            TrainingError: If it is not finite; the last saved state stays.
        """
        text = torch.tensor(list(json.dumps(self.warnings).encode()), dtype=torch.uint8)
        own = {"sums": self.sums, "history": self.history.tensor(), "warnings": text}
        tensors = pack(self.modules, self.players.optimisers) | own
        if rank() == 0:
            self.run.save_state(tensors, self.step, self.clock.seconds, good)
        else:  # its tensors are the same: all processes fail, or none does
            require_finite_tensors(tensors, self.step)
        self.saved, self.saved_step = self.clock.seconds, self.step

    def save_if_due(self, every: float) -> None:
        """Saves the state if the last one is `every` seconds old, or a signal waits.

        Raises:
            Stopped: If a signal waits in any of the processes.
            TrainingError: As of `save`.
        """
        signal, old = largest([waiting(), self.clock.seconds - self.saved > every])
        if signal or old:
            self.save()
        if signal:
            stop(int(signal), self.step)

    def restore(self) -> bool:
        """Loads the last saved state; returns whether there was one."""
        barrier()  # until the first process has written
        state = self.run.load_state()  # every process does, and drops the same lines
        barrier()
        if state is not None:
            tensors, self.step, seconds = state
            with readable(self.run.path):
                unpack(tensors, self.modules, self.players.optimisers)
                self.sums, self.history = tensors["sums"], History(*tensors["history"].tolist())
                text = bytes(tensors["warnings"].tolist())
            self.warnings = _warnings(text, f"{self.run.path}: the warnings of its state")
            self.clock, self.saved, self.saved_step = Stopwatch(seconds), seconds, self.step
        self._set_learning_rates()
        self._write_events()
        return state is not None

    def check(self) -> None:
        """Raises `TrainingError` if a network or its average is not finite."""
        for name, module in self.players.modules.items():
            if (key := first_not_finite(module.state_dict())) is not None:
                raise TrainingError(f"the {name}'s {key} is not finite", f"{name}'s {key}")

    def fail(self, error: TrainingError, steps: int) -> None:
        """Goes back to the last good state after numbers that were not finite, or a collapse.

        Arguments:
            error: What went wrong.
            steps: Steps an epoch.

        Raises:
            TrainingError: If there have been as many attempts as are made.
        """
        failed, collapsed = self.step, error.quantity == VARIETY
        place = "" if collapsed else f" after step {failed} ({failed / steps:.2f} epochs)"
        if len(self.failures) < RETRIES:
            self._roll_back(COLLAPSE if collapsed else NOT_FINITE, f"{error}{place}")
            return
        self._restore_good()
        raise TrainingError(
            f"{error}{place}, after {RETRIES} attempts with halved learning rates; the state of "
            f"step {self.step} is kept; train anew with lower `learning_rate` and "
            "`discriminator_rate`" + (", or with more images" if collapsed else ""),
            error.quantity, failed,
        )  # fmt: skip

    def assess(self, measured: dict[str, Any], epoch: int) -> None:
        """Updates the best generator and the history by a measurement; warns of copies."""
        nearness, variety = measured["distances"][0]["held_out"], measured["diversity"]
        self.variety = variety
        history = self.history
        if nearness is not None and nearness < history.nearest:
            self.best.load_state_dict(self.players.average.state_dict())
            history = history._replace(nearest=nearness, epoch=epoch)
        self.poor = ""
        if variety < COLLAPSED:
            before = history.variety
            compared = f"down from {before:.0%}" if before > variety else "the most so far"
            self.poor = (
                f"epoch {epoch}: the generated images have {variety:.0%} of the real ones' "
                f"variety{f', {compared}' if before else ''}; under {COLLAPSED:.0%} many of them "
                "are alike"
            )
        collapsed = variety < min(COLLAPSED, history.variety / 2)
        # One blurred image, again and again, is nearer to all others than any of them is.
        p = measured["memory"]
        copied = not self.poor and p is not None and p < LEVEL
        self.history = history._replace(
            variety=max(variety, history.variety),
            collapsing=history.collapsing + 1 if collapsed else 0,
            copying=history.copying + 1 if copied else 0,
        )
        if p is not None and self.history.copying == CONSECUTIVE:
            words = (
                f"epoch {epoch}: the generated images are nearer to the training images than held-"
                f"out images are (p = {p:.1g}), twice running: they may be copies"
            )
            self._emit(self.warnings, MEMORY, words, epoch=epoch, p=p)

    def after_measurement(self, epoch: int) -> None:
        """Saves the state as a good one, if it is.

        A variety that never was higher is a warning, after the first third of the run, and at its
        end in any case.

        Raises:
            TrainingError: If the generator has collapsed, or the state is not finite.
        """
        collapsing = broadcast(self.history.collapsing)
        poor = broadcast(bool(self.poor))
        if collapsing == CONSECUTIVE:
            words = self.poor or f"epoch {epoch}: the generator has collapsed"  # another process
            raise TrainingError(words, VARIETY, self.step)
        if poor and (epoch == self.config.epochs or (collapsing == 0 and self._is_late(epoch))):
            self._emit(self.warnings, POOR, self.poor, epoch=epoch, variety=self.variety)
        if collapsing == 0:
            self.save(good=True)

    def assess_end(self, samples: Tensor, loss: float) -> None:
        """Warns of a generator of one picture, and of a discriminator that has won.

        Arguments:
            samples: The samples of the last epoch, uint8 with shape `(N, 3, S, S)`.
            loss: The discriminator's mean loss in that epoch.
        """
        deviation = samples.float().std(0).mean().item()
        if deviation < ONE_PICTURE:
            words = (
                f"the generated images are one picture, up to {deviation:.2f} of 255 levels; "
                "train longer, with a lower `learning_rate`, or with more images"
            )
            self._emit(self.warnings, ALIKE, words, epoch=self.config.epochs, levels=deviation)
        undecided = self.players.loss_of_no_opinion(samples)
        if undecided > 0 and (share := loss / undecided) < WON:  # losses may have no such scale
            words = (
                f"the discriminator tells nearly every generated image from a real one: its loss "
                f"in the last epoch is {share:.2%} of that of a constant score; lower "
                "`discriminator_rate`, or give more images"
            )
            self._emit(self.warnings, WINS, words, epoch=self.config.epochs, share=share)

    def _is_late(self, epoch: int) -> bool:
        """Returns whether little variety is unexpected, and not yet warned of."""
        warned = any(event["kind"] == POOR for event in self.warnings)
        return not warned and epoch > EARLY * self.config.epochs

    def _roll_back(self, kind: str, error: str) -> None:
        """Goes back to the last good state, to try again with smaller steps."""
        failed, spent = self.step, self.clock.seconds
        self._restore_good()
        self.clock = Stopwatch(spent)
        words = f"{error}: back to step {self.step}, with half the learning rates"
        self._emit(self.failures, kind, words, failed=failed)
        self._set_learning_rates()

    def _restore_good(self) -> None:
        if rank() == 0:
            self.run.return_to_good()
        self.restore()

    def _emit(self, events: list[dict[str, Any]], kind: str, words: str, **facts: float) -> None:
        """Prints an event, and records it."""
        say(f"warning: {kind}: {words}")
        events.append({"kind": kind, "step": self.step, "words": words, **facts})
        self._write_events()

    def _set_learning_rates(self) -> None:
        config, factor = self.config, 0.5 ** len(self.failures)
        for adam, rate in (
            (self.players.adam_generator, config.learning_rate),
            (self.players.adam_discriminator, config.discriminator_rate),
        ):
            for group in adam.param_groups:
                group["lr"] = rate * factor

    def _write_events(self) -> None:
        if rank() == 0 and (self.events or (self.run.path / FILE).exists()):
            lines = [json.dumps(event, ensure_ascii=False) + "\n" for event in self.events]
            atomic.write_bytes(self.run.path / FILE, "".join(lines).encode())


def _warnings(text: bytes, name: str) -> list[dict[str, Any]]:
    """Returns the warnings that a state holds, as JSON."""
    found = read_value(text, name)
    if not fits(found, list[dict[str, Any]]) or not all(fits(e.get("step"), int) for e in found):
        raise InputError(f"{name}: not what a run writes there")
    return found


def read_events(run: Run) -> list[dict[str, Any]]:
    """Returns the events that a run directory has on record."""
    path = run.path / FILE
    return read_lines(path) if has(path) else []
