"""The data of a report: the records of a finished lab run, read and checked for gaps.

Every number and text of them is bound to its place (`genlab.lab.report.numbers.bound`).
"""

__all__ = ["ASKED", "Facts", "missing", "read_facts"]

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from genlab.common.errors import InputError
from genlab.common.typed_json import from_json
from genlab.fid.results import GanMeasurement
from genlab.lab.report.numbers.bound import bind
from genlab.runs.records import Record, read_json
from genlab.runs.run import Run
from genlab.vae.load import MEASURES, measured_values
from genlab.vae.results import VaeResults

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

    config: dict[str, Any]
    """The lab's own configuration."""
    env: dict[str, Any]
    vae: dict[str, VaeResults]
    """The results under each prior, the standard Gaussian first, with each test image's values."""
    vae_config: dict[str, dict[str, Any]]
    gan: dict[str, Any]
    gan_config: dict[str, Any]
    fid: GanMeasurement
    digits: dict[str, Any]
    """Identity of the digits."""
    dogs: dict[str, Any]
    """Identity of the dogs."""

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
    for epoch in read_json(gan)["snapshots"] if gan.exists() else ():
        files.append(f"gan/samples/epoch_{epoch:03d}.png")
        files += [f"gan/samples/epoch_{epoch:03d}/{i:02d}.png" for i in range(SNAPSHOT)]
    fid = run / "gan" / "fid.json"
    count = read_json(fid)["n_fake"] if fid.exists() else 1
    width = max(3, len(str(count - 1)))
    files += [f"gan/generated/{i:0{width}d}.png" for i in range(count)]
    return [name for name in files if not (run / name).exists()]


def read_facts(run: Run) -> Facts:
    """Reads the records of a finished lab run; all values know where they are from.

    Raises:
        InputError: If it is another kind of run, or something is missing, with a list of that.
    """
    if run.kind != "lab":
        raise InputError(f"{run.path}: a {run.kind!r} run; a report is made of a genlab lab run")
    _require_all(run.path)
    priors = priors_of(run.path)
    env = {folder: _record(run.path, f"{folder}/env.json") for folder in ("vae/standard", "gan")}
    return Facts(
        config=_record(run.path, "config.json")["config"],
        env=_record(run.path, "env.json"),
        vae={prior: _results(run.path, prior) for prior in priors},
        vae_config={p: _record(run.path, f"vae/{p}/config.json")["config"] for p in priors},
        gan=_record(run.path, "gan/results.json"),
        gan_config=_record(run.path, "gan/config.json")["config"],
        fid=from_json(
            GanMeasurement, _record(run.path, "gan/fid.json"), str(run.path / "gan/fid.json")
        ),
        digits=env["vae/standard"]["data"]["digits"],
        dogs=env["gan"]["data"]["images"],
    )


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


def _record(run: Path, file: str) -> Record:
    return bind(read_json(run / file), file, str(run / file))


def _results(run: Path, prior: str) -> VaeResults:
    """The results of a VAE, with the values of each image."""
    file = f"vae/{prior}/results.json"
    results = from_json(VaeResults, _record(run, file), str(run / file))
    return replace(results, values=measured_values(run / "vae" / prior))
