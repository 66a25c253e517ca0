r"""Measures a VAE on test images, every number in nats with its standard error.

Omega is estimated as equation 2 of `genlab.vae.model` says, by Monte Carlo. Its two parts come by
other ways: the conditional entropy in closed form, the cross-entropy by quadrature or draws of
its own (of a posterior that is a flow, both by draws).
That Omega = -CE + H then holds is a check, not a tautology.

Shapes: N images, S draws, K importance draws, X pixels, D latent dimensions.
"""

__all__ = ["CHUNK", "codes_of", "is_trusted", "measure", "measured_terms"]

import math
import time

from dataclasses import replace
from typing import Any

import torch

from torch import Tensor
from torch.distributions import Distribution

from genlab.common.cache import NOTHING_KEPT, Parts
from genlab.common.errors import TrainingError
from genlab.common.progress import Progress, say
from genlab.common.quantities import QUANTITIES, Measured
from genlab.common.rng import generator
from genlab.compute.hardware import CPU
from genlab.vae.divergence import AGAIN, refuse_codes
from genlab.vae.evidence.bidirectional import bracket
from genlab.vae.evidence.elbo_surgery import DRAWS as CROSS_ENTROPY_DRAWS
from genlab.vae.evidence.elbo_surgery import active_units, unused_dimensions
from genlab.vae.evidence.exact import box_of, kept_evidence
from genlab.vae.evidence.inference_gap import best_gaussian_elbo
from genlab.vae.evidence.quadrature import Evidence
from genlab.vae.evidence.sampled import measure_importance
from genlab.vae.evidence.spread import decoded_variance, latent_reach
from genlab.vae.evidence.tabulated import Tabulated, log_prob_on_lattice
from genlab.vae.findings import findings
from genlab.vae.likelihoods import ExponentialFamily, Likelihood
from genlab.vae.model import VAE, Terms
from genlab.vae.posteriors import Posterior
from genlab.vae.results import Measurement, Moments
from genlab.vae.standardise import aggregated_moments

CHUNK = 1000
GAP_DRAWS = 20_000
"""Draws of q(z) for its divergences, spread over the images."""
FEWER_GAP_DRAWS = 2000
"""The same where q(z|x) is a flow, whose density costs a network's evaluation a pair of a draw and
an image, or where each density of the prior is an average of several such."""
GAP_IMAGES = 200
"""Random test images whose best Gaussian posterior is sought."""
TABLE = {1: 2001, 2: 241}
"""Lattice points an axis of the table of a prior that is expensive to evaluate, by D."""
EXACT = 0.01
"""The error in nats up to which quadrature is called exact, ..."""
NEGLIGIBLE = 0.01
"""... or so many standard errors over the images, if that is more: no printed digit shows it."""
SURE = 4.0
"""Standard errors of its draws beyond which importance sampling has found more."""
TOLD_S = 60.0
"""A measurement that takes longer is announced."""


def mean_and_error(values: Tensor) -> tuple[float, float]:
    """Returns the mean of `(N,)` values and its standard error, in float64."""
    values = values.double()
    return values.mean().item(), (values.std() / math.sqrt(len(values))).item()


def measured(key: str, values: Tensor) -> Measured:
    """Returns the mean of a quantity's `(N,)` values with its standard error."""
    return Measured(*mean_and_error(values), QUANTITIES[key].unit)


