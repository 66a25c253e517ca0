"""Finds submissions among files and folders, by the names that the lab sheet gives them."""

__all__ = ["Naming", "Submission", "find_submissions"]

import os
import re
import unicodedata

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from genlab.common.errors import InputError
from genlab.lab.handin.template import SHEET, Template
from genlab.lab.report.text.text import PLACEHOLDERS

FIELD = r"\{(?:name|id)\}"
WHO = re.compile(rf"{FIELD}.*{FIELD}|{FIELD}")
"""The part of a name that says whose a file is."""
DEEPEST = 4
"""Folders within folders that are looked into."""
MOST = 10_000
"""Files that are looked at in one folder tree."""


class Naming:
    """How the files of a submission are called.

    Arguments:
        template: The teacher's; the lab sheet's if not given.

    Raises:
        InputError: If the three names do not tell in the same way whose they are.
    """

    def __init__(self, template: Template = SHEET) -> None:
        self.template = template
        found = {kind: WHO.search(pattern) for kind, pattern in template.names.items()}
        parts = {match[0] for match in found.values() if match}
        if len(parts) != 1 or None in found.values():
            raise InputError(
                "`template`: names: docx, code and support must have {name} and {id} in the same "
                "order, with the same text between"
            )
        (self.who,) = parts
        self.ends = {
            kind: tuple(template.names[kind].split(self.who, 1)) for kind in template.names
        }
        """The text before and after that, by kind."""

    def of(self, kind: str, who: str) -> str:
        """Returns the name of a file."""
        return who.join(self.ends[kind])

    def kind(self, name: str) -> tuple[str, str]:
        """Returns the kind of a file and whose it is, or ("", "")."""
        name = unicodedata.normalize("NFC", name)  # macOS takes letters and their marks apart
        # The longest beginning first: one name may begin as another does.
        for kind, (before, after) in sorted(self.ends.items(), key=lambda e: -len(e[1][0])):
            match = re.search(rf"{re.escape(before)}(.+){re.escape(after)}$", name)
            if match:
                return kind, match[1]
        return "", ""

    def authors(self, who: str) -> list[tuple[str | None, str | None]]:
        """Returns every way to read name and number from that text, likeliest first.

        A placeholder is None. Either may itself hold the text that stands between them.
        """
        first, second = self.who[1:-1].partition("}")[0], self.who[:-1].rpartition("{")[2]
        if first == second:
            pairs = [{first: who}]
        else:
            between = self.who[len(first) + 2 : -len(second) - 2]
            cuts = [match.start() for match in re.finditer(f"(?={re.escape(between)})", who)]
            pairs = [
                {first: who[:cut], second: who[cut + len(between) :]} for cut in reversed(cuts)
            ] or [{"name": who}]

        def read(pair: dict[str, str], key: str, nobody: str) -> str | None:
            found = pair.get(key, nobody)
            return None if found == nobody else found

        name, number = PLACEHOLDERS
        return [(read(pair, "name", name), read(pair, "id", number)) for pair in pairs]


@dataclass(frozen=True)
class Submission:
    """What one person handed in."""

    who: str
    """NAME_NUMBER, as the files' names have it."""
    files: dict[str, list[Path]] = field(default_factory=dict)
    """Files by kind: "docx", "code", "support"; one each, if all is well."""
    naming: Naming = field(default_factory=Naming)

    def authors(self) -> list[tuple[str | None, str | None]]:
        """As `Naming.authors`."""
        return self.naming.authors(self.who)


def find_submissions(
    paths: Iterable[Path], template: Template = SHEET
) -> list[Submission]:
    """Groups files into submissions by name and number.

    Files that are given one by one, and those of one folder, belong together if their names say
    so; equal names in two folders are two submissions. Text before the sheet's names, as some
    platforms put it there, does not matter. A file that is given twice counts once.

    Arguments:
        paths: Files, or folders with files or with a sub-folder for each submission.
        template: How the files are called.

    Raises:
        InputError: If a path does not exist, or nothing in all of them is a submission.
    """
    naming = Naming(template)
    wanted = ", ".join(naming.of(kind, "_".join(PLACEHOLDERS)) for kind in naming.ends)
    found: dict[tuple[Path | None, str], Submission] = {}
    paths, taken = list(paths), set[Path]()
    for path in sorted(paths, key=Path.is_file):  # folders first: they say what belongs together
        if not path.exists():
            raise InputError(f"{path}: no such file or folder")
        for file in _files(path) if path.is_dir() else [path]:
            if file.resolve() in taken:
                continue
            taken.add(file.resolve())
            kind, who = naming.kind(file.name)
            if kind:
                place = file.parent if path.is_dir() else None
                one = found.setdefault((place, who), Submission(who, naming=naming))
                one.files.setdefault(kind, []).append(file)
            elif not path.is_dir():
                raise InputError(f"{path}: not named as asked ({wanted})")
    if not found:
        shown = ", ".join(map(str, paths))
        raise InputError(f"{shown}: no submission in it (looked for {wanted})")
    return sorted(found.values(), key=lambda one: one.who)


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
