"""Where a GAN's training is: what is saved of it, gone back to after a failure, and told of it.

    state           both players, the average, the best average so far, the optimisers' moments,
                    this epoch's sums, what was noted of the measurements, the alarms
    events.jsonl    what happened, one JSON object a line: "kind" is "not finite" (a failure), or
                    "collapse" or "memory" (alarms); the same list is in results.json

Numbers that are not finite (a loss, a gradient, a weight) are found before they are written
anywhere. Training then goes back to the last saved state with both learning rates halved, three
times in a run at most, and stops at the fourth.

After such an event a run is no longer repeatable bit for bit: which state was saved last depends
on the clock. Without one it is.
"""

__all__ = ["FAILURE", "Course"]

import copy
import json

from typing import Any

import torch

from torch import nn

from genlab import atomic
from genlab.engine.gan_watch import COLLAPSED, LEVEL
from genlab.engine.players import Players
from genlab.engine.processes import from_first, rank, wait
from genlab.engine.progress import say
from genlab.engine.run import Run, Stopwatch, require_finite
from genlab.engine.state import pack, unpack
from genlab.recipes.gan import GanConfig

RETRIES = 3
FAILURE, FILE = "not finite", "events.jsonl"
NONE = torch.finfo(torch.float64).max
RUNNING = 2
"""Measurements in a row that make an alarm."""


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
        # the best distance, its epoch, and how many measurements in a row were an alarm's
        self.noted = torch.tensor([NONE, 0, 0, 0], dtype=torch.float64)
        self.alarms: list[dict[str, Any]] = []  # part of the state; failures outlive going back
        self.failures = [e for e in _read_events(run) if e["kind"] == FAILURE]
        if not self.restore():
            self.save()  # so that there is a state to go back to from the first step on

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
        return int(self.noted[1]) or None

    def save(self) -> None:
        """Saves the state.

        Raises:
            FloatingPointError: If it is not finite; the one before stays.
        """
        text = torch.tensor(list(json.dumps(self.alarms).encode()), dtype=torch.uint8)
        own = {"sums": self.sums, "noted": self.noted, "alarms": text}
        tensors = pack(self.modules, self.players.optimisers) | own
        if rank() == 0:
            self.run.save_state(tensors, self.step, self.clock.seconds)
        else:  # whose tensors are the same ones: all processes fail, or none does
            require_finite(tensors, self.step)
        self.saved = self.clock.seconds

    def save_if_due(self, every: float) -> None:
        """Saves the state if that was `every` seconds ago; errors as of `save`."""
        if from_first(self.clock.seconds - self.saved > every):
            self.save()

    def restore(self) -> bool:
        """Goes to the last saved state; returns whether there was one."""
        wait()  # for the first to have written
        state = self.run.load_state()  # all do, and drop the same lines
        wait()
        if state is not None:
            tensors, self.step, seconds = state
            unpack(tensors, self.modules, self.players.optimisers)
            self.sums, self.noted = tensors["sums"], tensors["noted"]
            self.alarms = json.loads(bytes(tensors["alarms"].tolist()))
            self.clock, self.saved = Stopwatch(seconds), seconds
        self._use_rates()
        self._write_events()
        return state is not None

    def go_back(self, error: str) -> None:
        """Goes back to the last saved state, to try again more slowly.

        Arguments:
            error: What was not finite, and when.

        Raises:
            FloatingPointError: If that was tried often enough.
        """
        failed = self.step
        self.restore()
        if len(self.failures) == RETRIES:
            raise FloatingPointError(
                f"{error}, after {RETRIES} attempts with halved learning rates; the state of "
                f"step {self.step} is kept; train anew with lower --learning-rate and "
                "--discriminator-rate"
            )
        words = f"{error}: back to step {self.step}, with half the learning rates"
        self._tell(self.failures, FAILURE, words, failed=failed)
        self._use_rates()

    def check(self) -> None:
        """Raises `FloatingPointError` if a network or its average is not finite."""
        for name, module in self.players.modules.items():
            for key, tensor in module.state_dict().items():
                if tensor.is_floating_point() and not tensor.isfinite().all():
                    raise FloatingPointError(f"the {name}'s {key} is not finite")

    def judge(self, found: dict[str, Any], epoch: int) -> None:
        """Keeps the generator if it is the best so far; warns where two measurements agree."""
        nearness = found["distances"][0]["held_out"]
        if nearness is not None and nearness < self.noted[0]:
            self.best.load_state_dict(self.players.average.state_dict())
            self.noted[:2] = torch.tensor([nearness, epoch])
        collapsed = found["diversity"] < COLLAPSED
        if self._running(2, collapsed):
            words = (
                f"epoch {epoch}: the generated images have {found['diversity']:.0%} of the real "
                f"ones' variety, under {COLLAPSED:.0%} twice running"
            )
            self._tell(self.alarms, "collapse", words, epoch=epoch)
        # One blurred image, again and again, is nearer to all others than any of them is.
        copied = not collapsed and found["memory"] is not None and found["memory"] < LEVEL
        if self._running(3, copied):
            words = (
                f"epoch {epoch}: the generated images are nearer to the training images than held-"
                f"out images are (p = {found['memory']:.1g}), twice running: they may be copies"
            )
            self._tell(self.alarms, "memory", words, epoch=epoch)

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
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return [json.loads(line) for line in lines]