@torch.no_grad()
def measure(
    model: VAE, x: Tensor, x_train: Tensor, *, draws: int, importance: int, seed: int,
    annealed: int = 0, device: torch.device = CPU.device, parts: Parts = NOTHING_KEPT,
) -> Measurement:
    """Measures a model.

    Arguments:
        model: The model, in evaluation mode.
        x: Test images, with shape `(N, X)`.
        x_train: Training images, with shape `(M, X)`; for the prior gap.
        draws: Draws S of z per image for the bound's terms.
        importance: Draws K per image of the importance-sampled likelihood; 0 leaves it out, and so
            does a prior of whose density there is only a bound.
        seed: The run's seed.
        annealed: Random test images whose likelihood is bracketed by annealing, likewise.
        device: Where importance sampling runs, which above two dimensions is nearly all of it.
        parts: Keeps the parts that are done, for a measurement that is stopped and begun again.

    Returns:
        Every quantity with its standard error; those of the likelihood by quadrature for D <= 2,
        if it is an exponential family.

    Raises:
        TrainingError: If codes or a quantity are not finite, or a posterior has no width.
    """
    prior, extra = model.prior(), dict[str, Any]()
    if model.prior.bounded and (importance or annealed):
        say(
            f"note: there is only a bound of the density of the prior "
            f"{model.prior.title.en!r}, and no likelihood by importance sampling or annealing: "
            "the mean of its exponential would be too high"
        )
        importance = annealed = 0
    q, learned = codes_of(model, x), codes_of(model, x_train)
    few = GAP_DRAWS if model.flow is None and not model.prior.bounded else FEWER_GAP_DRAWS
    mean, log_std = q.moments(generator(seed, "moments"))
    if model.prior.expensive and model.latent <= 2:
        prior, error = _tabulated(prior, mean, log_std, seed, parts)
        extra["prior_table_error"] = error
    elif model.prior.expensive:
        _announce(prior, x, draws, importance, (len(x_train), few))
    values = parts.keep("bound", lambda: _bound(model, prior, x, q, draws, few, seed))
    extra |= _identity(values) | {
        "active_units": active_units(mean),
        "unused_dimensions": unused_dimensions(mean, log_std),
        "mean_image": mean_image_log_prob(model.likelihood, x, x_train),
        "latent": model.latent,
        "prior_bounded": model.prior.bounded,
        "test_images": len(x),
        "parameters": sum(p.numel() for p in model.parameters()),
    }
    random = generator(seed, "diagnostics")
    z = q.sample(torch.randn(mean.shape, generator=random))
    extra["diagnostics"] = model.prior.diagnostics(z, random)
    extra["decoded_variance"] = decoded_variance(model, z, x)
    extra["latent_reach"] = latent_reach(prior, z, seed)
    values |= parts.keep("prior gap", lambda: {"prior_gap": _prior_gap(prior, learned, few, seed)})
    if model.latent <= 2:
        kernels = learned.kernels(generator(seed, "aggregated moments"))
        extra["aggregated"] = aggregated_moments(*kernels)
    if importance:
        extra |= measure_importance(model, prior, x, importance, seed, values, device, parts)
    if annealed:
        extra |= _annealed(model, prior, x, annealed, seed, values, parts)
    if model.latent <= 2 and isinstance(model.likelihood, ExponentialFamily):
        drawn = extra.get("nll_is_draws_error", 0.0)
        extra |= _exact(model, prior, x, mean, log_std, seed, values, drawn, parts)
    found = {name: measured(name, value) for name, value in values.items()}
    cap = math.log(len(x))
    extra |= {} if model.likelihood.reals else _bits_per_pixel(found, x.shape[1])
    extra |= {
        "reals": model.likelihood.reals,
        "domain": model.likelihood.domain.en,
        "density": not model.likelihood.discrete,
        "mutual_information_cap": cap,
        "mutual_information_saturated": found["mutual_information"].value > cap - 0.5,
        "values": {name: value for name, value in values.items() if QUANTITIES[name].per_image},
    }
    for name, one in (found | extra).items():
        _require_finite(name, one)
    measurement = Measurement(**found, **extra)
    return replace(measurement, findings=[one._asdict() for one in findings(measurement)])


def _identity(values: dict[str, Tensor]) -> dict[str, Any]:
    """Compares Omega with the conditional entropy less the cross entropy, which it equals."""
    gap, error = mean_and_error(
        values["omega"] - (values["conditional_entropy"] - values["cross_entropy"])
    )
    # Four standard errors of the two estimates' difference, and 1e-3 for the quadrature.
    tolerance = 4 * error + 1e-3
    return {
        "identity_gap": gap, "identity_tolerance": tolerance,
        "identity_holds": abs(gap) <= tolerance,
    }


def _bits_per_pixel(found: dict[str, Measured], pixels: int) -> dict[str, Measured]:
    """The best likelihood that was found, in bits a pixel; nothing without one."""
    nll = found.get("nll_exact") or found.get("nll_is")
    if nll is None or nll.error is None:
        return {}
    bits, unit = 1 / (math.log(2) * pixels), QUANTITIES["bits_per_pixel"].unit
    return {"bits_per_pixel": Measured(bits * nll.value, bits * nll.error, unit)}


def codes_of(model: VAE, x: Tensor) -> Posterior:
    """Returns the posteriors of images `(N, X)`.

    Raises:
        TrainingError: If numbers of theirs are not finite, or one has no width.
    """
    q = model.posterior_of_many(x.split(CHUNK))
    refuse_codes(q.mean, q.log_std)
    return q


