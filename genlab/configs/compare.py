"""A comparison of priors: which, how often, and what is common to all."""

__all__ = ["RECIPES", "CompareConfig", "RecipeName", "cells"]

import math

from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from typing import Literal

from genlab.common.errors import InputError
from genlab.common.identity import Crop
from genlab.configs import vae
from genlab.configs.fid import FEWEST
from genlab.configs.likelihood import LikelihoodName, LikelihoodOptions
from genlab.configs.prior import PRIOR_SIGNATURES, PriorName
from genlab.configs.vae import VaeConfig

MOST_PICTURES = 100_000


@dataclass(frozen=True, kw_only=True)
class CompareConfig:
    """VAEs that differ in their prior alone."""

    priors: tuple[PriorName | Literal["all"], ...] = ("standard", "mixture", "vamp")
    """The priors compared; all for every one there is. The standard Gaussian is always there."""
    seeds: int = 1
    """Runs of each prior, with seeds 0, 1, ...; means and errors are over them."""
    first_seed: int = 0
    """Added to these seeds; the runs' folders are PRIOR/0, PRIOR/1, ... all the same."""
    post_hoc: bool = False
    """Learn each prior on the same trained VAE (that of the standard Gaussian and the same seed)
    in place of training each jointly."""
    likelihood: LikelihoodName = VaeConfig.likelihood
    """The likelihood of an image given its latent, the same for all."""
    likelihood_options: LikelihoodOptions = field(default_factory=dict)
    """The likelihood's options."""
    data: str = "mnist"
    """SOURCE of the images (see: genlab data); or a table of numbers, .csv or .tsv."""
    size: int | None = None
    """Side of the squares that images are cropped and resized to, 16 to 128 pixels. Not given: as
    they are; photographs, and pictures of several sizes, 64."""
    crop: Crop = "centre"
    """The square taken of a photograph: its centre; around the subject that an ImageNet network
    finds; around a dog's head (face); or around the rectangle that a Pascal VOC file or a .csv in
    the folder gives (boxes). Photographs without head or rectangle are left out."""
    latent: int | str = VaeConfig.latent
    """Latent dimensions D; or, for conv and resnet, the shape of a latent map, its height, width
    and channels: 8x8x16."""
    components: int | None = None
    """Components of the priors that have them, but for exemplar; each has its own default."""
    exemplars: int | None = None
    """Training images that the prior exemplar consists of; 1,000 if not given."""
    net: Literal["mlp", "conv", "resnet"] = VaeConfig.net
    """The networks: perceptrons, convolutions, or residual blocks of convolutions."""
    hidden: tuple[int, ...] = VaeConfig.hidden
    """mlp: widths of the encoder's hidden layers; the decoder has them reversed."""
    width: int = VaeConfig.width
    """conv, resnet: channels of the largest map; smaller ones have up to four times as many."""
    depth: int = VaeConfig.depth
    """conv, resnet: blocks at each size of map."""
    halve: bool = VaeConfig.halve
    """conv, resnet: the first map has half of the image's side, as it has above 32 pixels: twice
    as fast."""
    posterior: Literal["gaussian", "flow"] = VaeConfig.posterior
    """q(z|x): a diagonal Gaussian, or one that a conditional flow bends (priors without the
    encoder)."""
    beta: float = VaeConfig.beta
    """Weight of the regulariser in training; with --post-hoc in that of the VAE."""
    epochs: int = VaeConfig.epochs
    """Passes over the training images."""
    fourier: float | None = None
    """mlp: scale of the decoder's Fourier features of z; 0 for none. Not given: 2 for one or two
    latent dimensions, else 0."""
    refit_epochs: int = 10
    """With --post-hoc: passes over the images' codes for each prior."""
    diffusion_epochs: int | None = None
    """With --post-hoc: passes for the diffusion prior, which learns longest; as many as for the
    others if not given."""
    batch: int = VaeConfig.batch
    """Images a step."""
    mirror: bool = False
    """Learn from each image and from its mirror image: for photographs, not for writing."""
    learning_rate: float = VaeConfig.learning_rate
    """Highest learning rate of Adam."""
    refit_batch: int | None = None
    """With --post-hoc: codes a step for each prior; as many as images a step if not given."""
    refit_rate: float = 3e-3
    """With --post-hoc: that of the priors. (The mixture is fitted by expectation-maximisation,
    with which the VampPriors begin as well.)"""
    importance: int = VaeConfig.importance
    """Draws per test image of the importance-sampled likelihood; 0 leaves it out."""
    pictures: int = 0
    """Images to draw under each prior, whose Fréchet distances to the training images are
    measured, beside those of decoded codes, which no prior can pass; 0 for none."""
    guidance: float = 0.0
    """With --pictures: a second row of images of a diffusion prior on a latent map, with so much
    guidance (see: genlab vae sample); 0 for none."""
    gan: str | None = None
    """With --pictures: a finished GAN run on the same images, to stand beside the priors. (A run's
    configuration holds the way there from its own folder.)"""

    def __post_init__(self) -> None:
        if self.seeds < 1:
            raise InputError(f"`seeds` {self.seeds}: must be at least 1")
        if self.pictures and not FEWEST <= self.pictures <= MOST_PICTURES:
            raise InputError(
                f"`pictures` {self.pictures}: from {FEWEST} to {MOST_PICTURES:,}, or 0 for none"
            )
        if not 0 <= self.guidance < math.inf:
            raise InputError(f"`guidance` must be a number of 0 or above, not {self.guidance}")
        if self.gan is not None and not self.pictures:
            raise InputError("`gan`: stands beside `pictures`; give their number")
        asked = PRIOR_SIGNATURES.rows if "all" in self.priors else self.priors
        ordered = tuple(p for p in PRIOR_SIGNATURES.rows if p == "standard" or p in asked)
        object.__setattr__(self, "priors", ordered)
        cells(self)  # refuses what a VAE refuses


