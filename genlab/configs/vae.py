"""The VAE's configuration, and the recipes that fill it."""

__all__ = ["RECIPES", "RecipeName", "TrainingConfig", "VaeConfig"]

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from genlab.common.errors import InputError
from genlab.configs.checks import require_finite
from genlab.configs.likelihood import LIKELIHOOD_SIGNATURES, LikelihoodName, LikelihoodOptions
from genlab.configs.prior import PRIOR_SIGNATURES, WIDEST, PriorName, PriorOptions

LARGEST = {"batch": 1_000_000, "samples": 10_000, "lattice": 10_000}
LARGEST_LATENT = 10_000
"""Upper limits; larger values would not fit into memory."""
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
    """A VAE of grey images."""

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
    """SOURCE of the images: a name, a file or a folder (see: genlab data)."""
    latent: int = 2
    """Latent dimensions D."""
    hidden: tuple[int, ...] = (512, 512)
    """Widths of the encoder's hidden layers; the decoder has them reversed."""
    gated: bool = False
    """Gated layers (Dauphin et al., 2017) in place of SiLU."""
    fourier: float | None = None
    """Scale of the decoder's random Fourier features of z (Tancik et al., 2020); 0 for none. Not
    given: 2 for one or two latent dimensions, where the decoder must fold finely, else 0."""
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
    def __post_init__(self) -> None:
        options = PRIOR_SIGNATURES.complete(self.prior, self.prior_options)
        object.__setattr__(self, "prior_options", options)
        options = LIKELIHOOD_SIGNATURES.complete(self.likelihood, self.likelihood_options)
        object.__setattr__(self, "likelihood_options", options)
        if self.fourier is None:
            object.__setattr__(self, "fourier", 2.0 if self.latent <= 2 else 0.0)
        if self.clip is None:
            jointly = self.prior != "standard" and self.post_hoc is None
            object.__setattr__(self, "clip", 20.0 if jointly else 0.0)
        super().__post_init__()
        for name in ("latent", "draws"):
            if getattr(self, name) < 1:
                raise InputError(f"`{name}` {getattr(self, name)}: must be at least 1")
        if self.latent > LARGEST_LATENT:
            raise InputError(f"`latent` {self.latent}: must be at most {LARGEST_LATENT}")
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
        if self.objective == "exact" and self.latent > 2:
            raise InputError(
                f"`objective` exact: needs one or two latent dimensions, not {self.latent}"
            )
        self._check_post_hoc()

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


RECIPES: dict[str, Callable[[], VaeConfig]] = {
    "default": default,
    "best-2d": best_2d,
    "vampprior-paper": vampprior_paper,
}
"""The recipes by name."""
RecipeName = Literal["default", "best-2d", "vampprior-paper"]
