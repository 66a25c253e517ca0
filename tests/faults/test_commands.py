"""The k-th call of a command fails: nothing is lost, the error names the file, the rerun is whole.

Here some k of each command, with the error number going round; `benchmarks/faults.py` takes every
k, each with every error.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

from cases.fault_commands import COMMANDS, Bench, nothing_drawn
from cases.faults import ERRORS, short
from cases.once import made_once

TRIED = {
    "vae train": 7, "gan train": 6, "compare": 3, "evaluate": 3, "fid": 4, "data check": 6,
    "gan sample": 6, "sheet": 8, "encode": 4, "interpolate": 4, "explore": 5, "doctor": 5,
    "submit": 10, "report again": 6,
}  # fmt: skip
"""How many calls of each command fail in turn."""


@pytest.fixture
def bench(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Bench]:
    """Makes the bench of a command."""

    def make(name: str) -> Bench:
        prepare = COMMANDS[name].prepare
        before = made_once(tmp_path_factory, prepare.__name__, prepare)
        return Bench(COMMANDS[name], before, tmp_path / "here")

    return make


def chosen(count: int, calls: int) -> list[int]:
    """Calls from the first to the last; the step shares no factor with the seven of a write."""
    step = max(1, calls // count)
    while step > 1 and (step % 7 == 0 or step % 3 == 0):
        step -= 1
    return list(range(1 + calls % step, calls + 1, step))


@pytest.mark.parametrize("name", TRIED)
def test_a_call_fails(name: str, bench: Callable[[str], Bench]) -> None:
    with nothing_drawn():
        trial = bench(name)
        for at in chosen(TRIED[name], len(trial.calls)):
            assert trial.check(at, ERRORS[at % 3])
        assert not trial.check(len(trial.calls) + 1, ERRORS[0])


@pytest.mark.parametrize("name", ["vae train", "sheet"])
def test_a_write_is_short_and_then_the_disk_is_full(
    name: str, bench: Callable[[str], Bench]
) -> None:
    with nothing_drawn():
        trial = bench(name)
        writes = [at for at, call in enumerate(trial.calls, 1) if call.kind == "write"]
        for at in writes[:: max(1, len(writes) // 3)]:
            assert trial.check(at, ERRORS[0], short)
