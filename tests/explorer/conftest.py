"""Pages made once for all tests of them."""

from pathlib import Path

import pytest

from cases.explorer import Page, make_pictured
from cases.once import made_once

from genlab.explorer.explore import explore


@pytest.fixture(scope="session")
def lab_page(explored: Path, tmp_path_factory: pytest.TempPathFactory) -> Page:
    """The page of a lab run, in English."""
    out = tmp_path_factory.mktemp("page") / "lab.html"
    explore(explored / "lab", out, "en")
    return Page(out)


@pytest.fixture(scope="session")
def pictured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `compare` (post hoc, in colour) and `plane` (grey), both convolutional."""
    return made_once(tmp_path_factory, "pictured", make_pictured)


@pytest.fixture(scope="session")
def pictures_page(pictured: Path, tmp_path_factory: pytest.TempPathFactory) -> Page:
    """The page of the comparison in `pictured`, in English."""
    out = tmp_path_factory.mktemp("page") / "pictures.html"
    explore(pictured / "compare", out, "en")
    return Page(out)


@pytest.fixture(scope="session")
def compare_page(explored: Path, tmp_path_factory: pytest.TempPathFactory) -> Page:
    """The page of a comparison."""
    out = tmp_path_factory.mktemp("page") / "compare.html"
    explore(explored / "compare", out)
    return Page(out)
