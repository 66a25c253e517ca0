"""Shared fixtures: where real data is, and small stand-ins for it."""

import os

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from cases.once import made_once, session_folder
from cases.small_data import make_pictures, make_tiny_digits
from hypothesis import settings

from genlab.common import atomic

settings.register_profile(
    "repeatable", settings.get_profile("default"), derandomize=True, deadline=None
)
settings.load_profile("repeatable")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skips what needs a GPU where there is none."""
    if item.get_closest_marker("gpu") and not torch.cuda.is_available():
        pytest.skip("no GPU here")


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test reads or fills the user's cache; the processes of one session share another."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GENLAB_CACHE", str(session_folder(tmp_path_factory) / "cache"))
        torch.set_num_threads(1)
        yield


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


@pytest.fixture(scope="session")
def explored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `lab` (two joint VAEs and a GAN), `compare` (post hoc) and `deep` (D = 5)."""
    from cases.explorer import make_explored  # here, for it trains: small tests start without

    return made_once(tmp_path_factory, "explored", make_explored)


@pytest.fixture(scope="session")
def inception_weights() -> dict[str, torch.Tensor]:
    """The weights of FID Inception, random and of a sensible scale."""
    from cases.features import random_inception_weights

    return random_inception_weights()


@pytest.fixture(scope="session")
def inception_files(
    inception_weights: dict[str, torch.Tensor], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, str]:
    """Files of these weights: `whole` has all of them, `partial` lacks two."""
    from cases.features import LACKING

    folder = tmp_path_factory.mktemp("inception")
    partial = {k: v for k, v in inception_weights.items() if k not in LACKING}
    atomic.write_tensors(folder / "whole.safetensors", inception_weights)
    atomic.write_tensors(folder / "partial.safetensors", partial)
    return {name: str(folder / f"{name}.safetensors") for name in ("whole", "partial")}
