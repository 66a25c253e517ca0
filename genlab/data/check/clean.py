"""Copying the usable images of a folder, one of each group of copies, to another folder."""

__all__ = ["PAGE", "RESULTS", "clean_copy", "require_clean_target", "require_page_target"]

from contextlib import closing
from pathlib import Path
from typing import Any

from genlab.common import atomic
from genlab.common.errors import InputError
from genlab.common.paths import require_outside, require_place, within
from genlab.common.progress import Progress
from genlab.common.system_errors import read_bytes, remedy
from genlab.data.open import open_files

PAGE, RESULTS = "check.html", "results.json"


def require_page_target(target: Path, folder: Path, cleaned: Path | None = None) -> None:
    """Refuses a place for the page where it cannot go, or would replace or mix with other things.

    Arguments:
        target: The place; a page of before with its results, in a folder of their own, gives way.
        folder: The folder or zip that is checked.
        cleaned: The folder that the usable images are copied to.

    Raises:
        InputError: If `target` lies in `folder` or `cleaned`, holds something else than a page,
            or cannot be written.
    """
    _check_place("out", target, folder)
    if cleaned and within(target, cleaned):
        raise InputError(f"`out` {target}: lies in `clean` {cleaned}, which is for images only")
    there = list(target.iterdir()) if target.exists() else []
    held = {path.name for path in there if not atomic.is_leftover(path)}
    other = held - {PAGE, RESULTS} if PAGE in held else held
    if other:
        raise InputError(
            f"`out` {target}: the folder holds {min(other)!r} and is not of an earlier check; "
            "name a new or empty folder"
        )


def _check_place(parameter: str, target: Path, folder: Path) -> None:
    require_outside(parameter, target, folder)
    require_place(parameter, target)


def require_clean_target(target: Path, folder: Path) -> None:
    """Refuses a folder that `clean_copy` could not use, before any work is done.

    One that holds images of `folder`, as a copying that was stopped leaves it, is completed.

    Raises:
        InputError: If `target` holds something else, lies in `folder`, or cannot be written.
    """
    _check_place("clean", target, folder)
    if not (there := _files(target)):
        return
    with closing(open_files(folder)) as files:
        for name in there:
            if name not in files.names or read_bytes(target / name) != files.read(name):
                raise _not_empty(target, name, f"not an image of {folder}")


def _files(target: Path) -> list[str]:
    """The files in a folder by their ways from there; none of those half written."""
    found = (p for p in target.rglob("*") if not p.is_dir() and not atomic.is_leftover(p))
    return sorted(path.relative_to(target).as_posix() for path in found)


def _not_empty(target: Path, name: str, what: str) -> InputError:
    return InputError(
        f"`clean` {target}: the folder holds {name!r}, which is {what}; name a new or empty folder"
    )


def clean_copy(findings: dict[str, Any], folder: Path, target: Path) -> dict[str, Any]:
    """Copies files, byte for byte and with their folders, into a folder of their own.

    Arguments:
        findings: The result of `check_folder` for `folder`.
        folder: The folder or zip of the images.
        target: The folder that they are copied to.

    Returns:
        The numbers of images "copied" and "left_out".

    Raises:
        InputError: As of `require_clean_target`, or if a name in a zip cannot be one in `target`.
    """
    require_clean_target(target, folder)
    out = {entry["file"] for entry in findings["unusable"]}
    out |= {name for group in findings["groups"] for name in group[1:]}
    with closing(open_files(folder)) as files:
        chosen = [name for name in files.names if name not in out]
        there = set(_files(target))
        if other := there - set(chosen):
            raise _not_empty(target, min(other), "left out")
        for name in chosen:
            if not within(target / name, target):  # a zip may name anything
                raise InputError(
                    f"`clean` {target}: {folder} names {name!r}, which leads out of it; unpack "
                    "the zip and give the folder"
                )
        target.mkdir(parents=True, exist_ok=True)
        for place in (target, *(path for path in target.rglob("*") if path.is_dir())):
            atomic.drop_leftovers(place)
        with Progress(len(chosen), f"copying to {target.name}", "images") as progress:
            for name in chosen:
                if name not in there:
                    _write(target, name, files.read(name))
                progress.advance()
        return {
            "copied": len(chosen),
            "left_out": len(files.names) + len(files.broken) - len(chosen),
        }


def _write(target: Path, name: str, data: bytes) -> None:
    try:
        atomic.make_within(target, Path(name).parent)
        atomic.write_bytes(target / name, data)
    except OSError as error:
        raise InputError(
            f"`clean` {target}: {name!r} cannot be written there: {remedy(error)}"
        ) from None
