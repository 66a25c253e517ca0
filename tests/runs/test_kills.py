"""Killed commands leave what they leave undisturbed; `benchmarks/kills.py` at length."""

import os
import random

from collections.abc import Iterator
from pathlib import Path

import pytest

from cases.kills import COMMANDS, Commands, fight, in_peace, make_arena, make_inputs

pytestmark = [
    pytest.mark.slow, pytest.mark.skipif(os.name != "posix", reason="SIGKILL and fork are POSIX's")
]  # fmt: skip
KILLED = {"vae train": 3, "gan train, scratch": 2, "fid": 2, "data check": 2}
"""Kills of each command."""


@pytest.fixture(scope="module")
def commands() -> Iterator[Commands]:
    started = Commands(cold=6)
    yield started
    started.close()


@pytest.mark.parametrize("name", KILLED)
def test_a_killed_command_leaves_what_it_leaves_undisturbed(
    name: str, commands: Commands, tmp_path: Path
) -> None:
    (command,) = [one for one in COMMANDS if one.name == name]
    inputs = make_inputs(tmp_path / "inputs")
    peace = in_peace(commands, command, make_arena(tmp_path / "peace", inputs))
    arena = make_arena(tmp_path / "arena", inputs)
    found = fight(commands, command, peace, arena, KILLED[name], random.Random(name))
    assert found.kills
    assert not found.failed, found.failed
    assert not found.lost, found.lost
    assert not found.differing, found.differing
    assert not found.left, found.left
