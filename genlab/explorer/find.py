"""Finds the parts of a run directory that a page can show: VAEs, a GAN, or both."""

__all__ = ["Found", "find"]

from dataclasses import dataclass
from pathlib import Path

from genlab.common.errors import InputError
from genlab.runs.records import kind_of
from genlab.runs.run import Run
from genlab.vae.compare import compare_config
from genlab.vae.load import vae_config

FINISHED = {"vae": "model.safetensors", "gan": "generator.safetensors"}


@dataclass(frozen=True, kw_only=True)
class Found:
    """The runs that a page can show."""

    run: Run
    """The run directory."""
    vaes: dict[str, Path]
    """The finished VAEs, by the name of the prior or, for a single run, of the folder."""
    gan: Path | None
    """The finished GAN."""
    seeds: int = 1
    """The number of seeds of a comparison; the VAEs are those of the first seed."""


def find(path: Path, only: tuple[str, ...] = ()) -> Found:
    """Finds what a page can show of a run directory.

    Arguments:
        path: A VAE run, a comparison, a GAN run or a lab run.
        only: Of several VAEs, these; all if empty.

    Raises:
        InputError: If `path` is no run, or nothing in it is finished, or something is damaged,
            or `only` names what is not there.
    """
    run = Run(path)
    vaes: dict[str, Path] = {}
    gan, seeds = None, 1
    if run.kind == "vae":
        vaes = {vae_config(run).prior: path}
    elif run.kind == "gan":
        gan = path
    elif run.kind == "compare":
        config = compare_config(run)
        vaes = {prior: path / prior / "0" for prior in config.priors}
        seeds = config.seeds
    elif run.kind == "lab":
        vaes = {p.name: p for p in _in_order(path / "vae")}
        gan = path / "gan"
    else:
        raise InputError(f"{path}: a run of unknown kind {run.kind!r}")
    unfinished = [folder for folder in vaes.values() if not _finished(folder, "vae")]
    if gan is not None and not _finished(gan, "gan"):
        unfinished.append(gan)
    if run.done and unfinished:
        raise InputError(
            f"{path}: done, yet {unfinished[0]} is not; genlab doctor {path} says what can be had "
            "again"
        )
    vaes = {name: folder for name, folder in vaes.items() if folder not in unfinished}
    gan = None if gan in unfinished else gan
    if only and (absent := [name for name in only if name not in vaes]):
        there = f"it has {', '.join(vaes)}" if vaes else "it has none"
        raise InputError(f"`priors` {' '.join(absent)}: no such finished VAE in {path}; {there}")
    if only:
        vaes = {name: vaes[name] for name in only}
    if not vaes and gan is None:
        raise InputError(
            f"{path}: nothing finished to explore yet; finish it with: genlab resume {path}"
        )
    return Found(run=run, vaes=vaes, gan=gan, seeds=seeds)


def _in_order(folder: Path) -> list[Path]:
    """Returns the runs in a folder, the standard Gaussian first, the others by name."""
    runs = [p for p in folder.glob("*") if p.is_dir() and kind_of(p) is not None]
    return sorted(runs, key=lambda p: (p.name != "standard", p.name))


def _finished(path: Path, kind: str) -> bool:
    """Returns whether a finished run of this kind is there, with its weights and numbers.

    Raises:
        InputError: If it is done and lacks some.
    """
    if kind_of(path) != kind or not (run := Run(path)).done:
        return False
    for name in ("results.json", "env.json", FINISHED[kind]):
        if not (path / name).exists():
            raise run.lacking(name)
    return True
