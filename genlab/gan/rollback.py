"""Where a GAN's training is: what is saved of it, gone back to after a failure, and told of it.

    state           both players, the average, the best average so far, the optimisers' moments,
                    this epoch's sums, what was noted of the measurements, the alarms
    events.jsonl    what happened, one JSON object a line: "kind" is "not finite", "collapse",
                    "memory" or "little variety"; after one with "failed", a step, training went
                    back to "step". The same list is in results.json

Numbers that are not finite (a loss, a gradient, a weight) are found before they are written
anywhere. Collapse is a variety V (`watch.py`, equation 2) that has fallen,

    V < min(COLLAPSED, 1/2 max of those before), in two measurements running.

A run that never had more is told of after a third of its epochs, and goes on.

After what is not finite, or a collapse, training goes back to the state of the last measurement
that was healthy (the beginning, if none was) with both learning rates halved, three times in a run
at most. Then what is not finite ends the run; a collapse is told of, and training goes on. Where
it goes back to does not depend on the clock: a run that failed is as repeatable, bit for bit, as
any other.
"""

__all__ = ["Course"]

import copy
import json

from typing import Any

import torch

from torch import nn

from genlab.common import atomic
from genlab.common.errors import InputError
from genlab.common.progress import say
from genlab.compute.distributed import barrier, broadcast, rank
from genlab.configs.gan import GanConfig
from genlab.gan.monitor import COLLAPSED, LEVEL
from genlab.gan.players import Players
from genlab.runs.records import read_lines
from genlab.runs.run import Run, Stopwatch, require_finite_tensors
from genlab.runs.state import pack, unpack

RETRIES = 3
NOT_FINITE, COLLAPSE, MEMORY, POOR = "not finite", "collapse", "memory", "little variety"
FILE = "events.jsonl"
NONE = torch.finfo(torch.float64).max
RUNNING = 2
"""Measurements in a row that make an alarm."""
EARLY = 1 / 3
"""Of the epochs, in which little variety is no news."""
NEAREST, EPOCH, VARIETY, COLLAPSING, COPYING = range(5)
"""What is noted: the best distance and its epoch, the largest variety, and how many measurements
in a row there were with a collapse, and with copies."""