def _require_finite(name: str, found: Any) -> None:
    """Raises `TrainingError` if a number of a result is not finite, however deep it lies."""
    if isinstance(found, Tensor):
        numbers = () if found.isfinite().all() else (math.nan,)
    elif isinstance(found, Measured):
        numbers = found.value, found.error
    elif isinstance(found, Moments):
        numbers = (*found.mean, *sum(found.covariance, []))
    elif isinstance(found, dict):
        for key, one in found.items():
            _require_finite(key, one)
        numbers = ()
    else:
        numbers = (found,)
    for number in numbers:
        if isinstance(number, float) and not math.isfinite(number):
            raise TrainingError(f"the measured {name} is {number}; {AGAIN}", name)


def mean_image_log_prob(likelihood: Likelihood, x: Tensor, x_train: Tensor) -> float | None:
    """Returns the mean of ln p(x), in nats, if every pixel had the mean of the training images.

    Means of pixels are (sum + 1/2) / (N + 1), so that none is 0 or 1; those of reals are plain.
    None for a likelihood whose natural parameters of a mean are not known.
    """
    more = 0 if likelihood.reals else 1
    sums = x_train.sum(0, dtype=torch.float64)
    eta = likelihood.with_mean((sums + 0.5 * more) / (len(x_train) + more))
    return None if eta is None else likelihood.log_prob(x.double(), eta).mean().item()


