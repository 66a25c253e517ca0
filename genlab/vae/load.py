"""Builds a VAE from its configuration, and loads one from its run directory."""

__all__ = [
    "MEASURES", "build_likelihood", "build_networks", "build_prior", "build_vae", "first_vae",
    "initialise_prior", "load_vae", "measured_values", "of_table", "read_scale", "require_images",
    "shape_of", "vae_config",
]  # fmt: skip

import math

from collections.abc import Sequence
from pathlib import Path

import torch

from torch import Tensor

from genlab.common.errors import InputError
from genlab.common.rng import generator, seeded
from genlab.common.typed_json import from_json
from genlab.configs.likelihood import LIKELIHOOD_SIGNATURES
from genlab.configs.prior import PRIOR_SIGNATURES
from genlab.configs.vae import MAP_NETS, SIZES, VaeConfig
from genlab.data.tables.table import FILE, Scale
from genlab.networks.interface import ImageDecoder, ImageEncoder
from genlab.networks.maps import MapDecoder, MapEncoder
from genlab.networks.mlp import Decoder, Encoder
from genlab.priors import PRIORS, Prior
from genlab.runs.records import read_json, readable
from genlab.runs.run import Run
from genlab.vae.likelihoods import LIKELIHOODS, ExponentialFamily, Likelihood
from genlab.vae.model import VAE
from genlab.vae.splits import Splits

LARGEST_IMAGE = 3 * SIZES[1] ** 2
"""The values of the largest image that is taken whatever the weights."""
MEASURES = "measures.safetensors"
"""One value a test image of every term, in the test digits' order, for paired comparisons."""


def build_prior(config: VaeConfig) -> Prior:
    """Builds the prior of a configuration.

    Raises:
        InputError: If it cannot be built, or not be trained as the configuration says.
    """
    kind = PRIORS[config.prior]
    if config.objective in ("pooled", "exact") and kind.leaves_out_self:
        raise InputError(
            f"`objective` {config.objective} cannot train the prior {config.prior!r}, which "
            "leaves each image itself out, where all images share their points; take elbo or iwae"
        )
    if config.objective != "elbo" and kind.trains_on_bound:
        raise InputError(
            f"`objective` {config.objective} cannot train the prior {config.prior!r}, which has "
            "only a random bound of its density in training; take elbo"
        )
    if config.em and not kind.fitted_by_em:
        able = ", ".join(name for name, prior in PRIORS.items() if prior.fitted_by_em)
        raise InputError(f"`em` is for the priors {able}, not for {config.prior}")
    with PRIOR_SIGNATURES.prefixed():
        return kind(config.dimensions, **config.prior_options)


def build_vae(config: VaeConfig, shape: Sequence[int]) -> VAE:
    """Builds the untrained model; its prior has seen no training images.

    Arguments:
        config: What to build.
        shape: The shape of an image, `(H, W)` or `(3, H, W)`, or of a row of a table, `(F,)`.

    Raises:
        InputError: If the prior or the likelihood cannot be built, the networks not be for these
            images, or the prior not be trained as the configuration says.
    """
    likelihood = build_likelihood(config)
    with seeded(config.seed, "weights"):
        encoder, decoder = build_networks(config, shape, likelihood.width(shape))
        return VAE(encoder, decoder, build_prior(config), likelihood, config.posterior)


def build_networks(
    config: VaeConfig, shape: Sequence[int], outputs: int
) -> tuple[ImageEncoder, ImageDecoder]:
    """Builds encoder and decoder for images of a shape and a likelihood of so many parameters.

    Raises:
        InputError: If images have no map as large as the latent, or rows of a table are to have
            one.
    """
    if config.net not in MAP_NETS:
        pixels, d = math.prod(shape), config.dimensions
        return Encoder(pixels, config.hidden, d, gated=config.gated), Decoder(
            d, config.hidden[::-1], outputs, gated=config.gated, fourier=config.fourier or 0.0
        )
    if len(shape) == 1:
        raise InputError(f"`net` {config.net}: is for images; rows of a table take mlp")
    height, width = shape[-2:]
    image = (math.prod(shape[:-2]), height, width)
    latent = config.latent_map or config.dimensions
    residual = config.net == "resnet"
    encoder = MapEncoder(
        image, latent, config.width, depth=config.depth, residual=residual, halve=config.halve
    )
    return encoder, MapDecoder(
        latent, image, outputs // (height * width), config.width, depth=config.depth,
        residual=residual, halve=config.halve,
    )


