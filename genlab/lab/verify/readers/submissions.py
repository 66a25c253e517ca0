"""Finds submissions among files, folders and archives of whole classes; no file is lost."""

__all__ = ["HandedIn", "Left", "Submission", "collect"]

import hashlib
import os

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

from genlab.common.errors import InputError
from genlab.lab.handin.archive import MANIFEST
from genlab.lab.handin.template import SHEET, Template
from genlab.lab.report.text.text import PLACEHOLDERS
from genlab.lab.verify.readers.given import MOST_FILES, Given, members_of
from genlab.lab.verify.readers.names import Named, Naming, Unread, person, system_file
from genlab.lab.verify.results.findings import Verdict, Words

DEEPEST = 6
"""Folders within folders that are looked into."""
DEEPEST_ARCHIVE = 3
"""Archives within archives."""
MOST_IGNORED = 100
"""Files of a system's folder that are named one by one."""
DOCUMENT = "word/document.xml"
HANDED_IN = (
    ".docx", ".doc", ".docm", ".wps", ".odt", ".rtf", ".pages", ".pdf", ".zip", ".rar", ".7z",
    ".tar", ".gz", ".tgz", ".bz2", ".xz",
)
"""Suffixes of what somebody may have meant as a part of a submission."""


@dataclass(frozen=True)
class Left:
    """A file that is no part of a submission."""

    path: str
    why: Words
    verdict: Verdict
    """PASS: it counts for nothing; LOOK: a person should see it; CANNOT: it may be a submission's,
    and nothing was judged of it."""


@dataclass(frozen=True, kw_only=True)
class Submission:
    """What one person handed in."""

    who: str
    """NAME_NUMBER, as the files' names have it."""
    files: dict[str, list[Given]]
    """Files by kind, "docx", "code", "support": one each, if none is missing."""
    spellings: frozenset[str]
    """What `person` gives of every way to read whose the files are."""
    others: tuple[str, ...] = ()
    """Other versions of the files, and files of other kinds, which are not checked."""
    naming: Naming = field(default_factory=Naming)

    @property
    def place(self) -> str:
        """Where it lies: the path of its first file."""
        return next(files[0].shown for files in self.files.values())

    def authors(self) -> list[tuple[str | None, str | None]]:
        """As `Naming.authors`."""
        return self.naming.authors(self.who)

    def is_of(self, name: str, number: str) -> bool:
        """Whether the files' names say that they are this person's, in either order."""
        asked = self.naming.who.format(name=name, id=number)
        return not self.spellings.isdisjoint({person(asked), person(number + name)})


@dataclass(frozen=True)
class HandedIn:
    """All that was given."""

    submissions: list[Submission]
    left: list[Left]


@dataclass(frozen=True)
class _Found:
    """A file that is part of a submission."""

    given: Given
    named: Named
    place: str | None
    """The folder; None of files given one by one, which may belong together."""


