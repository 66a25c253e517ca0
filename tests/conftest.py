"""Shared fixtures: where real data is, and small stand-ins for it."""

import os

from pathlib import Path

import numpy as np
import pytest
import torch

from PIL import Image


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
    random = np.random.default_rng(0)
    images = np.zeros((160, 8, 8), np.uint8)
    labels = random.integers(0, 2, 160).astype(np.uint8)
    for image, label in zip(images, labels):
        row, column = random.integers(1, 6, 2)
        if label:
            image[:, column] = 1
        else:
            image[row : row + 2, column : column + 2] = 1
    path = tmp_path / "tiny.npz"
    np.savez(
        path, train=images[:120], test=images[120:], train_labels=labels[:120],
        test_labels=labels[120:],
    )
    return path


@pytest.fixture
def picture_folder(tmp_path: Path) -> Path:
    """A folder of 24 soft random colour pictures, 40 x 48 pixels."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    random = np.random.default_rng(0)
    for index in range(24):
        coarse = random.integers(0, 256, (4, 5, 3)).astype(np.uint8)
        Image.fromarray(coarse).resize((48, 40)).save(folder / f"{index:02d}.png")
    return folder


@pytest.fixture(autouse=True)
def one_thread() -> None:
    """Bit-exact comparisons hold at a fixed number of threads."""
    torch.set_num_threads(1)
