"""The examination of a run's folder: every file that it keeps against its seal or its state."""

__all__ = ["Examined", "examine"]

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from genlab.common.errors import InputError
from genlab.runs.run import Run
from genlab.runs.seal import digest_of, kept_files, read_seal


@dataclass(frozen=True)
class Examined:
    """A file of a run, or a state."""

    file: str
    """Its way from the folder that was examined."""
    found: Literal["whole", "changed", "missing", "foreign"]
    remedy: str = ""
    """How it is had again, where that can be."""


def examine(path: Path) -> list[Examined]:
    """Examines a run and the runs inside it, reading every file that they keep.

    Raises:
        InputError: If `path` is no run.
    """
    Run(path)
    inside = sorted(file.parent for file in path.glob("**/config.json") if file.parent != path)
    runs = [path, *(folder for folder in inside if _is_run(folder))]
    return [one for run in runs for one in _of_run(run, path)]


def _is_run(folder: Path) -> bool:
    try:
        Run(folder)
    except InputError:
        return (folder / "env.json").exists()  # a damaged one
    return True


def _of_run(run: Path, top: Path) -> list[Examined]:
    way = run.relative_to(top)
    try:
        sealed = read_seal(run)
    except InputError:
        return [Examined((way / "DONE").as_posix(), "changed", "restore it from a copy")]
    if sealed is None:
        return [_state(run, way)]
    found = []
    for name in sorted(set(sealed) | set(kept_files(run))):
        file, shown = run / name, (way / name).as_posix()
        if not file.exists():
            found.append(Examined(shown, "missing", _remedy(run, name)))
        elif name not in sealed:
            found.append(Examined(shown, "foreign", "move it elsewhere: the run did not write it"))
        elif digest_of(file.read_bytes()) not in sealed[name]:
            found.append(Examined(shown, "changed", _remedy(run, name)))
        else:
            found.append(Examined(shown, "whole"))
    return found


def _state(run: Path, way: Path) -> Examined:
    """The training state of a run that is not finished."""
    try:
        state = Run(run).newest_state()
    except InputError as error:
        return Examined((way / "state.json").as_posix(), "changed", str(error))
    step = "its beginning" if state is None else f"step {state[1]}"
    return Examined((way / "state.json").as_posix(), "whole",
                    f"not finished: genlab resume {run} goes on from {step}")  # fmt: skip


def _remedy(run: Path, name: str) -> str:
    if name == "measures.safetensors":
        return f"genlab vae evaluate {run} writes it again"
    return (
        "restore it from a copy, or train again into another folder: the same command gives the "
        "same bytes on the same machine"
    )
