"""What a report says of repeated images, copies, and distances that cannot be tested."""

import json

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cases.report import FD, make_lab_run, plain_spaces, write

from genlab.lab.report.text.text import write_markdown
from genlab.runs.run import Run


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_lab_run(tmp_path_factory.mktemp("lab"))


def reports(lab: Path, change: Callable[[dict[str, Any]], object]) -> list[str]:
    """The English and the Chinese report after a change of `fid.json`, which is undone."""
    file = lab / "gan" / "fid.json"
    kept = file.read_text(encoding="utf-8")
    record = json.loads(kept)
    change(record)
    write(file, record)
    try:
        return [plain_spaces(write_markdown(Run(lab), lang)) for lang in ("en", "zh")]
    finally:
        file.write_text(kept, encoding="utf-8")


def test_nothing_is_said_of_repeats_where_there_are_none(lab: Path) -> None:
    english, chinese = reports(lab, lambda record: None)
    assert "are different" not in english
    assert "互不相同" not in chinese


def test_repeated_images_are_counted(lab: Path) -> None:
    english, chinese = reports(lab, lambda r: r.update(different={
        "real": 256, "fake": 60, "common": 3
    }))  # fmt: skip
    assert "60 of the 300 generated images and 256 of the 256 real ones are different" in english
    assert "300张生成图像中有60张互不相同" in chinese


@pytest.mark.parametrize(
    ("copies", "says", "never"),
    [
        ({"duplicates": 5, "p": 0.6}, ("5 generated images are", "so some are copies"),
         "does not find"),
        ({"duplicates": 0, "p": 0.01}, ("lie nearer",), "some are copies"),
        ({"duplicates": 0, "p": 0.6}, ("does not exclude single copies",), "lie nearer"),
        ({"duplicates": 2, "p": None}, ("2 generated images are", "too few are different"),
         "rank test"),
    ],
)  # fmt: skip
def test_copies_and_nearness_are_told_together(
    lab: Path, copies: dict[str, Any], says: tuple[str, ...], never: str
) -> None:
    english, _ = reports(lab, lambda r: r["distances"][0]["copies"].update(copies))
    (line,) = [line for line in english.splitlines() if "memorised?**" in line]
    assert all(words in line for words in says)
    assert never not in line


def test_a_collapsed_gan_has_a_distance_and_no_more(lab: Path) -> None:
    def collapse(record: dict[str, Any]) -> None:
        for one in (record["distances"][0], *(e["distances"][FD] for e in record["epochs"])):
            one["null"], one["distance"] = None, {"value": 133.0}
        record["different"]["fake"] = 1
        record["epochs"][-1]["different"] = 1

    english, chinese = reports(lab, collapse)
    assert "= 133.0; too few images are different for a standard error, a floor or a" in english
    assert "300 (1 different)" in english
    assert "not compared: too few images are different" in english
    assert "不同的图像太少，无法给出标准误、下限与检验" in chinese


def test_epochs_with_other_numbers_of_different_images_are_not_compared(lab: Path) -> None:
    english, chinese = reports(lab, lambda r: r["epochs"][0].update(different=250))
    assert "which are not compared: too few images are different, or not as many" in english
    assert "两者不作比较" in chinese
    assert "standard errors, falling" not in english
