"""Builds a VAE from its configuration, and loads one from its run directory."""

__all__ = [
    "EXAMPLES", "MEASURES", "build_likelihood", "build_vae", "first_vae", "load_vae",
    "measured_values", "vae_config",
]  # fmt: skip

import math

from pathlib import Path

import torch

from torch import Tensor

from genlab.common.errors import InputError
from genlab.common.rng import generator, seeded
from genlab.configs.prior import PriorOptions
from genlab.configs.vae import VaeConfig
from genlab.networks.mlp import Decoder, Encoder
from genlab.priors import PRIORS, Setting
from genlab.runs.run import Run
from genlab.runs.state import readable
from genlab.vae.likelihoods import Bernoulli, Likelihood
from genlab.vae.model import VAE
from genlab.vae.splits import Splits

EXAMPLES = 100
"""Training images a prior is shown at its start, if it has no more components than that."""
MEASURES = "measures.safetensors"
"""One value a test image of every term, in the test digits' order, for paired comparisons."""


def build_vae(
    config: VaeConfig, pixels: int, examples: Tensor | None = None, rows: Tensor | None = None
) -> VAE:
    """Builds the untrained model; without `examples` its prior awaits loaded weights."""
    count = config.prior_options.components or 1
    if examples is None or rows is None:
        examples, rows = torch.zeros(count, pixels), torch.zeros(count, dtype=torch.int64)
    with seeded(config.seed, "weights"):
        encoder = Encoder(pixels, config.hidden, config.latent, gated=config.gated)
        decoder = Decoder(
            config.latent, config.hidden[::-1], pixels, gated=config.gated,
            fourier=config.fourier or 0.0,
        )
        setting = Setting(
            latent=config.latent, options=config.prior_options, encode=encoder.forward,
            examples=examples, rows=rows,
        )
        return VAE(encoder, decoder, PRIORS[config.prior](setting), build_likelihood(config))


def build_likelihood(config: VaeConfig) -> Likelihood:
    """Builds the likelihood of a configuration."""
    del config
    return Bernoulli()


def first_vae(config: VaeConfig, splits: Splits) -> VAE:
    """Builds the model as training begins with it: all weights follow from the seed."""
    rows = torch.randperm(len(splits.train), generator=generator(config.seed, "examples"))
    rows = rows[: max(config.prior_options.components or 1, EXAMPLES)]
    return build_vae(config, splits.train.shape[1], splits.train[rows], rows)


def load_vae(path: Path) -> tuple[VAE, VaeConfig]:
    """Rebuilds the model of a finished run from its JSON and safetensors.

    Raises:
        InputError: If `path` is not a finished VAE run, or is damaged.
    """
    from safetensors.torch import load

    run = Run(path)
    weights = path / "model.safetensors"
    if run.kind != "vae" or not (run.done or weights.exists()):
        raise InputError(f"{path}: not a finished VAE run; train it with: genlab vae train")
    if not weights.exists():
        raise run.lacking(weights.name)
    with readable(path):
        config = vae_config(run)
        model = build_vae(config, math.prod(run.env["data"]["digits"]["shape"]))
        model.load_state_dict(load(weights.read_bytes()))
    return model.eval(), config


def vae_config(run: Run) -> VaeConfig:
    """Returns the configuration of a VAE run.

    Raises:
        InputError: If this version of genlab cannot read it.
    """
    with readable(run.path):
        options = run.config["prior_options"]
        hidden = options["hidden"] and tuple(options["hidden"])
        changes = {
            "hidden": tuple(run.config["hidden"]),
            "prior_options": PriorOptions(**{**options, "hidden": hidden}),
        }
        return VaeConfig(**{**run.config, **changes})


def measured_values(path: Path) -> dict[str, Tensor]:
    """Returns every term of every test image of a finished run, each with shape `(N,)`."""
    from safetensors.torch import load

    return load((path / MEASURES).read_bytes())
