"""Records of another shape: a command works, or ends with one line that names file and key.

All changes are tried by `benchmarks/records.py`; here some of each file, always the same.
"""

import random
import shutil

from pathlib import Path

import pytest

from cases.records import DELETED, Change, changed, changes, records_of

import genlab

from genlab.common.errors import InputError
from genlab.fid.generated import of_run
from genlab.lab.handin.contents import code_files, support_files
from genlab.lab.handin.submission import submitted
from genlab.lab.report.text.text import write_markdown
from genlab.runs.examine import examine
from genlab.runs.run import Run

EACH = 2
"""Changes of each file."""


@pytest.fixture(scope="module")
def run(lab_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("records") / "run"
    shutil.copytree(lab_run, folder)
    return folder


def read_all(run: Path) -> None:
    """Reads a run as the commands do that need no training."""
    examine(run)
    code_files(run)
    support_files(run)
    submitted(run)
    write_markdown(Run(run), "en")
    for folder in (".", "gan", "vae/vamp"):
        shown = genlab.Run(run / folder)
        assert shown._repr_html_()
        assert shown.results
        assert shown.figures
    of_run(run / "gan", 2, 0)
    of_run(run / "vae" / "mixture", 2, 0)


def error_of(run: Path, change: Change) -> InputError | None:
    """The error that reading a run ends with."""
    try:
        read_all(run)
    except InputError as error:
        return error
    except Exception as error:
        raise AssertionError(str(change)) from error
    return None


def test_an_unchanged_run_is_read(run: Path) -> None:
    read_all(run)


@pytest.mark.slow
def test_a_value_of_another_kind_is_one_error_or_none(run: Path) -> None:
    refused = 0
    for file in records_of(run):
        if file.startswith("report/numbers"):
            continue
        tried = list(changes(run, [file]))
        for change in random.Random(file).sample(tried, min(EACH, len(tried))):
            with changed(run, change):
                error = error_of(run, change)
            if error is not None:
                refused += 1
                assert Path(file).name in str(error), change
                assert "\n" not in str(error), change
    assert refused > 10


@pytest.mark.parametrize(
    ("file", "way", "value", "said"),
    [
        ("gan/results.json", ("snapshots", 0), ["a"], "snapshots.0"),
        ("gan/results.json", ("design",), DELETED, "design"),
        ("gan/config.json", ("config", "average_share"), [1, 2], "average_share"),
        ("gan/env.json", ("data",), None, "data"),
        ("gan/env.json", ("data", "images"), DELETED, "images"),
        ("gan/env.json", ("data", "images", "shape"), None, "shape"),
        ("vae/standard/config.json", ("config", "hidden"), 10**30, "hidden"),
        ("vae/mixture/config.json", ("config", "prior_options"), None, "prior_options"),
        ("env.json", ("sessions",), [], "sessions"),
        ("env.json", ("sessions", 0, "cores"), "two", "cores"),
        ("config.json", ("config", "lang"), "fr", "lang"),
        ("config.json", ("config", "preset"), "x", "preset"),
        ("gan/fid.json", ("distances",), [], "distances"),
        ("gan/fid.json", ("distances", 0, "copies"), None, "copies"),
        ("gan/fid.json", ("real",), None, "real"),
        ("gan/fid.json", ("epochs", 0, "distances"), {}, "distances"),
        ("gan/fid.json", ("n_fake",), 10**30, "generated"),
        ("report/submission.json", ("files",), ["a"], "files"),
    ],
)  # fmt: skip
def test_the_error_names_the_file_and_the_key(
    run: Path, file: str, way: tuple[str | int, ...], value: object, said: str
) -> None:
    with changed(run, Change(file, way, value)), pytest.raises(InputError) as caught:
        read_all(run)
    assert said in str(caught.value)
    assert file in str(caught.value) or said == "generated"
