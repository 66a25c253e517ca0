"""Results of VAEs: every quantity that was measured, with its standard error."""

__all__ = [
    "OBJECTS", "PAIRED", "ComparedPrior", "Comparison", "Incomplete", "MeanOverSeeds",
    "Measurement", "Moments", "VaeResults", "read_comparison", "read_results",
]  # fmt: skip

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from genlab.common.quantities import QUANTITIES, Measured
from genlab.common.typed_json import from_json
from genlab.data.identity import Identity, ImageCounts
from genlab.runs.run import Run

if TYPE_CHECKING:
    from torch import Tensor

OBJECTS = "vae-objects"
"""The kind of the runs of `genlab.vae.fit`; those of `genlab vae train` are of kind "vae"."""
PAIRED = ("nll_exact", "nll_is", "elbo")
"""Quantities whose paired differences are given, the best first."""


@dataclass(frozen=True, kw_only=True)
class Moments:
    """Mean and covariance of a distribution over the latent."""

    mean: list[float]
    """D numbers."""
    covariance: list[list[float]]
    """D rows of D numbers."""


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """A model measured on N test images; a quantity that was not measured is None.

    `genlab.common.quantities.QUANTITIES` has the quantities' names.
    """

    elbo: Measured
    """RE + Omega."""
    re: Measured
    """The reconstruction term, equation 1 of `genlab.vae.model`."""
    omega: Measured
    """The regulariser, equation 2, by Monte Carlo."""
    cross_entropy: Measured
    """CE of equation 3, by quadrature or draws of its own."""
    conditional_entropy: Measured
    """H of equation 3, in closed form; by draws of its own where q(z|x) is a flow."""
    identity_gap: float
    """Omega - (-CE + H), 0 but for the error of both estimates."""
    identity_tolerance: float
    """Four standard errors of that gap, and 1e-3 for the quadrature."""
    identity_holds: bool
    """Whether the gap is within the tolerance."""
    marginal_kl: Measured
    """KL(q(z) || p(z)), with q(z) the mixture of the N posteriors."""
    mutual_information: Measured
    """I(x; z) of that mixture."""
    mutual_information_cap: float
    """ln N, which it cannot exceed."""
    mutual_information_saturated: bool
    """Whether it is within half a nat of its cap; the marginal KL is then mostly that of a finite
    set of images."""
    prior_gap: Measured
    """KL(q(z) || p(z)), with q(z) the mixture of the training images' posteriors."""
    active_units: int
    """Latent dimensions whose mean varies over the images."""
    unused_dimensions: int
    """Latent dimensions of which the image explains under 1 % of the variance."""
    decoded_variance: float | None = None
    """The share of the test images' variance that images decoded from their codes have
    (`genlab.vae.evidence.spread`)."""
    latent_reach: float | None = None
    """How far codes lie from the prior's centre, in typical distances of its draws, likewise."""
    findings: list[dict[str, str]] = field(default_factory=list)
    """What is wrong with the model, in sentences, by language (`genlab.vae.findings`)."""
    mean_image: float | None
    """The mean log-likelihood of the test images if the decoder returned the mean training image
    for every z, in nats."""
    domain: str
    """The images that p(x) is a distribution of."""
    density: bool
    """Whether p(x) is a density. Its logarithm is then not comparable with that of the probability
    of a discrete image."""
    reals: bool = False
    """Whether it is of rows of a table, standardised, and not of images."""
    bits_per_pixel: Measured | None = None
    """-log2 p(x) / X, by quadrature or else by importance sampling."""
    nll_exact: Measured | None = None
    """-ln p(x) by quadrature, for one or two latent dimensions."""
    nll_exact_trusted: bool | None = None
    """Whether its errors are at most 0.01 nats, or 1 % of its standard error if that is more, and
    importance sampling finds no more than its draws explain."""
    nll_exact_error: float | None = None
    """The error of the lattice, mean over the images."""
    nll_exact_largest_error: float | None = None
    nll_exact_rounding: float | None = None
    """The rounding error of ln p(x|z), mean over the images."""
    prior_outside_box: float | None = None
    """The share of the prior's mass outside the box of quadrature."""
    prior_bounded: bool = False
    """Whether an estimate of a lower bound of ln p(z) takes its place (`Prior.bounded`). Then
    `elbo` and `omega` are lower bounds of what they would be, `cross_entropy`, `marginal_kl` and
    `prior_gap` upper ones."""
    prior_table_error: float | None = None
    """Mean error of ln p(z), where it is read off a table."""
    inference_gap: Measured | None = None
    """ln p(x) - ELBO."""
    amortisation_gap: Measured | None = None
    """What q(z|x) loses to the best Gaussian posterior of each image, a lower bound; negative
    where a flow is better than that."""
    approximation_gap: Measured | None = None
    """What the best Gaussian posterior loses to the true one, an upper bound."""
    gap_images: int | None = None
    """Random test images of which both gaps are."""
    nll_is: Measured | None = None
    """-ln p(x) by importance sampling, an upper bound on average; the error is over images."""
    nll_is_draws_error: float | None = None
    """The standard error of its mean that comes from the importance draws, which images share."""
    nll_is_trusted: bool | None = None
    """Whether its diagnostics raise no doubt."""
    importance_draws: int | None = None
    """Draws an image."""
    importance_parts: dict[str, int] | None = None
    """Of these, how many are from the encoder, the widened encoder and the prior."""
    ess: Measured | None = None
    """Effective sample sizes of the weights."""
    ess_lowest_percent: float | None = None
    """Their 1 % quantile over the images."""
    pareto_k: Measured | None = None
    """Pareto shapes of the weights' tails."""
    pareto_k_doubtful: float | None = None
    """The share of images whose shape is above 0.7."""
    nll_annealed: Measured | None = None
    """-ln p(x) by annealed importance sampling, of some images."""
    annealing_gap: Measured | None = None
    """The upper bound of ln p(x) less the lower one, on images of the model's own."""
    importance_bias: Measured | None = None
    """-ln p(x) by importance sampling less that by annealing."""
    annealed_images: int | None = None
    """Random test images of which these three are."""
    aggregated: Moments | None = None
    """Mean and covariance of q(z), the mixture of the training images' posteriors, for one or two
    latent dimensions. Figures draw the plane of a learned prior in the coordinates that follow
    (`genlab.vae.standardise`)."""
    diagnostics: dict[str, float | None]
    """What the prior says of itself."""
    latent: int
    """Latent dimensions D."""
    parameters: int
    """Numbers that the model consists of."""
    test_images: int
    """The number N of images."""
    unfinished: str = ""
    """Which weights were measured, of a run that is not finished."""
    values: dict[str, "Tensor"] = field(
        default_factory=dict, repr=False, compare=False, metadata={"json": False}
    )
    """Each image's value of the quantities that have one, float64, with shape `(N,)`; not in
    `results.json`."""

    def measured(self) -> dict[str, Measured]:
        """Returns the quantities that were measured, in the order in which they are shown."""
        found = {key: getattr(self, key) for key in QUANTITIES if hasattr(self, key)}
        return {key: value for key, value in found.items() if value is not None}


