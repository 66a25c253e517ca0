"""The VAE's configuration, and the recipes that fill it."""

__all__ = ["MAP_NETS", "RECIPES", "SIZES", "RecipeName", "TrainingConfig", "VaeConfig"]

import math
import re

from collections.abc import Callable
from copy import copy
from dataclasses import dataclass, field
from typing import Literal

from genlab.common.errors import InputError
from genlab.common.identity import Crop
from genlab.configs.checks import require_finite
from genlab.configs.likelihood import LIKELIHOOD_SIGNATURES, LikelihoodName, LikelihoodOptions
from genlab.configs.prior import PRIOR_SIGNATURES, WIDEST, PriorName, PriorOptions

LARGEST = {"batch": 1_000_000, "samples": 10_000, "lattice": 10_000}
LARGEST_LATENT, DEEPEST = 10_000, 100
"""Upper limits; larger values would not fit into memory."""
MAP_NETS = ("conv", "resnet")
"""The networks of maps; any other is taken for the perceptron."""
LATENT_MAP = re.compile("[1-9][0-9]{0,4}(x[1-9][0-9]{0,4}){2}")
SIZES = (16, 128)
"""The smallest and the largest side of image that can be asked for."""
NO_CHECKPOINTS = (
    "`checkpoints`: needs two `epochs` at least, and goes with neither `patience` nor `post_hoc` "
    "(genlab verify replays what begins at the seed and ends as planned)"
)
FEWEST_DRAWS = 100
"""Draws of an importance-sampled likelihood: 20 in the tail that Pareto's k is fitted to."""


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """How a VAE is trained, whatever it is built of."""

    objective: Literal["elbo", "iwae", "pooled", "exact"] = "elbo"
    """elbo; iwae, the bound of several draws; pooled, that of the whole batch's draws, for few
    latent dimensions (its encoder covers the posterior, and has a poor ELBO); exact, the
    likelihood itself by quadrature, for one or two (the encoder then follows by the ELBO)."""
    samples: int = 1
    """Draws of z per training image."""
    gradient: Literal["plain", "stl", "dreg"] = "dreg"
    """iwae: the estimator of the encoder's gradient."""
    beta: float = 1.0
    """elbo: weight of the regulariser."""
    warmup: int = 0
    """elbo: epochs over which that weight rises from 0."""
    free_bits: float = 0.0
    """elbo: nats of the regulariser that cost nothing."""
    lattice: int = 96
    """exact: lattice points along each axis of the latent plane."""
    epochs: int = 75
    """Passes over the training images; at most so many with --patience."""
    batch: int = 256
    """Images a step."""
    mirror: bool = False
    """Learn from each image and from its mirror image: for photographs, not for writing."""
    learning_rate: float = 4e-3
    """Highest learning rate of Adam."""
    schedule: Literal["cosine", "constant"] = "cosine"
    """cosine: the learning rate rises over the first 2 % and falls by a cosine to nothing."""
    clip: float | None = None
    """Longest gradient; a longer one is scaled down to it (Pascanu et al., 2013); 0 for any. Not
    given: 20 where a prior is learned with the networks, else 0. Nothing but its gradients holds
    a learned prior in place, and a few long ones can send the whole plane away."""
    patience: int | None = None
    """Stop after so many epochs without a better ELBO on validation images, and keep the best.
    They are the source's own or, where it has none, the last sixth of the training images."""
    seed: int = 0
    """Decides everything random."""
    checkpoints: bool = False
    """Keep two training states, half way and 8 steps later, for `genlab verify` to train between:
    four times the model's own size."""

    @property
    def elbo_every(self) -> int:
        """Epochs from one test ELBO in the metrics to the next."""
        return max(1, self.epochs // 20)

    def __post_init__(self) -> None:
        require_finite(self)
        for name in ("epochs", "batch", "samples", "patience", "lattice"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise InputError(f"`{name}` {value}: must be at least 1")
        for name, most in LARGEST.items():
            if getattr(self, name) > most:
                raise InputError(f"`{name}` {getattr(self, name)}: must be at most {most}")
        if self.patience is not None and self.warmup > self.epochs:
            raise InputError(
                f"`epochs` {self.epochs}: early stopping (`patience`) keeps no weights before "
                f"the warm-up ends, after {self.warmup}; give more `epochs` or a shorter `warmup`"
            )
        if self.learning_rate <= 0:
            raise InputError(f"`learning_rate` {self.learning_rate}: must be above 0")
        for name in ("clip", "beta", "warmup", "free_bits"):
            if (getattr(self, name) or 0) < 0:
                raise InputError(f"`{name}`: must not be below 0")
        self._check_objective()
        if self.checkpoints and (self.epochs < 2 or self.patience):
            raise InputError(NO_CHECKPOINTS)

    def _check_objective(self) -> None:
        """Refuses options that the objective would not use."""
        if (self.beta != 1 or self.warmup or self.free_bits) and self.objective != "elbo":
            raise InputError(
                "`beta`, `warmup`, `free_bits`: belong to `objective` elbo, not to `post_hoc`"
            )
        if self.objective != "exact" and self.lattice != TrainingConfig.lattice:
            raise InputError("`lattice`: belongs to `objective` exact")
        if self.objective != "iwae" and self.gradient != "dreg":
            raise InputError("`gradient`: belongs to `objective` iwae")
        if self.objective == "iwae" and self.samples < 2:
            raise InputError("`samples`: give at least 2 for `objective` iwae (1 is the ELBO)")


@dataclass(frozen=True, kw_only=True)
class VaeConfig(TrainingConfig):
    """A VAE of images, or of rows of a table."""

    prior: PriorName = "standard"
    """The prior over the latent."""
    prior_options: PriorOptions = field(default_factory=dict)
    """The prior's options; each has its own defaults. (A configuration holds all of them.)"""
    likelihood: LikelihoodName = "bernoulli"
    """The likelihood p(x|z) of an image given its latent. That of bernoulli is of binary images,
    drawn from the grey values."""
    likelihood_options: LikelihoodOptions = field(default_factory=dict)
    """The likelihood's options. (A configuration holds all of them.)"""
    data: str = "mnist"
    """SOURCE of the images: a name, a file or a folder (see: genlab data); or a table of numbers,
    .csv or .tsv."""
    size: int | None = None
    """Side of the squares that images are cropped and resized to, 16 to 128 pixels. Not given: as
    they are; photographs, and pictures of several sizes, 64."""
    crop: Crop = "centre"
    """The square taken of a photograph: its centre; around the subject that an ImageNet network
    finds; around a dog's head (face); or around the rectangle that a Pascal VOC file or a .csv in
    the folder gives (boxes). Photographs without head or rectangle are left out."""
    latent: int | str = 2
    """Latent dimensions D; or, for conv and resnet, the shape of a latent map, its height, width
    and channels: 8x8x16."""
    net: Literal["mlp", "conv", "resnet"] = "mlp"
    """The networks: perceptrons, convolutions, or residual blocks of convolutions."""
    hidden: tuple[int, ...] = (512, 512)
    """mlp: widths of the encoder's hidden layers; the decoder has them reversed."""
    gated: bool = False
    """mlp: gated layers (Dauphin et al., 2017) in place of SiLU."""
    width: int = 32
    """conv, resnet: channels of the largest map; smaller ones have up to four times as many."""
    depth: int = 1
    """conv, resnet: blocks at each size of map."""
    halve: bool = False
    """conv, resnet: the first map has half of the image's side, as it has above 32 pixels: twice
    as fast."""
    fourier: float | None = None
    """mlp: scale of the decoder's random Fourier features of z (Tancik et al., 2020); 0 for none.
    Not given: 2 for one or two latent dimensions, where the decoder must fold finely, else 0."""
    posterior: Literal["gaussian", "flow"] = "gaussian"
    """q(z|x): the encoder's diagonal Gaussian, or one that a conditional flow of splines bends
    (objectives elbo, iwae with the plain gradient, and exact; priors without the encoder)."""
    post_hoc: str | None = None
    """A finished run whose encoder and decoder are kept as they are: only the prior learns. (A
    run's configuration holds the way there from its own folder.)"""
    em: bool = False
    """post hoc: fit a prior that is a mixture by expectation-maximisation, in place of gradients
    or before them."""
    draws: int = 16
    """Draws of z per test image when the bound is measured."""
    importance: int = 1000
    """Draws per test image of the importance-sampled likelihood; 0 leaves it out."""
    annealed: int = 0
    """Random test images whose likelihood is bracketed by annealing from both sides, which prices
    the bias of the importance-sampled one."""

    @property
    def latent_map(self) -> tuple[int, int, int] | None:
        """Channels, height and width of the latent; None where it is a vector."""
        if isinstance(self.latent, int):
            return None
        height, width, channels = map(int, self.latent.split("x"))
        return channels, height, width

    @property
    def dimensions(self) -> int:
        """The number of latent dimensions D."""
        return self.latent if isinstance(self.latent, int) else math.prod(self.latent_map or ())

    def __post_init__(self) -> None:
        self._check_latent()
        options = PRIOR_SIGNATURES.complete(self.prior, self.prior_options)
        object.__setattr__(self, "prior_options", options)
        options = LIKELIHOOD_SIGNATURES.complete(self.likelihood, self.likelihood_options)
        object.__setattr__(self, "likelihood_options", options)
        following = {n: v for n, v in self._following().items() if getattr(self, n) is None}
        for name, value in following.items():
            object.__setattr__(self, name, value)
        object.__setattr__(self, "_followed", tuple(following))
        super().__post_init__()
        for name in ("draws", "width", "depth"):
            if getattr(self, name) < 1:
                raise InputError(f"`{name}` {getattr(self, name)}: must be at least 1")
        for name, most in (("width", WIDEST), ("depth", DEEPEST)):
            if getattr(self, name) > most:
                raise InputError(f"`{name}` {getattr(self, name)}: must be at most {most}")
        if self.size is not None and not SIZES[0] <= self.size <= SIZES[1]:
            raise InputError(f"`size` {self.size}: must be from {SIZES[0]} to {SIZES[1]}")
        self._check_net()
        if self.annealed == 1:
            raise InputError("`annealed` 1: at least 2, for an error; or 0 for none")
        if not self.hidden or min(self.hidden) < 1 or max(self.hidden) > WIDEST:
            raise InputError(f"`hidden` {self.hidden}: give one width or more, from 1 to {WIDEST}")
        for name in ("fourier", "importance", "annealed"):
            if getattr(self, name) < 0:
                raise InputError(f"`{name}`: must not be below 0")
        if 0 < self.importance < FEWEST_DRAWS:
            raise InputError(
                f"`importance` {self.importance}: at least {FEWEST_DRAWS}, for fewer draws do not "
                "tell how far the estimate is to be trusted (Pareto k); or 0 to leave it out"
            )
        if self.objective == "exact" and self.dimensions > 2:
            raise InputError(
                f"`objective` exact: needs one or two latent dimensions, not {self.latent}"
            )
        self._check_posterior()
        self._check_post_hoc()

    def _following(self) -> dict[str, float]:
        """Returns the values of the options that follow from others where they are not given."""
        folds = self.dimensions <= 2 and self.net == "mlp"
        jointly = self.prior != "standard" and self.post_hoc is None
        return {"fourier": 2.0 if folds else 0.0, "clip": 20.0 if jointly else 0.0}

    def as_defaults(self) -> "VaeConfig":
        """Returns the configuration as defaults of a command line, which may change any option.

        Options that were not given and followed from others are open again: None.
        """
        found = copy(self)
        for name in vars(self)["_followed"]:
            object.__setattr__(found, name, None)
        return found

    def _check_latent(self) -> None:
        """Refuses latents that are neither a number nor a map."""
        if isinstance(self.latent, str) and not LATENT_MAP.fullmatch(self.latent):
            raise InputError(
                f"`latent` {self.latent!r}: give the number of dimensions, or height, width and "
                "channels of a map, as 8x8x16"
            )
        if self.dimensions < 1:
            raise InputError(f"`latent` {self.latent}: must be at least 1")
        if self.dimensions > LARGEST_LATENT:
            raise InputError(f"`latent` {self.latent}: must be at most {LARGEST_LATENT}")

    def _check_net(self) -> None:
        """Refuses options that the networks would not use."""
        if self.net not in MAP_NETS:
            if self.latent_map is not None:
                raise InputError(f"`latent` {self.latent}: a map needs `net` conv or resnet")
            if (self.width, self.depth) != (VaeConfig.width, VaeConfig.depth) or self.halve:
                raise InputError("`width`, `depth`, `halve`: belong to `net` conv and resnet")
        elif self.hidden != VaeConfig.hidden or self.gated or self.fourier:
            raise InputError("`hidden`, `gated`, `fourier`: belong to `net` mlp")

    def _check_posterior(self) -> None:
        """Refuses objectives that need Gaussian posteriors."""
        if self.posterior == "gaussian":
            return
        if self.objective == "pooled":
            raise InputError(
                "`objective` pooled: needs `posterior` gaussian; for flow take elbo, iwae or exact"
            )
        if self.objective == "iwae" and self.gradient != "plain":
            raise InputError(f"`gradient` {self.gradient}: for `posterior` flow give plain")

    def _check_post_hoc(self) -> None:
        """Refuses options that do not go with a prior learned post hoc, or only with one."""
        if self.post_hoc is None:
            if self.em:
                raise InputError("`em`: is for a prior learned post hoc")
            return
        if self.beta != 1 or self.warmup or self.free_bits:
            raise InputError(
                "`beta`, `warmup`, `free_bits`: belong to `objective` elbo, not to `post_hoc`"
            )
        if self.objective != "elbo":
            raise InputError("`objective`: a prior learned post hoc has one only, ln p(z)")
        if self.checkpoints:
            raise InputError(NO_CHECKPOINTS)


def default() -> VaeConfig:
    """Two latent dimensions, perceptrons of 512-512, 75 epochs."""
    return VaeConfig()


def vampprior_paper() -> VaeConfig:
    """The set-up of "VAE with a VampPrior" (Tomczak & Welling, 2018), section 4: 40 latents,
    gated 300-300 perceptrons, warm-up of 100 epochs, early stopping after 50, batch 100, rate
    5e-4, 5,000 importance samples. Its VampPrior: --prior vamp --prior.components 500.
    """
    return VaeConfig(
        latent=40, hidden=(300, 300), gated=True, batch=100, learning_rate=5e-4,
        schedule="constant", epochs=2000, warmup=100, patience=50, importance=5000,
        annealed=100, clip=0.0,
    )


def best_2d() -> VaeConfig:
    """The lowest exact negative log-likelihood that two latent dimensions reach within an hour
    on two cores: the default network, trained on the bound of pooled draws.
    """
    return VaeConfig(
        objective="pooled", samples=2, batch=512, learning_rate=4e-3, clip=20.0, epochs=80
    )


def pictures() -> VaeConfig:
    """A residual VAE of photographs, 64 x 64, with a latent map of 8 x 8 x 16."""
    return VaeConfig(
        data="dogs", net="resnet", latent="8x8x16", likelihood="gaussian", epochs=25, mirror=True,
        batch=8, learning_rate=2e-3, importance=0,
    )


def table() -> VaeConfig:
    """A VAE of the rows of a table of numbers: two latents, perceptrons of 128-128, and a Gaussian
    likelihood of standardised columns whose scale is learned.
    """
    return VaeConfig(
        likelihood="gaussian", hidden=(128, 128), fourier=0.0, epochs=300, batch=32,
        learning_rate=2e-3,
    )


RECIPES: dict[str, Callable[[], VaeConfig]] = {
    "default": default,
    "best-2d": best_2d,
    "pictures": pictures,
    "table": table,
    "vampprior-paper": vampprior_paper,
}
"""The recipes by name."""
RecipeName = Literal["default", "best-2d", "pictures", "table", "vampprior-paper"]
