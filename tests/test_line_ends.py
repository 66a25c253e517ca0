"""A checkout of the repository has the same bytes everywhere."""

import shutil
import subprocess

from pathlib import Path

import pytest

ATTRIBUTES = Path(__file__).parents[1] / ".gitattributes"


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_git_for_windows_defaults_change_no_byte(tmp_path: Path) -> None:
    def git(*arguments: str) -> None:
        who = ("-c", "user.name=x", "-c", "user.email=x@y", "-c", "core.autocrlf=true")
        subprocess.run(["git", *who, *arguments], cwd=tmp_path, check=True, capture_output=True)

    text, binary = b"a = 1\nb = 2\n", b"\x89PNG\r\n\x1a\nno zero byte\r\n"
    files = {"a.py": text, "page.js": text, "Makefile": text, "a.png": binary,
             "digits.safetensors": binary, "photo.jpg": binary, "walk.webp": binary}
    git("init", "-q", "there")
    shutil.copy(ATTRIBUTES, tmp_path / "there")
    for name, data in files.items():
        (tmp_path / "there" / name).write_bytes(data)
    git("-C", "there", "add", ".")
    git("-C", "there", "commit", "-q", "-m", "all")
    git("clone", "-q", "there", "here")
    assert {name: (tmp_path / "here" / name).read_bytes() for name in files} == files
