"""A tiny lab run and what is handed in of it."""

import shutil

from pathlib import Path

import pytest

from cases.verify import CODE, DOCX, SUPPORT, hand_in_by_three, make_handed_in


@pytest.fixture(scope="session")
def lab_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny finished lab run; its digits lie beside it as digits.npz."""
    with pytest.MonkeyPatch.context() as patch:
        return make_handed_in(tmp_path_factory.mktemp("verify"), patch)


@pytest.fixture(scope="session")
def handed_in_by_three(lab_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A class of three: two of one run, one with other weights and images; a folder each."""
    return hand_in_by_three(lab_run, tmp_path_factory.mktemp("class"))


@pytest.fixture
def handed_in(lab_run: Path, tmp_path: Path) -> Path:
    """A folder with a copy of what the run hands in."""
    folder = tmp_path / "handed in"
    folder.mkdir()
    for name in (DOCX, CODE, SUPPORT):
        shutil.copy(lab_run / "report" / name, folder)
    return folder