class _Collector:
    """Goes through all that is given and keeps what it finds."""

    def __init__(self, naming: Naming) -> None:
        self.naming = naming
        self.found, self.left = list[_Found](), list[Left]()
        self.others: dict[str, list[str]] = {}
        """Files whose suffix only is wrong, by person."""
        self.taken, self.count = set[Path](), 0

    def leave(self, path: str, why: Words, verdict: Verdict = Verdict.CANNOT) -> None:
        self.left.append(Left(path, why, verdict))

    def path(self, path: Path) -> None:
        """Takes a file or a folder that was given."""
        if not path.exists():
            raise InputError(f"{path}: no such file or folder")
        if not path.is_dir():
            self.file(path, None)
            return
        for place, folders, files in os.walk(path, onerror=self._closed):
            folder = Path(place)
            if MANIFEST in files:
                folders.clear()
                self.leave(place, Words(
                    "解开的压缩包：需要压缩包本身", "an unpacked archive: the archive itself is needed"))
                continue
            self._folders(path, folder, folders)
            for name in sorted(files):
                self.file(folder / name, place)

    def _closed(self, error: OSError) -> None:
        self.leave(str(error.filename), Words(
            f"文件夹无法打开：{error.strerror}", f"the folder cannot be opened: {error.strerror}"))

    def _folders(self, top: Path, folder: Path, folders: list[str]) -> None:
        """Keeps of `folders` those to go into, sorted, and says what becomes of the others."""
        kept = []
        for name in sorted(folders):
            path = folder / name
            if path.is_symlink():
                self.leave(str(path), Words("链接，不跟随", "a link; it is not followed"))
            elif system_file(name):
                self._ignored(path)
            elif len(path.relative_to(top).parts) > DEEPEST:
                self.leave(str(path), Words("文件夹层数过多", "too many folders deep"))
            else:
                kept.append(name)
        folders[:] = kept

    def _ignored(self, folder: Path) -> None:
        """Names the files of a folder that counts for nothing; of very many, the folder."""
        files = sorted(path for path in folder.rglob("*") if not path.is_dir())
        for path in files if len(files) <= MOST_IGNORED else [folder]:
            self.leave(str(path), *IGNORED)

    def file(self, path: Path, place: str | None) -> None:
        """Takes a file on the disk, once."""
        if place is not None and path.is_symlink():
            self.leave(str(path), Words("链接，不跟随", "a link; it is not followed"))
        elif path.resolve() not in self.taken:
            self.taken.add(path.resolve())
            if path.is_file():
                self.given(Given(str(path), path.name, path), place, 0)
            else:
                self.leave(str(path), Words("不是普通文件", "not a plain file"))

    def given(self, given: Given, place: str | None, depth: int) -> None:
        """Takes a file: as a part of a submission, as an archive of such, or not at all."""
        self.count += 1
        if self.count > MOST_FILES:
            raise InputError(
                f"{given.shown}: more than {MOST_FILES:,} files; give the submissions' folder"
            )
        if system_file(given.name):
            self.leave(given.shown, *IGNORED)
            return
        named = self.naming.read(given.name)
        ends = named.suffix if isinstance(named, Named) else Path(given.name.lower()).suffix[1:]
        try:
            holds = self._holds(given) if ends in ("zip", "") else ""
        except (InputError, OSError) as error:
            holds = ""
            if isinstance(named, Unread):
                self.leave(given.shown, Words(str(error), str(error)))
                return
        if holds == "submissions":
            self.archive(given, depth)
        elif isinstance(named, Unread):
            self.leave(given.shown, Words(*named[:2]), _how_bad(given.name))
            if named.author:
                self.others.setdefault(person(named.author), []).append(given.shown)
        elif named.suffix == "zip" and named.kind == "docx" and holds != "document":
            self.leave(given.shown, Words(
                "既不是Word文档，其中也没有提交的文件", "neither a Word document nor with files in it"))
        else:
            self.found.append(_Found(given, named, place))

    def _holds(self, given: Given) -> str:
        """Returns what a zip archive holds: "document", "run", "submissions", or ""."""
        if given.begins_with(4) != b"PK\x03\x04":
            return ""
        names = [one.shown.removeprefix(f"{given.shown}/") for one, _ in members_of(given)]
        if DOCUMENT in names:
            return "document"
        lasts = [name.rpartition("/")[2] for name in names if not system_file(name)]
        if MANIFEST in lasts:
            return "run"
        some = (name for name in lasts if Path(name.lower()).suffix in HANDED_IN)
        return "submissions" if any(some) else ""

    def archive(self, archive: Given, depth: int) -> None:
        """Takes the files of an archive."""
        if depth == DEEPEST_ARCHIVE:
            self.leave(archive.shown, Words("压缩包层数过多", "too many archives deep"))
            return
        for given, why in members_of(archive):
            if system_file(given.shown.removeprefix(f"{archive.shown}/")):
                self.leave(given.shown, *IGNORED)
            elif why:
                self.leave(given.shown, Words(why, why))
            else:
                self.given(given, given.shown.rpartition("/")[0], depth + 1)


IGNORED = Words("系统或编辑器的文件，忽略", "a file of the system or an editor, ignored"), Verdict.PASS


def _how_bad(name: str) -> Verdict:
    return Verdict.CANNOT if Path(name.lower()).suffix in HANDED_IN else Verdict.LOOK


