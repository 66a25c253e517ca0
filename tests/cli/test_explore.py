"""genlab explore, as a person meets it: the file, the line, the browser, bad input."""

import json
import os
import pty
import subprocess
import sys

from pathlib import Path

import pytest

COMMAND = (sys.executable, "-m", "genlab", "explore")


@pytest.fixture
def own_browser(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Makes a script the browser; it writes down what it is asked to open."""
    note = tmp_path / "opened.txt"
    script = tmp_path / "browser"
    script.write_text(f'#!/bin/sh\necho "$1" >> "{note}"\n')
    script.chmod(0o755)
    monkeypatch.setenv("BROWSER", f"{script} %s")
    return note


def test_writes_a_page_and_says_so(explored: Path, tmp_path: Path, own_browser: Path) -> None:
    run = subprocess.run(
        [*COMMAND, str(explored / "compare"), "--out", "page.html", "--lang", "en", "--json"],
        capture_output=True, text=True, cwd=tmp_path,
    )
    assert run.returncode == 0, run.stderr
    results = json.loads(run.stdout)
    assert results["bytes"] == (tmp_path / "page.html").stat().st_size
    assert results["models"] == ["standard", "mixture", "spline"]
    assert results["without_decoder"] == []
    assert 0 < results["deviation"]["decoder"] < 2e-3
    assert "page.html: 3 VAEs, " in run.stderr
    assert not own_browser.exists()  # no terminal, nobody to show it to


@pytest.mark.parametrize("extra", [[], ["--no-open"]])
def test_opens_on_a_terminal_only_if_wanted(
    extra: list[str], explored: Path, tmp_path: Path, own_browser: Path
) -> None:
    ours, theirs = pty.openpty()
    run = subprocess.run(
        [*COMMAND, str(explored / "deep"), "--out", "a page.html", *extra],
        stdin=theirs, stdout=theirs, stderr=subprocess.PIPE, text=True, cwd=tmp_path,
    )
    os.close(theirs)
    os.close(ours)
    assert run.returncode == 0, run.stderr
    if extra:
        assert not own_browser.exists()
    else:
        assert own_browser.read_text().strip() == (tmp_path / "a page.html").as_uri()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere"], ["nowhere", "no such file", "genlab run"]),
        (["{explored}/lab", "--out", "."], ["--out", "a folder"]),
        (["{explored}/lab", "--priors", "gtm"], ["--priors gtm", "standard, mixture"]),
        (["{explored}/deep", "--data", "nothing.npz"], ["nothing.npz"]),
    ],
)
def test_bad_input(
    arguments: list[str], words: list[str], explored: Path, tmp_path: Path
) -> None:
    given = [argument.format(explored=explored) for argument in arguments]
    run = subprocess.run([*COMMAND, *given], capture_output=True, text=True, cwd=tmp_path)
    lines = run.stderr.strip().split("\n")
    assert run.returncode == 2
    assert len(lines) == 1
    assert lines[0].startswith("genlab: error: ")
    for word in words:
        assert word in lines[0]
    assert list(tmp_path.iterdir()) == []
