"""A small lab run and what is handed in of it."""

import shutil

from pathlib import Path

import pytest

from cases.lab import run_small_lab
from cases.once import made_once
from cases.verify import CODE, DOCX, SUPPORT, hand_in_by_three


@pytest.fixture(scope="session")
def lab_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small lab run that was killed and went on; its digits lie beside it as digits.npz."""
    return made_once(tmp_path_factory, "lab", run_small_lab) / "run"


@pytest.fixture(scope="session")
def handed_in_by_three(lab_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A class of three: two of one run, one with other weights and images; a folder each."""
    return made_once(
        tmp_path_factory, "class", lambda folder: hand_in_by_three(lab_run, folder)
    ) / "class"


@pytest.fixture
def handed_in(lab_run: Path, tmp_path: Path) -> Path:
    """A folder with a copy of what the run hands in."""
    folder = tmp_path / "handed in"
    folder.mkdir()
    for name in (DOCX, CODE, SUPPORT):
        shutil.copy(lab_run / "report" / name, folder)
    return folder
