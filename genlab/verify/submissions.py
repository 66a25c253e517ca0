"""Finds submissions among files and folders, by the names that the lab sheet gives them."""

__all__ = ["KINDS", "Submission", "find_submissions"]

import os
import re
import unicodedata

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from genlab.errors import InputError
from genlab.report.submission import KINDS
from genlab.report.text import PLACEHOLDERS

NAMES = {
    kind: re.compile(rf"{re.escape(prefix)}_(.+){re.escape(suffix)}")
    for kind, (prefix, suffix) in KINDS.items()
}
DEEPEST = 4
"""Folders within folders that are looked into."""
MOST = 10_000
"""Files that are looked at in one folder tree."""


@dataclass(frozen=True)
class Submission:
    """What one person handed in."""

    who: str
    """NAME_NUMBER, as the files' names have it."""
    files: dict[str, list[Path]] = field(default_factory=dict)
    """Files by kind: "docx", "code", "support"; one each, if all is well."""

    def authors(self) -> list[tuple[str | None, str | None]]:
        """Returns every way to read name and number from the files' names, likeliest first.

        A placeholder is None. Either may itself hold the low line that joins them.
        """
        cuts = [match.start() for match in re.finditer("_", self.who)]
        pairs = [(self.who[:cut], self.who[cut + 1 :]) for cut in reversed(cuts)]
        name, number = PLACEHOLDERS
        return [
            (None if a == name else a, None if b == number else b)
            for a, b in pairs or [(self.who, number)]
        ]


def find_submissions(paths: Iterable[Path]) -> list[Submission]:
    """Groups files into submissions by name and number.

    Files that are given one by one, and those of one folder, belong together if their names say
    so; equal names in two folders are two submissions. Text before the sheet's names, as some
    platforms put it there, does not matter.

    Arguments:
        paths: Files, or folders with files or with a sub-folder for each submission.

    Raises:
        InputError: If a path does not exist, or nothing in all of them is a submission.
    """
    found: dict[tuple[Path | None, str], Submission] = {}
    paths = list(paths)
    for path in paths:
        if not path.exists():
            raise InputError(f"{path}: no such file or folder")
        for file in _files(path) if path.is_dir() else [path]:
            kind, who = _kind(file.name)
            if kind:
                place = file.parent if path.is_dir() else None
                one = found.setdefault((place, who), Submission(who))
                one.files.setdefault(kind, []).append(file)
            elif not path.is_dir():
                raise InputError(
                    f"{path}: not named as the lab sheet asks (实验五_姓名_学号.docx, "
                    "实验五代码_姓名_学号.zip, 实验五支撑材料_姓名_学号.zip)"
                )
    if not found:
        shown = ", ".join(map(str, paths))
        raise InputError(f"{shown}: no submission in it (looked for 实验五…_姓名_学号.docx/.zip)")
    return sorted(found.values(), key=lambda one: one.who)


def _kind(name: str) -> tuple[str, str]:
    """Returns the kind of a file and whose it is, or ("", "")."""
    name = unicodedata.normalize("NFC", name)  # macOS takes letters and their marks apart
    for kind, pattern in NAMES.items():
        if match := pattern.search(name):
            if match.end() == len(name):
                return kind, match[1]
    return "", ""


def _files(folder: Path) -> list[Path]:
    """Returns the plain files of a folder tree; links are not followed."""
    found: list[Path] = []
    for place, folders, files in os.walk(folder):
        depth = len(Path(place).relative_to(folder).parts)
        folders[:] = sorted(folders) if depth < DEEPEST else []
        found += [path for name in sorted(files) if not (path := Path(place) / name).is_symlink()]
        if len(found) > MOST:
            raise InputError(f"{folder}: more than {MOST:,} files; give the submissions' folder")
    return found
