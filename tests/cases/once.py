"""What takes long is made once for all processes of a test session."""

import os

from collections.abc import Callable
from pathlib import Path

import pytest

from filelock import FileLock


def session_folder(factory: pytest.TempPathFactory) -> Path:
    """The folder that the processes of one session (pytest-xdist's workers) share."""
    base = factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


def made_once(
    factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]
) -> Path:
    """Returns a folder that `make` fills in the first process that asks; others wait for it.

    Tests read it and change nothing in it.
    """
    folder = session_folder(factory) / name
    with FileLock(folder.with_suffix(".lock")):
        if not folder.with_suffix(".made").exists():
            folder.mkdir()
            make(folder)
            folder.with_suffix(".made").touch()
    return folder
