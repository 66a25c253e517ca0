"""Shared fixtures: where real data is, and small stand-ins for it."""

import os

from pathlib import Path

import pytest
import torch

from cases.explorer import compare_page, explored, lab_page  # noqa: F401 - fixtures
from cases.small_data import make_pictures, make_tiny_digits


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads or fills the user's cache."""
    folder = tmp_path_factory.getbasetemp() / "cache"
    monkeypatch.setenv("GENLAB_CACHE", str(folder))


@pytest.fixture
def real_data() -> Path:
    """The folder of real data sets, for tests that truly need it."""
    given = os.environ.get("GENLAB_DATA")
    if not given:
        pytest.skip("GENLAB_DATA is not set: this test needs the real data sets")
    return Path(given)


@pytest.fixture
def tiny_digits(tmp_path: Path) -> Path:
    """An .npz of 160 small binary pictures (bars and blocks) with labels, 40 of them for tests."""
    return make_tiny_digits(tmp_path / "tiny.npz")


@pytest.fixture
def picture_folder(tmp_path: Path) -> Path:
    """A folder of 24 soft random colour pictures, 40 x 48 pixels."""
    return make_pictures(tmp_path / "pictures")


@pytest.fixture(autouse=True)
def one_thread() -> None:
    """Bit-exact comparisons hold at a fixed number of threads."""
    torch.set_num_threads(1)
