"""What a report is made from: the records of a finished lab run, read and checked for gaps."""

__all__ = ["ASKED", "Facts", "missing", "read_facts"]

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from genlab.engine.run import Run, read_json
from genlab.engine.vae import MEASURES
from genlab.engine.vae import measured_values as measured
from genlab.errors import InputError

ASKED = ("standard", "mixture")
"""The priors that the lab sheet names; it asks for at least one more."""
VAE_FIGURES = ("aggregated", "prior", "reconstructions", "samples", "manifold", "curve")
GAN_FILES = (
    "config.json", "results.json", "env.json", "generator.safetensors", "fid.json",
    "progress.png", "curve.png", "real.png", "generated.png", "generated/000.png",
)


@dataclass(frozen=True, kw_only=True)
class Facts:
    """The records of one lab run."""

    config: dict[str, Any]
    """The lab's own configuration."""
    env: dict[str, Any]
    vae: dict[str, dict[str, Any]]
    """`results.json` of each prior, the standard Gaussian first; with `values`, each term of each
    test image."""
    vae_config: dict[str, dict[str, Any]]
    gan: dict[str, Any]
    gan_config: dict[str, Any]
    fid: dict[str, Any]
    digits: dict[str, Any]
    """Identity of the digits."""
    dogs: dict[str, Any]
    """Identity of the dogs."""

    @property
    def standard(self) -> dict[str, Any]:
        """The results under the standard Gaussian, the control of every comparison."""
        return self.vae["standard"]


def priors_of(run: Path) -> list[str]:
    """Returns the priors that a lab run trained, those that the sheet names first."""
    found = {p.parent.name for p in (run / "vae").glob("*/config.json")}
    return [p for p in ASKED if p in found] + sorted(found - set(ASKED))


def missing(run: Path) -> list[str]:
    """Returns what a lab run still lacks of what a report needs, as paths below it."""
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
        files += [f"gan/samples/epoch_{epoch:03d}.png", f"gan/samples/epoch_{epoch:03d}/00.png"]
    return [name for name in files if not (run / name).exists()]


def read_facts(run: Run) -> Facts:
    """Reads the records of a finished lab run.

    Raises:
        InputError: If it is another kind of run, or something is missing, with a list of that.
    """
    if run.kind != "lab":
        raise InputError(f"{run.path}: a {run.kind!r} run; a report is made of a genlab lab run")
    if gaps := missing(run.path):
        shown = ", ".join(gaps[:8]) + (f" and {len(gaps) - 8} more" if len(gaps) > 8 else "")
        raise InputError(
            f"{run.path}: not finished, it lacks {shown}; finish it with: genlab resume {run.path}"
        )
    vae, gan = {p: Run(run.path / "vae" / p) for p in priors_of(run.path)}, Run(run.path / "gan")
    return Facts(
        config=run.config,
        env=run.env,
        vae={
            prior: one.results | {"values": {k: v.numpy() for k, v in measured(one.path).items()}}
            for prior, one in vae.items()
        },
        vae_config={prior: one.config for prior, one in vae.items()},
        gan=gan.results,
        gan_config=gan.config,
        fid=read_json(gan.path / "fid.json"),
        digits=vae["standard"].env["data"]["mnist"],
        dogs=gan.env["data"]["dogs"],
    )
