"""Prepared folders: their squares, names, record and page, and what is refused."""

import json
import re

from pathlib import Path

import numpy as np
import pytest

from cases.command import run_command
from PIL import Image

import genlab.data

from genlab.common.errors import InputError
from genlab.data.crops.heads import Head, HeadFinder
from genlab.data.crops.squares import Box
from genlab.data.prepare.page import prepared_page, require_page
from genlab.data.prepare.prepare import png_names, prepared, write_prepared


def noise(width: int, height: int, seed: int) -> Image.Image:
    random = np.random.default_rng(seed)
    return Image.fromarray(random.integers(0, 256, (height, width, 3)).astype(np.uint8))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "photos"
    (path / "cats").mkdir(parents=True)
    for index in range(4):
        noise(60, 40, index).save(path / f"{index}.png")
    noise(30, 50, 9).save(path / "cats" / "9.png")
    return path


def test_squares_are_those_that_training_would_read(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "squares"
    results = write_prepared(prepared(str(folder), 24), out)
    assert (results["n"], results["looked_at"], results["without_square"]) == (5, 5, 0)
    given, found = genlab.data.images(folder, 24), genlab.data.images(out)
    assert list(found.paths) == ["0.png", "1.png", "2.png", "3.png", "cats/9.png"]
    for index in range(5):
        np.testing.assert_array_equal(found.read(index).numpy(), given.read(index).numpy())
    record = json.loads((out / "results.json").read_text())
    assert record["sha256"] == given.identity.sha256
    assert record["size"] == 24


def test_a_changed_square_is_named(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "squares"
    write_prepared(prepared(str(folder), 24), out)
    noise(24, 24, 77).save(out / "1.png")
    with pytest.raises(InputError, match=r"1\.png"):
        genlab.data.images(out).stack()


def test_a_folder_is_completed_and_no_other_is_touched(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "squares"
    write_prepared(prepared(str(folder), 24), out)
    whole = {p.name: p.read_bytes() for p in out.rglob("*") if p.is_file()}
    (out / "2.png").unlink()
    (out / "results.json").unlink()
    write_prepared(prepared(str(folder), 24), out)
    assert {p.name: p.read_bytes() for p in out.rglob("*") if p.is_file()} == whole
    with pytest.raises(InputError, match="holds 5 other files, as 0.png; name a new"):
        write_prepared(prepared(str(folder), 20), out)
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "mine.txt").write_text("mine")
    with pytest.raises(InputError, match="holds 1 other files, as mine.txt"):
        write_prepared(prepared(str(folder), 24), tmp_path / "notes")
    with pytest.raises(InputError, match="lies in the folder of the images"):
        write_prepared(prepared(str(folder), 24), folder / "squares")
    assert {p.name: p.read_bytes() for p in out.rglob("*") if p.is_file()} == whole


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["a.jpg", "b/c.jpeg", "d.png"], ["a.png", "b/c.png", "d.png"]),
        (["a.gif", "a.jpg", "b.jpg"], ["a.gif.png", "a.jpg.png", "b.jpg.png"]),
        (["A.jpg", "a.jpg"], ["000000.png", "000001.png"]),
    ],
)
def test_names_are_unlike_each_other(paths: list[str], names: list[str]) -> None:
    assert png_names(paths) == names


def test_images_without_names_get_numbers(tmp_path: Path) -> None:
    out = tmp_path / "squares"
    assert write_prepared(prepared("toydogs:3", 32), out)["stand_in"]
    assert sorted(p.name for p in out.glob("*.png"))[-1] == "000002.png"


def test_the_page_shows_what_was_taken_and_what_was_left(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GENLAB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(
        HeadFinder, "find", lambda _, image: Head(Box(0, 0, 20), 1.0 if image.width > 40 else -1.0)
    )
    found = prepared(str(folder), 24, "face")
    results = write_prepared(found, tmp_path / "squares")
    assert (results["n"], results["without_square"]) == (4, 1)
    page = prepared_page(found, results)
    taken, left = page.split("<h2>Left out")
    assert re.findall("alt='(.*?)'", taken) == ["0.png", "1.png", "2.png", "3.png"]
    assert re.findall("alt='(.*?)'", left) == ["cats/9.png"]
    assert "<b>80%</b>taken" in page
    (tmp_path / "page.html").write_text(page)
    require_page(tmp_path / "page.html")
    (tmp_path / "other.html").write_text("<title>Mine</title>")
    with pytest.raises(InputError, match=r"other\.html, and another file is there"):
        require_page(tmp_path / "other.html")


def test_the_command_says_what_it_made(folder: Path, tmp_path: Path) -> None:
    ended = run_command("data", "prepare", str(folder), "made", "--size", "20", cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr
    assert "made: 5 of 5 images taken; page: made.html" in ended.stdout
    assert "at random" not in (tmp_path / "made.html").read_text()
    other = run_command("data", "prepare", str(folder), str(folder / "in"), cwd=tmp_path)
    assert other.returncode == 2
    assert "lies in the folder of the images" in other.stderr
    assert not (folder / "in").exists()
