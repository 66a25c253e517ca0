"""What is true of every prior: one suite over the table. Each prior's own file has the rest."""

import pytest
import torch

from cases.priors import CASES, GRID, build

from genlab.common.errors import InputError
from genlab.configs.prior import PRIOR_SIGNATURES
from genlab.conformance import densities
from genlab.conformance.densities import Grid
from genlab.priors import PRIORS

every_case = pytest.mark.parametrize("name", CASES)
every_prior = pytest.mark.parametrize("name", PRIORS)


def points(count: int, latent: int) -> torch.Tensor:
    return torch.randn(count, latent, generator=torch.Generator().manual_seed(0))


@every_case
@pytest.mark.parametrize("latent", [1, 2, 3, 40])
def test_density_has_one_value_a_point(name: str, latent: int) -> None:
    prior, _ = build(name, latent, stirred=True)
    densities.check_shapes(prior(), latent)


@every_case
@pytest.mark.parametrize("stirred", [False, True])
def test_density_integrates_to_one(name: str, stirred: bool) -> None:
    prior, _ = build(name, 2, stirred=stirred, double=True)
    densities.check_integral(prior(), GRID.get(name, Grid()))


@every_case
def test_sampler_agrees_with_density(name: str) -> None:
    prior, _ = build(name, 2, stirred=True)
    densities.check_sampler(prior(), GRID.get(name, Grid()))


@every_case
def test_training_reaches_every_parameter(name: str) -> None:
    prior, _ = build(name, 3, stirred=True)
    densities.check_gradients(prior.train(), points(20, 3), torch.arange(100, 120))


@every_case
def test_far_points_have_finite_gradients(name: str) -> None:
    prior, _ = build(name, 2, stirred=True)
    densities.check_far_gradients(prior, torch.tensor([[50.0, -50.0]]))


@every_case
def test_value_does_not_depend_on_the_batch(name: str) -> None:
    prior, _ = build(name, 2, stirred=True)
    densities.check_batches(prior(), points(33, 2))


@every_case
@pytest.mark.parametrize("latent", [2, 40])
def test_saved_and_loaded_gives_the_same_numbers(name: str, latent: int) -> None:
    prior, _ = build(name, latent, stirred=True)
    fresh, _ = build(name, latent, stirred=False, seed=2)
    densities.check_state(prior, fresh, points(10, latent))


@every_case
def test_single_and_double_precision_agree(name: str) -> None:
    single, _ = build(name, 2, stirred=True)
    double, _ = build(name, 2, stirred=True, double=True)
    densities.check_precision(single(), double(), points(50, 2))


@every_prior
def test_every_keyword_is_checked_by_the_constructor(name: str) -> None:
    """A number that is too small or not a number, or another word; the error names the keyword."""
    for key, keyword in PRIOR_SIGNATURES.rows[name].items():
        wrong = {
            int: 0, float: float("nan"), tuple[int, ...]: (8, 0),
        }.get(keyword.type, "neither")  # fmt: skip
        with pytest.raises(InputError, match=f"^`{key}` must be "):
            PRIORS[name](2, **{key: wrong})


@every_prior
def test_defaults_are_those_that_the_command_line_shows(name: str) -> None:
    """The constructor without keywords is the same as with all of them at the defaults read."""
    torch.manual_seed(0)
    plain = PRIORS[name](3)
    torch.manual_seed(0)
    spelled = PRIORS[name](3, **PRIOR_SIGNATURES.complete(name, {}))
    for prior in (plain, spelled):
        torch.manual_seed(0)
        prior.attach(lambda x: (x[:, :3], x[:, :3]), 5)
    ours, theirs = plain.state_dict(), spelled.state_dict()
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[key], theirs[key]) for key in ours)
    assert plain.examples == spelled.examples


@every_prior
def test_titles_are_words_in_both_languages(name: str) -> None:
    title = PRIORS[name].title
    assert title.zh
    assert title.en


def test_titles_differ() -> None:
    for lang in ("zh", "en"):
        assert len({getattr(prior.title, lang) for prior in PRIORS.values()}) == len(PRIORS)
