"""The data of a report: the records of a finished lab run, read and checked for gaps.

Every number and text of them is bound to its place (`genlab.lab.report.numbers.bound`).
"""

__all__ = ["ASKED", "Facts", "lab_config", "missing", "read_facts"]

from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, TypeVar

from genlab.common.errors import InputError
from genlab.common.identity import Identity
from genlab.common.typed_json import from_json
from genlab.configs.gan import GanConfig
from genlab.configs.lab import LabConfig
from genlab.configs.vae import VaeConfig
from genlab.fid.results import GanMeasurement
from genlab.gan.results import GanResults, read_gan_results
from genlab.lab.report.numbers.bound import bind, plain
from genlab.priors import PRIORS
from genlab.runs.environment import Environment
from genlab.runs.records import read_json
from genlab.runs.run import Run
from genlab.vae.load import MEASURES, measured_values
from genlab.vae.results import VaeResults

T = TypeVar("T")

ASKED = ("standard", "mixture")
"""The priors that the lab sheet names; it asks for at least one more."""
VAE_FIGURES = ("aggregated", "prior", "reconstructions", "samples", "manifold", "curve")
GAN_FILES = (
    "config.json", "results.json", "env.json", "generator.safetensors", "fid.json",
    "progress.png", "curve.png", "real.png", "generated.png",
)


SNAPSHOT = 10
"""Images that the lab sheet asks for at each epoch."""


@dataclass(frozen=True, kw_only=True)
class Facts:
    """The records of one lab run."""

    config: LabConfig
    """The lab's own configuration."""
    env: Environment
    vae: dict[str, VaeResults]
    """The results under each prior, the standard Gaussian first, with each test image's values."""
    vae_config: dict[str, VaeConfig]
    gan: GanResults
    gan_config: GanConfig
    fid: GanMeasurement
    digits: Identity
    dogs: Identity

    @property
    def standard(self) -> VaeResults:
        """The results under the standard Gaussian, the baseline of every comparison."""
        return self.vae["standard"]


def priors_of(run: Path) -> list[str]:
    """Returns the priors that a lab run trained, those that the sheet names first."""
    found = {p.parent.name for p in (run / "vae").glob("*/config.json")}
    return [p for p in ASKED if p in found] + sorted(found - set(ASKED))


def missing(run: Path) -> list[str]:
    """Returns the files that a report needs and the lab run lacks, as paths relative to it."""
    priors = priors_of(run)
    asked = list(dict.fromkeys([*ASKED, *priors]))
    if len(asked) == len(ASKED):
        asked.append("<one more prior>")
    files = ["env.json", "vae/priors.png"]
    for prior in asked:
        names = ("config.json", "results.json", "env.json", "model.safetensors", MEASURES)
        files += [f"vae/{prior}/{name}" for name in names]
        files += [f"vae/{prior}/figures/{name}.png" for name in VAE_FIGURES]
    files += [f"gan/{name}" for name in GAN_FILES]
    gan = run / "gan" / "results.json"
    for epoch in read_gan_results(Run(run / "gan")).snapshots if gan.exists() else ():
        files.append(f"gan/samples/epoch_{epoch:03d}.png")
        files += [f"gan/samples/epoch_{epoch:03d}/{i:02d}.png" for i in range(SNAPSHOT)]
    fid = run / "gan" / "fid.json"
    count = _read(GanMeasurement, read_json(fid), fid).n_fake if fid.exists() else 1
    width, there = max(3, len(str(count - 1))), len(list(run.glob("gan/generated/*.png")))
    names = (f"gan/generated/{i:0{width}d}.png" for i in range(min(count, there + 1)))
    files += names  # if more are missing, one of them is named
    return [name for name in files if not (run / name).exists()]


def lab_config(run: Run) -> LabConfig:
    """Returns the configuration of a lab run.

    Raises:
        InputError: If it is another kind of run, or its configuration is damaged.
    """
    if run.kind != "lab":
        raise InputError(f"{run.path}: a {run.kind!r} run; a report is made of a genlab lab run")
    return run.config_as(LabConfig)


