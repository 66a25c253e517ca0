"""What is true of every prior: one suite over the table. Each prior's own file has the rest."""

import math

import pytest
import torch

from cases.priors import CASES, GRID, build, plane

from genlab.common.errors import InputError
from genlab.configs.prior import PRIOR_NAMES, PRIOR_OPTIONS, PriorOptions
from genlab.priors import PRIORS

every_prior = pytest.mark.parametrize("name", CASES)


def test_the_tables_agree() -> None:
    assert tuple(PRIORS) == PRIOR_NAMES == tuple(PRIOR_OPTIONS)


def test_options_are_filled_in_and_foreign_ones_refused() -> None:
    assert PriorOptions(components=5).of("vamp") == PriorOptions(components=5)
    assert PriorOptions().of("standard") == PriorOptions()
    with pytest.raises(InputError, match="--prior.bins: not an option of the prior 'vamp'"):
        PriorOptions(bins=5).of("vamp")
    with pytest.raises(InputError, match="--prior.components 0: must be above 0"):
        PriorOptions(components=0).of("vamp")


@every_prior
@pytest.mark.parametrize("latent", [1, 2, 3, 40])
def test_density_has_one_value_a_point(name: str, latent: int) -> None:
    prior, _ = build(name, latent, stirred=True)
    p = prior()
    assert p.event_shape == (latent,)
    assert p.batch_shape == ()
    with torch.no_grad():
        assert p.sample((3, 4)).shape == (3, 4, latent)
        values = p.log_prob(torch.randn(3, 4, latent))
    assert values.shape == (3, 4)
    assert torch.isfinite(values).all()


@every_prior
@pytest.mark.parametrize("stirred", [False, True])
def test_density_integrates_to_one(name: str, stirred: bool) -> None:
    prior, _ = build(name, 2, stirred=stirred, double=True)
    points, area = plane(*GRID.get(name, (14.0, 700)))
    with torch.no_grad():
        total = prior().log_prob(points).exp().sum().item() * area
    assert total == pytest.approx(1, abs=1e-4)


@every_prior
def test_sampler_agrees_with_density(name: str) -> None:
    """The samples' mean log-density is the grid's negative entropy; boxes hold their shares."""
    prior, _ = build(name, 2, stirred=True)
    with torch.no_grad():
        p = prior()
        torch.manual_seed(0)
        samples = p.sample((100_000,))
        values = p.log_prob(samples).double()
        points, area = plane(*GRID.get(name, (14.0, 700)))
        log_p = p.log_prob(points.float()).double()
    mass = log_p.exp() * area
    error = values.std().item() / math.sqrt(len(values))
    assert values.mean().item() == pytest.approx((mass * log_p).sum().item(), abs=4 * error + 1e-3)
    # Chi-square over boxes of whole cells: 20 columns of near-equal mass, cut into 20 rows each.
    chi, boxes, side = 0.0, 0, math.isqrt(len(points))
    line = points[:, 1].view(side, side)[0]
    edges = torch.linspace(0, 1, 21)[1:-1]
    half = (line[1] - line[0]) / 2
    grid = mass.view(side, side) / mass.sum()
    cuts = [0, *torch.searchsorted(grid.sum(1).cumsum(0), edges).tolist(), side]
    for low, high in zip(cuts[:-1], cuts[1:]):
        if high == low:
            continue
        column = grid[low:high].sum(0)
        inner = torch.searchsorted(column.cumsum(0) / column.sum(), edges).tolist()
        inside = (samples[:, 0] >= line[low] - half) & (samples[:, 0] < line[high - 1] + half)
        bins = torch.tensor([0, *inner, side]).unique()
        wanted = torch.stack([column[a:b].sum() for a, b in zip(bins[:-1], bins[1:])])
        borders = (line[0] - half) + 2 * half * bins
        found = torch.histogram(samples[inside, 1].double(), borders.double())[0] / len(samples)
        kept = wanted * len(samples) > 20
        chi += ((found - wanted)[kept] ** 2 / wanted[kept]).sum().item() * len(samples)
        boxes += int(kept.sum())
    # Mean `boxes`, variance 2 `boxes`; 1e-3 of grid error in each share adds a little.
    assert boxes > 100
    assert chi < boxes + 6 * math.sqrt(2 * boxes)


@every_prior
def test_training_reaches_every_parameter(name: str) -> None:
    prior, net = build(name, 3, stirred=True)
    prior.train()
    z = torch.randn(20, 3, requires_grad=True)
    rows = torch.arange(100, 120)
    values = prior.training_log_prob(z, rows, torch.Generator().manual_seed(0))
    assert values.shape == (20,)
    values.mean().backward()
    assert z.grad is not None
    assert z.grad.abs().sum() > 0
    for key, parameter in prior.named_parameters():
        assert parameter.grad is not None, key
        assert parameter.grad.abs().sum() > 0, key
    net.zero_grad()


@every_prior
def test_far_points_have_finite_gradients(name: str) -> None:
    prior, _ = build(name, 2, stirred=True)
    z = torch.tensor([[50.0, -50.0]], requires_grad=True)
    prior().log_prob(z).sum().backward()
    assert z.grad is not None
    assert torch.isfinite(z.grad).all()
    for key, parameter in prior.named_parameters():
        if parameter.grad is not None:
            assert torch.isfinite(parameter.grad).all(), key


@every_prior
def test_value_does_not_depend_on_the_batch(name: str) -> None:
    prior, _ = build(name, 2, stirred=True)
    z = torch.randn(33, 2)
    with torch.no_grad():
        alone = torch.cat([prior().log_prob(row[None]) for row in z])
        torch.testing.assert_close(prior().log_prob(z), alone, rtol=1e-4, atol=1e-4)


@every_prior
@pytest.mark.parametrize("latent", [2, 40])
def test_saved_and_loaded_gives_the_same_numbers(name: str, latent: int) -> None:
    prior, _ = build(name, latent, stirred=True)
    fresh, _ = build(name, latent, stirred=False)
    fresh.load_state_dict(prior.state_dict())
    z = torch.randn(10, latent)
    with torch.no_grad():
        torch.testing.assert_close(fresh().log_prob(z), prior().log_prob(z), rtol=0, atol=0)


@every_prior
def test_single_and_double_precision_agree(name: str) -> None:
    single, _ = build(name, 2, stirred=True)
    double, _ = build(name, 2, stirred=True, double=True)
    z = torch.randn(50, 2)
    with torch.no_grad():
        torch.testing.assert_close(
            single().log_prob(z).double(), double().log_prob(z.double()), rtol=1e-4, atol=1e-4
        )