COMMON = (
    {one.name for one in fields(CompareConfig)} & {one.name for one in fields(VaeConfig)}
) - {"post_hoc"}
"""The options of a comparison that all its VAEs have. (`post_hoc` of a VAE names a run.)"""


def cells(config: CompareConfig) -> dict[str, VaeConfig]:
    """Returns the configuration of every run, by its row: PRIOR/SEED, the seeds from 0 on.

    All that are learned post hoc ask for expectation-maximisation; `genlab.vae.compare` keeps it
    for the priors that have it.
    """
    rows = {}
    for seed in range(config.seeds):
        for prior in config.priors:
            count = config.exemplars if prior == "exemplar" else config.components
            given = count is not None and "components" in PRIOR_SIGNATURES.rows[prior]
            learned = config.post_hoc and prior != "standard"
            row = {name: getattr(config, name) for name in COMMON} | {
                "prior": prior, "prior_options": {"components": count} if given else {},
                "seed": config.first_seed + seed,
            }
            if learned:
                longer = config.diffusion_epochs if prior == "diffusion" else None
                row |= {
                    "epochs": longer or config.refit_epochs,
                    "batch": config.refit_batch or config.batch,
                    "learning_rate": config.refit_rate, "beta": 1.0, "em": True,
                    "post_hoc": f"../../standard/{seed}",
                }
            rows[f"{prior}/{seed}"] = VaeConfig(**row)
    return rows


def _of(one: VaeConfig) -> CompareConfig:
    """Returns a comparison of VAEs with the settings of a recipe for one."""
    named = one.as_defaults()
    given = {name: getattr(named, name) for name in COMMON if name != "likelihood_options"}
    return CompareConfig(**given)


def default() -> CompareConfig:
    """MNIST's digits in two latent dimensions, perceptrons, 75 epochs."""
    return CompareConfig()


def pictures() -> CompareConfig:
    """Priors learned post hoc for one residual VAE of photographs, 64 x 64, with a latent map, and
    the Fréchet distances of the pictures that each of them draws.
    """
    return replace(
        _of(vae.pictures()),
        priors=(
            "standard", "gaussian", "mixture", "vamp", "realnvp", "spline", "exemplar",
            "diffusion",
        ),
        post_hoc=True, pictures=1000, guidance=1.0, components=20, refit_epochs=50,
        diffusion_epochs=280, refit_batch=64, refit_rate=1e-3,
    )


def table() -> CompareConfig:
    """The rows of a table of numbers, as the recipe of that name for one VAE has them."""
    return _of(vae.table())


RECIPES: dict[str, Callable[[], CompareConfig]] = {
    "default": default, "pictures": pictures, "table": table,
}
"""The recipes by name."""
RecipeName = Literal["default", "pictures", "table"]