def build_likelihood(config: VaeConfig) -> Likelihood:
    """Builds the likelihood of a configuration.

    Raises:
        InputError: If it cannot be built.
    """
    kind = LIKELIHOODS[config.likelihood]
    if config.objective in ("pooled", "exact") and not issubclass(kind, ExponentialFamily):
        raise InputError(
            f"`objective` {config.objective} needs a likelihood that is an exponential family, "
            f"which {config.likelihood} is not; take elbo or iwae"
        )
    with LIKELIHOOD_SIGNATURES.prefixed():
        return kind(**config.likelihood_options)


def first_vae(config: VaeConfig, splits: Splits) -> VAE:
    """Builds the model as training begins with it: all weights follow from the seed.

    Raises:
        InputError: If the prior cannot be built, or needs more training images than there are.
    """
    model = build_vae(config, splits.shape)
    with PRIOR_SIGNATURES.prefixed():
        initialise_prior(model, splits, config.seed)
    return model


def initialise_prior(model: VAE, splits: Splits, seed: int) -> None:
    """Gives the prior the training images that it needs, drawn by the seed."""
    order = torch.randperm(len(splits.train), generator=generator(seed, "examples"))
    rows = order[: model.prior.examples]
    model.prior.initialise(splits.train[rows], rows)


def load_vae(path: Path) -> tuple[VAE, VaeConfig]:
    """Rebuilds the model of a finished run from its JSON and safetensors.

    Raises:
        InputError: If `path` is not a finished VAE run, or is damaged.
    """
    run, name = Run(path), "model.safetensors"
    if run.kind != "vae" or not (run.done or (path / name).exists()):
        raise InputError(f"{path}: not a finished VAE run; train it with: genlab vae train")
    weights = run.weights(name)
    with readable(path):
        config = vae_config(run)
        model = build_vae(config, shape_of(run, weights))
        model.load_state_dict(weights)
    model.eval().prior.hold_encoder()
    return model, config


def shape_of(run: Run, weights: dict[str, Tensor]) -> tuple[int, ...]:
    """Returns the shape of an image, or row, of a run whose model has these weights.

    Raises:
        InputError: If it is none, or too large for the model.
    """
    shape, place = run.data("images").shape, f"{run.path / 'env.json'}: `data.images.shape`"
    if len(shape) not in (1, 2, 3) or min(shape) < 1:
        raise InputError(f"{place} {shape}: no shape of an image")
    first = max((tensor.numel() for tensor in weights.values()), default=0)
    if math.prod(shape) > max(first, LARGEST_IMAGE):
        raise InputError(f"{place}: more pixels than the model has weights")
    return shape


def of_table(run: Run) -> bool:
    """Returns whether a VAE's run is of rows of a table, and not of images."""
    return len(run.data("images").shape) == 1


def require_images(run: Run, what: str) -> None:
    """Raises `InputError` if a VAE's run is of rows of a table; `what` needs images."""
    if of_table(run):
        raise InputError(f"{run.path}: a VAE of rows of a table; {what} needs one of images")


def read_scale(run: Run) -> Scale:
    """Returns names, means and standard deviations of the columns that a run was trained on.

    Raises:
        InputError: If the run is of images, or the record is missing or damaged.
    """
    file, (count,) = run.path / FILE, run.data("images").shape
    scale = from_json(Scale, dict(read_json(file)), str(file))
    if len(scale.columns) != count:
        raise InputError(f"{file}: {len(scale.columns)} columns, the run has {count}")
    return scale


def vae_config(run: Run) -> VaeConfig:
    """Returns the configuration of a VAE run.

    Raises:
        InputError: If it is not that of a VAE.
    """
    return run.config_as(VaeConfig)


def measured_values(path: Path) -> dict[str, Tensor]:
    """Returns every term of every test image of a finished run, each with shape `(N,)`."""
    return Run(path).weights(MEASURES)
