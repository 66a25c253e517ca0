"""Ink on paper and photographs are told apart by their corners."""

from pathlib import Path

import numpy as np
import pytest
import torch

import genlab.data

from genlab.configs.vae import VaeConfig
from genlab.data.paper import on_paper
from genlab.data.sources import SOURCES
from genlab.figures import grids
from genlab.figures.draw import draw_vae
from genlab.vae.train import train_vae


@pytest.mark.parametrize("name", ["mnist-5k", "animal-silhouettes"])
def test_published_digits_and_silhouettes_are_ink_on_paper(name: str) -> None:
    if SOURCES[name].locate() is None:
        pytest.skip(f"{name} is not installed")
    assert on_paper(genlab.data.splits(name).test)


def test_photographs_are_not(real_data: Path) -> None:
    dogs = genlab.data.images(real_data / "dogs" / "faces", 32, limit=300)
    grey = torch.stack([dogs.read(index) for index in range(len(dogs))]).float().mean(1).byte()
    assert not on_paper(grey)
    assert not on_paper(255 - torch.zeros(5, 8, 8, dtype=torch.uint8))
    assert on_paper(torch.zeros(5, 1, 1, dtype=torch.uint8))


@pytest.mark.parametrize("paper", [False, True])
def test_figures_show_ink_dark_and_photographs_as_they_are(
    paper: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = np.random.default_rng(0).integers(100, 200, (30, 6, 6)).astype(np.uint8)
    if paper:
        images[:, [0, -1]] = 0
    np.save(tmp_path / "a.npy", images)
    config = VaeConfig(
        data=str(tmp_path / "a.npy"), hidden=(8,), epochs=1, importance=0, draws=1,
        likelihood="gaussian",
    )
    train_vae(config, tmp_path / "run")
    shown = {}
    drawn = grids.reconstruction_rows
    monkeypatch.setattr(
        grids, "reconstruction_rows", lambda rows, title: shown.update(rows) or drawn(rows, title)
    )
    draw_vae(tmp_path / "run")
    test = genlab.data.splits(config.data).test
    wanted = 255 - test if paper else test
    np.testing.assert_array_equal(shown["test images"], wanted[..., None].expand(-1, -1, -1, 3))
