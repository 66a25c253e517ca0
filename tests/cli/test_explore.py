"""genlab explore, as a person meets it: the file, the line, the browser, bad input."""

import json
import os
import pty
import subprocess
import sys
import webbrowser

from pathlib import Path

import pytest

from cases.command import refused, run_command


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
    run = run_command(
        "explore", str(explored / "compare"), "--out", "page.html", "--lang", "en", "--json",
        cwd=tmp_path,
    )
    assert run.returncode == 0, run.stderr
    results = json.loads(run.stdout)
    assert results["bytes"] == (tmp_path / "page.html").stat().st_size
    assert results["models"] == ["standard", "mixture", "spline"]
    assert results["without_decoder"] == []
    assert 0 < results["deviation"]["decoder"] < 2e-3
    assert "page.html: 3 VAEs, " in run.stderr
    assert not own_browser.exists()  # no terminal, nobody to show it to


def test_opens_on_a_terminal(explored: Path, tmp_path: Path, own_browser: Path) -> None:
    ours, theirs = pty.openpty()
    command = (sys.executable, "-m", "genlab", "explore", str(explored / "deep"))
    run = subprocess.run(
        [*command, "--out", "a page.html"],
        stdin=theirs, stdout=theirs, stderr=subprocess.PIPE, text=True, cwd=tmp_path,
    )
    os.close(theirs)
    os.close(ours)
    assert run.returncode == 0, run.stderr
    assert own_browser.read_text().strip() == (tmp_path / "a page.html").as_uri()


def test_opens_nothing_if_not_wanted(
    explored: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    for options, count in (((), 1), (("--no-open",), 1)):
        command = ("explore", str(explored / "deep"), "--out", "page.html", *options)
        assert run_command(*command, cwd=tmp_path, terminal=True).returncode == 0
        assert len(opened) == count


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
    refused(run_command("explore", *given, cwd=tmp_path), *words)
    assert list(tmp_path.iterdir()) == []
