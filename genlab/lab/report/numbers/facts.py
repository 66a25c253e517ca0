"""The data of a report: the records of a finished lab run, read and checked for gaps.

Every number and text of them is bound to its place (`genlab.lab.report.numbers.bound`).
"""

__all__ = ["ASKED", "DogsVae", "Facts", "lab_config", "missing", "read_facts"]

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, TypeVar

from genlab.common.errors import InputError
from genlab.common.identity import Identity
from genlab.common.typed_json import from_json
from genlab.configs.gan import GanConfig
from genlab.configs.lab import DOGS_VAE, LabConfig
from genlab.configs.vae import VaeConfig
from genlab.fid.prior_pictures import FIRST, RESULTS, PriorPictures
from genlab.fid.results import GanMeasurement, Measurement
from genlab.gan.load import gan_config
from genlab.gan.results import GanResults, read_gan_results
from genlab.lab.report.numbers.bound import bind, plain
from genlab.priors import PRIORS
from genlab.runs.environment import Environment
from genlab.runs.records import read_json
from genlab.runs.run import Run
from genlab.vae.compare import compare_config
from genlab.vae.load import MEASURES, measured_values
from genlab.vae.results import Comparison, VaeResults

T = TypeVar("T")

ASKED = ("standard", "mixture")
"""The priors that the lab sheet names; it asks for at least one more."""
VAE_FIGURES = ("aggregated", "prior", "reconstructions", "samples", "manifold", "curve")
GAN_FILES = (
    "config.json", "results.json", "env.json", "generator.safetensors", "fid.json",
    "progress.png", "curve.png", "real.png", "generated.png",
)

PREPARATION = "preparation.png"
"""The GAN's figure of photographs and their squares, where these are not the central ones."""
SNAPSHOT = 10
"""Images that the lab sheet asks for at each epoch."""


@dataclass(frozen=True, kw_only=True)
class DogsVae:
    """The records of the comparison of priors on the dogs."""

    settings: Mapping[str, Any]
    """The configuration of the comparison, by option."""
    vae: dict[str, VaeResults]
    """The results under each prior, the standard Gaussian first."""
    comparison: Comparison
    pictures: PriorPictures
    data: Identity

    @property
    def standard(self) -> VaeResults:
        """The results under the standard Gaussian, with which the VAE was trained."""
        return self.vae["standard"]


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
    dogs_vae: DogsVae | None = None
    """None unless the lab was asked for it."""

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
    if (run / "gan" / "config.json").exists():
        if gan_config(Run(run / "gan")).crop != "centre":
            files.append(f"gan/{PREPARATION}")
    gan = run / "gan" / "results.json"
    for epoch in read_gan_results(Run(run / "gan")).snapshots if gan.exists() else ():
        files.append(f"gan/samples/epoch_{epoch:03d}.png")
        files += [f"gan/samples/epoch_{epoch:03d}/{i:02d}.png" for i in range(SNAPSHOT)]
    fid = run / "gan" / "fid.json"
    count = _read(GanMeasurement, read_json(fid), fid).n_fake if fid.exists() else 1
    width, there = max(3, len(str(count - 1))), len(list(run.glob("gan/generated/*.png")))
    names = (f"gan/generated/{i:0{width}d}.png" for i in range(min(count, there + 1)))
    files += names  # if more are missing, one of them is named
    files += _files_of_dogs_vae(run)
    return [name for name in files if not (run / name).exists()]


def _files_of_dogs_vae(run: Path) -> Iterator[str]:
    """Yields the files of the comparison of priors on the dogs that a report needs."""
    if DOGS_VAE not in lab_config(Run(run)).extra:
        return
    for name in ("config.json", "env.json", "results.json", RESULTS, "pictures.png"):
        yield f"{DOGS_VAE}/{name}"
    if not (run / DOGS_VAE / "config.json").exists():
        return
    for prior in compare_config(Run(run / DOGS_VAE)).priors:
        for name in ("config.json", "results.json", "env.json", "model.safetensors", MEASURES):
            yield f"{DOGS_VAE}/{prior}/{FIRST}/{name}"


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
        dogs_vae=_dogs_vae(path) if DOGS_VAE in lab_config(run).extra else None,
    )
    _require_lab(facts, path)
    return facts


def _require_all(run: Path) -> None:
    gaps = missing(run)
    if not gaps:
        return
    shown = ", ".join(gaps[:8]) + (f" and {len(gaps) - 8} more" if len(gaps) > 8 else "")
    over = [p for p in (run, *sorted(run.glob("vae/*")), run / "gan", run / DOGS_VAE)
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


def _dogs_vae(run: Path) -> DogsVae:
    """Returns the records of the comparison of priors on the dogs."""
    folder = run / DOGS_VAE
    priors = compare_config(Run(folder)).priors
    found = DogsVae(
        settings=bind(
            Run(folder).config, f"{DOGS_VAE}/config.json", str(folder / "config.json"), "/config"
        ),
        vae={
            prior: _record(VaeResults, run, f"{DOGS_VAE}/{prior}/{FIRST}/results.json")
            for prior in priors
        },
        comparison=_record(Comparison, run, f"{DOGS_VAE}/results.json"),
        pictures=_record(PriorPictures, run, f"{DOGS_VAE}/{RESULTS}"),
        data=_data(run, DOGS_VAE, "images"),
    )
    if more := sorted(set(found.pictures.priors) - set(found.vae)):
        raise InputError(
            f"{folder / RESULTS}: `priors.{more[0]}` is no prior of the comparison"
        )
    for file, lacking in (
        (RESULTS, _lacking_pictures(found)), ("results.json", _lacking_priors(found))
    ):
        if lacking:
            raise InputError(f"{folder / file}: lacks `{lacking[0]}`, which every lab measures")
    return found


def _lacking_pictures(found: DogsVae) -> list[str]:
    """Returns what a report needs and the measured pictures lack."""
    pictures = found.pictures
    if lacking := sorted(set(found.vae) - set(pictures.priors)):
        return [f"priors.{lacking[0]}"]
    labels = [plain(one.label) for one in pictures.limit.distances]
    measured: dict[str, Measurement | None] = {
        "limit": pictures.limit, "gan": pictures.gan,
        **{f"priors.{prior}": pictures.priors[prior] for prior in found.vae},
        **{f"guided.{prior}": one for prior, one in pictures.guided.items()},
    }
    lacking = [] if labels else ["limit.distances"]
    for name, one in measured.items():
        if one is None or [d.label for d in one.distances] != labels:
            lacking.append(f"{name}.distances" if one else name)
        elif any(d.copies is None for d in one.distances):
            lacking.append(f"{name}.distances.copies")
        elif one.n_real is None:
            lacking.append(f"{name}.n_real")
    for row in pictures.rows:
        lacking += [f"lost.{row.name}.{label}" for label in labels
                    if label not in pictures.lost.get(row.name, {})]
        lacking += [f"closed.{row.name}.{label}" for label in labels if row.prior != "standard"
                    and label not in pictures.closed.get(row.name, {})]
    return lacking


def _lacking_priors(found: DogsVae) -> list[str]:
    """Returns what a report needs and the table of the comparison lacks."""
    rows = found.comparison.priors
    return [
        f"priors.{prior}.differences.elbo" for prior in found.vae
        if prior != "standard" and (prior not in rows or "elbo" not in rows[prior].differences)
    ]


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