def collect(paths: Iterable[Path], template: Template = SHEET) -> HandedIn:
    """Groups files into submissions by name and number (`names.py`).

    Files that are given one by one, and those of one folder, belong together if their names say
    so; equal names in two folders are two submissions, if each is complete: otherwise what lies
    in several folders (one a kind, as some platforms have it) is put together. Archives of a
    class or of a submission are looked into as folders are. A file that is given twice counts
    once.

    Arguments:
        paths: Files, folders, or archives of these.
        template: How the files are called.

    Raises:
        InputError: If a path does not exist, or nothing in all of them is a submission.
    """
    naming, paths = Naming(template), list(paths)
    collector = _Collector(naming)
    for path in sorted(paths, key=Path.is_file):  # folders first: they say what belongs together
        collector.path(path)
    if not collector.found:
        wanted = ", ".join(naming.of(kind, "_".join(PLACEHOLDERS)) for kind in naming.ends)
        shown = ", ".join(map(str, paths[:4]))
        left = "; ".join(f"{one.path}: {one.why.en}" for one in collector.left[:4])
        more = f" (+{len(collector.left) - 4})" if len(collector.left) > 4 else ""
        there = f"; there: {left}{more}" if left else ""
        raise InputError(f"{shown}: no submission in it (looked for {wanted}{there})")
    groups = _together(_grouped(collector.found), len(naming.ends))
    submissions = [_submission(key, group, naming, collector) for key, group in groups]
    said = {path for one in submissions for path in one.others}  # in their own tables
    left = [
        replace(one, verdict=Verdict.LOOK) if one.path in said else one for one in collector.left
    ]
    return HandedIn(
        sorted(submissions, key=lambda one: (one.who, one.place)),
        sorted(left, key=lambda one: (-one.verdict.rank, one.path)),
    )


def _grouped(found: list[_Found]) -> dict[str, list[list[_Found]]]:
    """Returns the files by person and by folder.

    Of the ways to read whose a file is counts that which most kinds of files agree upon.
    """
    kinds = Counter(
        key for _, key in {
            (one.named.kind, person(who)) for one in found for who in one.named.authors
        }
    )
    groups: dict[str, dict[str | None, list[_Found]]] = {}
    for one in found:
        keys = [person(who) for who in one.named.authors]
        best = max(keys, key=lambda key: kinds[key])  # the first of equals
        groups.setdefault(best, {}).setdefault(one.place, []).append(one)
    return {key: list(places.values()) for key, places in groups.items()}


def _together(
    groups: dict[str, list[list[_Found]]], complete: int
) -> list[tuple[str, list[_Found]]]:
    """Puts incomplete groups of one person together if no kind lies in two of them."""
    result = []
    for key, own in groups.items():
        parts = [group for group in own if len({one.named.kind for one in group}) < complete]
        counts = Counter(kind for part in parts for kind in {one.named.kind for one in part})
        if len(parts) > 1 and max(counts.values()) == 1:
            own = [*(group for group in own if group not in parts), sum(parts, [])]
        result += [(key, group) for group in own]
    return result


def _submission(
    key: str, group: list[_Found], naming: Naming, collector: _Collector
) -> Submission:
    """Returns a group's submission: of each kind the latest version."""
    files: dict[str, list[Given]] = {}
    version = {one.given.shown: one.named.version for one in group}
    others = collector.others.get(key, [])
    for kind in naming.ends:
        versions = sorted(
            (one.given for one in group if one.named.kind == kind),
            key=lambda given: (version[given.shown], given.shown),
        )
        files |= {kind: versions[-1:]} if versions else {}
        for one in versions[:-1]:
            latest = versions[-1].shown
            if same := _digest(one) == _digest(versions[-1]):
                why = Words(f"与{latest}相同", f"the same as {latest}")
            else:
                why = Words(f"另一版本，所检验的是{latest}", f"another version; checked is {latest}")
                others = [*others, one.shown]
            collector.leave(one.shown, why, Verdict.PASS if same else Verdict.LOOK)
    read = {who for one in group for who in (*one.named.authors, one.named.literal)}
    return Submission(
        who=min(who for who in read if person(who) == key), files=files, others=tuple(others),
        spellings=frozenset(map(person, read)), naming=naming,
    )


def _digest(given: Given) -> str:
    try:
        return hashlib.sha256(given.read()).hexdigest()
    except (InputError, OSError):
        return given.shown