class Course:
    """A training in progress; starts where `run` was left.

    Arguments:
        config: The configuration.
        run: The run directory.
        players: The players; loaded with the saved state, if there is one.
        sums: How many numbers are summed over an epoch.
    """

    def __init__(self, config: GanConfig, run: Run, players: Players, sums: int) -> None:
        self.config, self.run, self.players = config, run, players
        self.step, self.clock = 0, Stopwatch()
        self.sums = torch.zeros(sums, dtype=torch.float64)
        self.best = copy.deepcopy(players.average)
        self.noted = torch.tensor([NONE, 0, 0, 0, 0], dtype=torch.float64)  # at NEAREST, ...
        self.poor = ""  # what the last measurement says of a variety that is
        self.alarms: list[dict[str, Any]] = []  # part of the state; failures outlive going back
        self.failures = [event for event in _read_events(run) if "failed" in event]
        if not self.restore():
            self.save(good=True)  # there is a state to go back to from the first step on

    @property
    def modules(self) -> dict[str, nn.Module]:
        """All networks of the state."""
        return self.players.modules | {"best": self.best}

    @property
    def events(self) -> list[dict[str, Any]]:
        """All that happened, in the order of steps."""
        return sorted([*self.failures, *self.alarms], key=lambda event: event["step"])

    @property
    def best_epoch(self) -> int | None:
        """The epoch whose generator was nearest to the held-out images, if that was measured."""
        return int(self.noted[EPOCH]) or None

    def save(self, good: bool = False) -> None:
        """Saves the state; a `good` one to go back to.

        Raises:
            FloatingPointError: If it is not finite; the one before stays.
        """
        text = torch.tensor(list(json.dumps(self.alarms).encode()), dtype=torch.uint8)
        own = {"sums": self.sums, "noted": self.noted, "alarms": text}
        tensors = pack(self.modules, self.players.optimisers) | own
        if rank() == 0:
            self.run.save_state(tensors, self.step, self.clock.seconds, good)
        else:  # whose tensors are the same ones: all processes fail, or none does
            require_finite_tensors(tensors, self.step)
        self.saved = self.clock.seconds

    def save_if_due(self, every: float) -> None:
        """Saves the state if that was `every` seconds ago; errors as of `save`."""
        if broadcast(self.clock.seconds - self.saved > every):
            self.save()

    def restore(self) -> bool:
        """Goes to the last saved state; returns whether there was one."""
        barrier()  # for the first to have written
        state = self.run.load_state()  # all do, and drop the same lines
        barrier()
        if state is not None:
            tensors, self.step, seconds = state
            unpack(tensors, self.modules, self.players.optimisers)
            if len(tensors["noted"]) != len(self.noted):
                raise InputError(
                    f"{self.run.path}: its training state is of another version of genlab; go on "
                    "with that one, or train anew into another --out"
                )
            self.sums, self.noted = tensors["sums"], tensors["noted"]
            self.alarms = json.loads(bytes(tensors["alarms"].tolist()))
            self.clock, self.saved = Stopwatch(seconds), seconds
        self._use_rates()
        self._write_events()
        return state is not None

    def fail(self, error: str) -> None:
        """Goes back after numbers that were not finite.

        Arguments:
            error: What was not finite, and when.

        Raises:
            FloatingPointError: If that was tried often enough.
        """
        if len(self.failures) < RETRIES:
            self._go_back(NOT_FINITE, error)
            return
        self._restore_good()
        raise FloatingPointError(
            f"{error}, after {RETRIES} attempts with halved learning rates; the state of step "
            f"{self.step} is kept; train anew with lower --learning-rate and --discriminator-rate"
        )

    def settle(self, epoch: int) -> None:
        """After a measurement: saves the state as one to go back to, or goes back, collapsed.

        A collapse after all attempts is told of; so is little variety, where it never was more,
        after the first third of the run, and at the end in any case.
        """
        running, poor = (broadcast(x) for x in (self.noted[COLLAPSING].item(), bool(self.poor)))
        if running == RUNNING and len(self.failures) < RETRIES:
            self._go_back(COLLAPSE, self.poor)
            return
        if running == RUNNING:
            self._tell(self.alarms, COLLAPSE, self.poor, epoch=epoch)
        elif poor and (epoch == self.config.epochs or (running == 0 and self._late(epoch))):
            self._tell(self.alarms, POOR, self.poor, epoch=epoch)
        if running == 0:
            self.save(good=True)

    def _late(self, epoch: int) -> bool:
        """Whether little variety is more than a beginning, and was not yet told of."""
        told = any(event["kind"] == POOR for event in self.alarms)
        return not told and epoch > EARLY * self.config.epochs

    def _go_back(self, kind: str, error: str) -> None:
        """Goes back to the last good state, to try again more slowly."""
        failed, spent = self.step, self.clock.seconds
        self._restore_good()
        self.clock = Stopwatch(spent)
        words = f"{error}: back to step {self.step}, with half the learning rates"
        self._tell(self.failures, kind, words, failed=failed)
        self._use_rates()

    def _restore_good(self) -> None:
        if rank() == 0:
            self.run.return_to_good()
        self.restore()

    def check(self) -> None:
        """Raises `FloatingPointError` if a network or its average is not finite."""
        for name, module in self.players.modules.items():
            for key, tensor in module.state_dict().items():
                if tensor.is_floating_point() and not tensor.isfinite().all():
                    raise FloatingPointError(f"the {name}'s {key} is not finite")

    def judge(self, found: dict[str, Any], epoch: int) -> None:
        """Keeps the generator if it is the best so far; notes a collapse; warns of copies."""
        nearness = found["distances"][0]["held_out"]
        if nearness is not None and nearness < self.noted[NEAREST]:
            self.best.load_state_dict(self.players.average.state_dict())
            self.noted[NEAREST], self.noted[EPOCH] = nearness, epoch
        variety, most = found["diversity"], self.noted[VARIETY].item()
        self.noted[VARIETY] = max(variety, most)
        self._running(COLLAPSING, variety < min(COLLAPSED, most / 2))
        self.poor = ""
        if variety < COLLAPSED:
            best = max(variety, most)
            self.poor = (
                f"epoch {epoch}: the generated images have {variety:.0%} of the real ones' "
                f"variety, where the most so far was {best:.0%}"
            )
        # One blurred image, again and again, is nearer to all others than any of them is.
        copied = not self.poor and found["memory"] is not None and found["memory"] < LEVEL
        if self._running(COPYING, copied):
            words = (
                f"epoch {epoch}: the generated images are nearer to the training images than held-"
                f"out images are (p = {found['memory']:.1g}), twice running: they may be copies"
            )
            self._tell(self.alarms, MEMORY, words, epoch=epoch)

    def _running(self, place: int, alarm: bool) -> bool:
        """Counts an alarm's measurements in a row; returns whether they are enough just now."""
        self.noted[place] = self.noted[place] + 1 if alarm else 0
        return self.noted[place].item() == RUNNING

    def _tell(
        self, events: list[dict[str, Any]], kind: str, words: str, **facts: int
    ) -> None:
        """Tells of an event, and keeps it."""
        say(f"warning: {kind}: {words}")
        events.append({"kind": kind, "step": self.step, "words": words, **facts})
        self._write_events()

    def _use_rates(self) -> None:
        config, share = self.config, 0.5 ** len(self.failures)
        for adam, rate in (
            (self.players.adam_generator, config.learning_rate),
            (self.players.adam_discriminator, config.discriminator_rate),
        ):
            for group in adam.param_groups:
                group["lr"] = rate * share

    def _write_events(self) -> None:
        if rank() == 0 and (self.events or (self.run.path / FILE).exists()):
            lines = [json.dumps(event, ensure_ascii=False) + "\n" for event in self.events]
            atomic.write_bytes(self.run.path / FILE, "".join(lines).encode())


def _read_events(run: Run) -> list[dict[str, Any]]:
    path = run.path / FILE
    return read_lines(path) if path.exists() else []