def read_facts(run: Run) -> Facts:
    """Reads the records of a finished lab run; all values know where they are from.

    Raises:
        InputError: If it is another kind of run, or something is missing, with a list of that.
    """
    lab_config(run)
    _require_all(run.path)
    path = run.path
    priors = priors_of(path)
    if unknown := [prior for prior in priors if prior not in PRIORS]:
        raise InputError(f"{path / 'vae' / unknown[0]}: no prior of genlab has that name")
    facts = Facts(
        config=_config(LabConfig, path, "."),
        env=_record(Environment, path, "env.json"),
        vae={prior: _results(path, prior) for prior in priors},
        vae_config={prior: _config(VaeConfig, path, f"vae/{prior}") for prior in priors},
        gan=_record(GanResults, path, "gan/results.json"),
        gan_config=_config(GanConfig, path, "gan"),
        fid=_record(GanMeasurement, path, "gan/fid.json"),
        digits=_data(path, "vae/standard", "images"), dogs=_data(path, "gan", "images"),
    )
    _require_lab(facts, path)
    return facts


def _require_all(run: Path) -> None:
    gaps = missing(run)
    if not gaps:
        return
    shown = ", ".join(gaps[:8]) + (f" and {len(gaps) - 8} more" if len(gaps) > 8 else "")
    over = [p for p in (run, *sorted(run.glob("vae/*")), run / "gan")
            if (p / "DONE").exists() and any((run / gap).is_relative_to(p) for gap in gaps)]
    if over:
        raise InputError(
            f"{over[0]}: done, yet it lacks {shown}: the run is damaged; make it again in another "
            "folder"
        )
    raise InputError(f"{run}: not finished, it lacks {shown}; finish it with: genlab resume {run}")


def _require_lab(facts: Facts, run: Path) -> None:
    """Refuses records that are not those of a lab: what it always measures is missing."""
    fid, file = facts.fid, run / "gan/fid.json"
    labels = [one.label for one in fid.distances]
    lacking = [
        *(["distances"] if not fid.distances else []),
        *(["real"] if fid.real is None or fid.n_real is None else []),
        *(["different.real"] if fid.different.real is None else []),
        *(["recognised_real"] if fid.recognised_real is None else []),
        *(["recognised_fake"] if fid.recognised_fake is None else []),
        *(f"distances.{i}.copies" for i, one in enumerate(fid.distances) if one.copies is None),
        *(["epochs"] if not fid.epochs else []),
        *(f"epochs.{i}.recognised" for i, e in enumerate(fid.epochs) if e.recognised is None),
        *(f"epochs.{i}.distances.{label}" for i, e in enumerate(fid.epochs) for label in labels
          if label not in e.distances),
    ]
    if lacking:
        raise InputError(f"{file}: lacks `{plain(lacking[0])}`, which every lab measures")


def _record(kind: type[T], run: Path, file: str) -> T:
    """A record as a dataclass, every number and text of which is bound to its place."""
    return _bound(kind, read_json(run / file), run / file, file)


def _read(kind: type[T], value: Any, path: Path) -> T:
    return from_json(kind, value, str(path))


def _bound(kind: type[T], value: Any, path: Path, file: str, pointer: str = "") -> T:
    """A value as a dataclass whose numbers and texts are bound to `file#pointer`."""
    _read(kind, value, path)  # errors quote the values as they are
    return _read(kind, bind(value, file, pointer=pointer), path)


def _config(kind: Any, run: Path, folder: str) -> Any:
    """A run's configuration: every field stands in its record."""
    inner = Run(run / folder)
    file = (inner.path / "config.json").relative_to(run).as_posix()
    if missing := [field.name for field in fields(kind) if field.name not in inner.config]:
        raise InputError(f"{inner.path / 'config.json'}: lacks `{missing[0]}`")
    return _bound(kind, inner.config, inner.path / "config.json", file, "/config")


def _data(run: Path, folder: str, role: str) -> Identity:
    Run(run / folder).data(role)  # an error that names the file where it has none
    return _record(Environment, run, f"{folder}/env.json").data[role]


def _results(run: Path, prior: str) -> VaeResults:
    """The results of a VAE, with the values of each image."""
    results = _record(VaeResults, run, f"vae/{prior}/results.json")
    return replace(results, values=measured_values(run / "vae" / prior))