def _tabulated(
    p: Distribution, mean: Tensor, log_std: Tensor, seed: int, parts: Parts
) -> tuple[Distribution, float]:
    """Returns p(z) read off a table over the codes, and how far ln p(z) is off on average."""
    low, high = box_of(p, mean, log_std, seed)
    say("tabulating the prior's density; this takes minutes")
    count = TABLE[mean.shape[1]]
    lattice = parts.keep("table", lambda: {"log_p": log_prob_on_lattice(p, low, high, count)})
    table = Tabulated(p, low, high, lattice["log_p"])
    some = mean[:: max(1, len(mean) // 1000)]
    return table, (table.log_prob(some) - p.log_prob(some)).abs().mean().item()


def _announce(
    prior: Distribution, x: Tensor, draws: int, importance: int, gap: tuple[int, int]
) -> None:
    """Prints how long a measurement with an expensive prior will take, from a trial.

    Arguments:
        prior: The prior.
        x: Test images.
        draws: Draws per image of the bound.
        importance: Draws per image of the importance-sampled likelihood.
        gap: The number of training images, and of draws of q(z) for its divergences.
    """
    z, began = prior.sample(torch.Size((100,))), time.monotonic()
    prior.log_prob(z)
    of_one = (time.monotonic() - began) / len(z)
    # The bound, the cross-entropy, draws of q(z), and importance sampling; then the prior gap.
    each = draws + CROSS_ENTROPY_DRAWS + max(1, gap[1] // len(x)) + importance
    if (seconds := of_one * (len(x) * each + min(gap))) > TOLD_S:
        share = (
            f", {importance / each:.0%} of them for importance sampling (`importance` 0 leaves "
            "it out)"
        )
        say(
            f"note: this prior's density takes {1000 * of_one:.2g} ms a point: measuring will "
            f"take about {seconds / 60:.0f} minutes" + (share if importance else "")
        )


def measured_terms(
    model: VAE, prior: Distribution, batch: Tensor, draws: int, seed: int, index: int
) -> Terms:
    """Returns the bound's terms of the test images' `index`-th thousand, as `measure` has them."""
    noise = torch.randn(
        draws, len(batch), model.latent, generator=generator(seed, "measure", index)
    )
    return model.terms(batch, noise, prior.log_prob)


def _bound(
    model: VAE, prior: Distribution, x: Tensor, q: Posterior, draws: int, gap_draws: int,
    seed: int,
) -> dict[str, Tensor]:
    """The bound's terms and the parts of Omega, of images with these posteriors."""
    rows: dict[str, list[Tensor]] = {"re": [], "omega": [], "cross_entropy": []}
    with Progress(len(x), "bound", "images") as progress:
        for index, (batch, own) in enumerate(zip(x.split(CHUNK), q.split(CHUNK))):
            terms = measured_terms(model, prior, batch, draws, seed, index)
            rows["re"].append(terms.re)
            rows["omega"].append(terms.omega)
            random = generator(seed, "cross-entropy", index)
            rows["cross_entropy"].append(own.cross_entropy(prior.log_prob, random))
            progress.advance(len(batch))
    values = {name: torch.cat(parts).double() for name, parts in rows.items()}
    values["elbo"] = values["re"] + values["omega"]
    values["conditional_entropy"] = q.entropy(generator(seed, "conditional entropy")).double()
    # Draws of q(z), some of each image: ln q(z) - ln p(z), and ln q(z|x) - ln q(z), of which the
    # entropy of q(z|x) is known.
    random, each = generator(seed, "marginal KL"), max(1, gap_draws // len(x))
    log_q, log_p = torch.zeros_like(values["re"]), torch.zeros_like(values["re"])
    together = max(1, CHUNK // len(x))
    with Progress(each, "marginal KL", "draws") as progress:
        for start in range(0, each, together):
            count = min(together, each - start)
            drawn = [q.sample(torch.randn(q.mean.shape, generator=random)) for _ in range(count)]
            z = torch.cat(drawn)
            log_q += q.log_aggregated(z).view(count, -1).sum(0) / each
            log_p += prior.log_prob(z).double().view(count, -1).sum(0) / each
            progress.advance(count)
    values["marginal_kl"] = log_q - log_p
    values["mutual_information"] = -log_q - values["conditional_entropy"]
    return values


def _prior_gap(prior: Distribution, q: Posterior, gap_draws: int, seed: int) -> Tensor:
    """Returns ln q(z) - ln p(z) at draws of q(z), the training images' mixture."""
    random = generator(seed, "prior gap")
    own = q[torch.randperm(len(q), generator=random)[:gap_draws]]
    z = own.sample(torch.randn(own.mean.shape, generator=random))
    parts = []
    with Progress(len(z), "prior gap", "draws") as progress:
        for part in z.split(CHUNK):
            parts.append(q.log_aggregated(part) - prior.log_prob(part).double())
            progress.advance(len(part))
    return torch.cat(parts)


def _annealed(
    model: VAE, prior: Distribution, x: Tensor, images: int, seed: int,
    values: dict[str, Tensor], parts: Parts,
) -> dict[str, Any]:
    """Returns what annealing says of some images, and of the importance-sampled estimate there."""
    some = torch.randperm(len(x), generator=generator(seed, "annealed images"))[:images]
    names = ("log_p", "low", "high")
    kept = parts.keep("annealed", lambda: dict(zip(names, bracket(model, prior, x[some], seed))))
    log_p, low, high = (kept[name] for name in names)
    found: dict[str, Any] = {
        "annealed_images": len(some),
        "nll_annealed": measured("nll_annealed", -log_p),
        "annealing_gap": measured("annealing_gap", high - low),
    }
    if "nll_is" in values:
        bias = values["nll_is"][some] + log_p
        found["importance_bias"] = measured("importance_bias", bias)
    return found


def _exact(
    model: VAE, prior: Distribution, x: Tensor, mean: Tensor, log_std: Tensor, seed: int,
    values: dict[str, Tensor], draws_error: float, parts: Parts,
) -> dict[str, Any]:
    """Adds `nll_exact` and `inference_gap` to the values; returns what belongs to them.

    `draws_error` is the standard error of the mean of `nll_is`, if that is among the values.
    """
    evidence = kept_evidence(model, prior, x, mean, log_std, seed, parts)
    values["nll_exact"] = -evidence.log_p
    values["inference_gap"] = evidence.log_p - values["elbo"]
    random = generator(seed, "best Gaussians")
    some = torch.randperm(len(x), generator=random)[:GAP_IMAGES]
    with torch.enable_grad():
        own, best = best_gaussian_elbo(model, prior, x[some], random)
    return {
        "nll_exact_trusted": is_trusted(evidence, values, draws_error),
        "nll_exact_error": evidence.error.mean().item(),
        "nll_exact_largest_error": evidence.error.max().item(),
        "nll_exact_rounding": evidence.rounding,
        "prior_outside_box": evidence.prior_outside,
        "amortisation_gap": measured("amortisation_gap", best - own),
        "approximation_gap": measured("approximation_gap", evidence.log_p[some] - best),
        "gap_images": len(some),
    }


def is_trusted(evidence: Evidence, values: dict[str, Tensor], draws_error: float) -> bool:
    """Returns whether quadrature's error is negligible, and importance sampling finds no more.

    The integral over the box is at most p(x), but for the cells' error, and importance sampling
    is at most so on average: where it has found more than its draws explain, quadrature has
    missed something. Both are of the same images, whose scatter plays no part.

    Arguments:
        evidence: What quadrature says of its errors.
        values: `nll_exact` of each image, and `nll_is`, if that was measured.
        draws_error: The standard error of the mean of `nll_is` that comes from its draws.
    """
    exact = values["nll_exact"]
    negligible = max(EXACT, NEGLIGIBLE * mean_and_error(exact)[1])
    error = evidence.error.mean().item() + evidence.rounding
    if "nll_is" in values:
        missed = (exact - values["nll_is"]).mean().item() - SURE * draws_error
        error = max(error, missed)
    return error <= negligible


