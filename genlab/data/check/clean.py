"""Copying the usable images of a folder, one of each group of copies, to another folder."""

__all__ = ["PAGE", "RESULTS", "clean_copy", "require_clean_target", "require_page_target"]

from contextlib import closing
from pathlib import Path
from typing import Any

from genlab.common import atomic
from genlab.common.errors import InputError
from genlab.common.paths import require_outside, require_place, within
from genlab.common.progress import Progress
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
    held = {path.name for path in there if ".tmp-" not in path.name}
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

    Raises:
        InputError: If `target` holds something, lies in `folder`, or cannot be written.
    """
    _check_place("clean", target, folder)
    if target.exists() and any(target.iterdir()):
        raise InputError(f"`clean` {target}: is not empty; name a new or empty folder")


def clean_copy(findings: dict[str, Any], folder: Path, target: Path) -> dict[str, Any]:
    """Copies files, byte for byte and with their folders, into an empty or new folder.

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
        for name in chosen:
            if not within(target / name, target):  # a zip may name anything
                raise InputError(
                    f"`clean` {target}: {folder} names {name!r}, which leads out of it; unpack "
                    "the zip and give the folder"
                )
        with Progress(len(chosen), f"copying to {target.name}", "images") as progress:
            for name in chosen:
                data = files.read(name)
                try:
                    atomic.write_bytes(target / name, data)
                except OSError as error:
                    raise InputError(
                        f"`clean` {target}: {name!r} cannot be written there ({error.strerror})"
                    ) from None
                progress.advance()
        return {
            "copied": len(chosen),
            "left_out": len(files.names) + len(files.broken) - len(chosen),
        }