@dataclass(frozen=True, kw_only=True)
class VaeResults(Measurement):
    """The `results.json` of a VAE run: the measurement, and what was trained."""

    prior: str
    prior_options: dict[str, Any]
    """What the prior was built with."""
    epochs: int
    train_images: int
    seconds: float
    """Training time."""
    data: Identity
    """The images."""
    images: ImageCounts
    """Their numbers, and how many are different."""
    likelihood: str
    likelihood_options: dict[str, Any]
    """What the likelihood was built with."""
    log_volume: float | None = None
    """Of a table: the sum of ln s_f over its columns, s_f their standard deviations. In the
    table's own units ln p is less by it, and -ln p more (`genlab.data.tables.table`)."""

    @property
    def nll_own_units(self) -> Measured | None:
        """The best -ln p(x) that was measured, of a table, in nats in the table's own units."""
        found = self.nll_exact or self.nll_is
        if self.log_volume is None or found is None:
            return None
        return Measured(found.value + self.log_volume, found.error, found.unit)


def read_results(run: Run) -> VaeResults:
    """Returns the results of a finished VAE run.

    Raises:
        InputError: If there are none, or they are damaged.
    """
    return from_json(VaeResults, run.results, str(run.path / "results.json"))


@dataclass(frozen=True)
class MeanOverSeeds(Measured):
    """A quantity's mean over the seeds of a comparison; `error` is that over the images."""

    seeds_error: float | None = None
    """The standard error over the seeds; None for a single one."""

    @property
    def over_seeds(self) -> Measured:
        """The mean with its error over the seeds, where there are several, else over images."""
        error = self.error if self.seeds_error is None else self.seeds_error
        return Measured(self.value, error, self.unit)

    def as_difference(self) -> str:
        """Returns the text of a paired difference: signed, with both errors."""
        text = self.text(sign=True)
        if self.seeds_error is None:
            return text
        return f"{text} (over seeds ± {self.over_seeds.texts()[1]})"


@dataclass(frozen=True, kw_only=True)
class ComparedPrior:
    """A prior's row of a comparison."""

    quantities: dict[str, MeanOverSeeds]
    """What the runs of all seeds have measured."""
    differences: dict[str, MeanOverSeeds]
    """This prior less the standard Gaussian: the same images, the same seeds."""
    parameters: int
    seconds: float
    """Mean training time."""
    identity_holds: bool
    """Whether equation 3 holds in every run."""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """The `results.json` of a comparison."""

    priors: dict[str, ComparedPrior]
    seeds: int
    post_hoc: bool
    latent: int
    test_images: int
    data: Identity
    likelihood: str
    domain: str
    """The images that p(x) is a distribution of."""

    def shared(self) -> list[str]:
        """Returns the keys of the quantities that all priors have, in the table's order."""
        rows = self.priors.values()
        return [key for key in QUANTITIES if all(key in row.quantities for row in rows)]

    @property
    def headline(self) -> str:
        """The key of the best quantity whose differences all priors have."""
        shared = self.shared()
        return next(key for key in PAIRED if key in shared)


@dataclass(frozen=True, kw_only=True)
class Incomplete:
    """A comparison of which runs are missing."""

    done: int
    lacking: list[str]
    """Their rows, PRIOR/SEED."""


def read_comparison(run: Run) -> Comparison:
    """Returns the results of a finished comparison.

    Raises:
        InputError: If there are none, or they are damaged.
    """
    return from_json(Comparison, run.results, str(run.path / "results.json"))
