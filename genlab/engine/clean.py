"""Copies what is usable of a folder of images, one of each group of copies, to another folder."""

__all__ = ["check_clean", "check_target", "clean"]

from pathlib import Path
from typing import Any

from genlab import atomic
from genlab.data.decode import image_files
from genlab.errors import InputError
from genlab.progress import Progress


def check_target(option: str, target: Path, folder: Path) -> None:
    """Refuses a place to write to that lies in the folder examined, which is not to change.

    Raises:
        InputError: If `target` is `folder` or within it.
    """
    inner, outer = target.resolve(), folder.resolve()
    if inner == outer or outer in inner.parents:
        raise InputError(
            f"{option} {target}: lies in the folder of the images, {folder}, and that is not "
            "changed; name another"
        )


def check_clean(target: Path, folder: Path) -> None:
    """Refuses a folder that `clean` could not use, before any work is done.

    Raises:
        InputError: If `target` holds something, or lies in `folder`.
    """
    check_target("--clean", target, folder)
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise InputError(f"--clean {target}: is not empty; name a new or empty folder")


def clean(findings: dict[str, Any], folder: Path, target: Path) -> dict[str, Any]:
    """Copies files, byte for byte and with their folders, into an empty or new folder.

    Arguments:
        findings: What `doctor.check_folder` found in `folder`.
        folder: Where they are.
        target: Where they go.

    Returns:
        "copied" and "left_out", how many.

    Raises:
        InputError: If `target` holds something, or lies in `folder`.
    """
    check_clean(target, folder)
    out = {entry["file"] for entry in findings["unusable"]}
    out |= {name for group in findings["groups"] for name in group[1:]}
    paths = image_files(folder)
    chosen = [p for p in paths if p.relative_to(folder).as_posix() not in out]
    with Progress(len(chosen), f"copying to {target.name}", "images") as progress:
        for path in chosen:
            atomic.write_bytes(target / path.relative_to(folder), path.read_bytes())
            progress.advance()
    return {"copied": len(chosen), "left_out": len(paths) - len(chosen)}
