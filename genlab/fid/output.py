"""Where a measurement goes: a folder of its own, outside the images that it measures."""

__all__ = ["check_target", "drop_figures"]

from collections.abc import Collection
from pathlib import Path

from genlab.common.atomic import is_leftover
from genlab.common.errors import InputError
from genlab.common.paths import require_outside, require_place
from genlab.configs.fid import FEATURE_NAMES, FidConfig
from genlab.data.open import folder_of
from genlab.runs.records import kind_of

FIGURES = frozenset({"closest.png", "influence.png"})
OWN = FIGURES | {"results.json", *(f"statistics-{name}.npz" for name in FEATURE_NAMES)}
FOREIGN = "statistics-onnx-*.npz"
"""Statistics of networks in ONNX files."""


def check_target(out: Path, config: FidConfig) -> None:
    """Refuses a place that a measurement cannot go to, before any work is done.

    Raises:
        InputError: If `out` lies in a folder of images of `config`, holds something else than an
            earlier measurement, or cannot be written.
    """
    for source in (config.real, *config.fakes, config.held_out):
        folder = folder_of(source) if source else None
        if folder and not kind_of(folder):
            require_outside("out", out, folder)
    require_place("out", out)
    there = out.iterdir() if out.exists() else ()
    others = sorted(p.name for p in there if not _own(p))
    if others:
        raise InputError(
            f"`out` {out}: the folder holds {others[0]!r}, which is of no measurement; name a new "
            "or empty folder"
        )


def _own(path: Path) -> bool:
    if path.name.isdecimal() and path.is_dir():  # one of several generators
        return {p.name for p in path.iterdir() if not is_leftover(p)} <= FIGURES
    return path.name in OWN or path.match(FOREIGN) or is_leftover(path)


def drop_figures(out: Path, drawn: Collection[Path] = ()) -> None:
    """Deletes the figures of an earlier measurement: this one may have fewer generators.

    Arguments:
        out: The folder.
        drawn: The figures of this one, which stay.
    """
    for name in FIGURES:
        for path in (out / name, *out.glob(f"*/{name}")):
            if path not in drawn:
                path.unlink(missing_ok=True)
    for folder in out.glob("*"):
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
