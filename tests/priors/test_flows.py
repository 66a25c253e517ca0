"""The flows against explicit formulas, automatic Jacobians, zuko, and a known density."""

import math
import sys

import numpy as np
import pytest
import torch

from cases.priors import build
from torch.distributions import Distribution

from genlab.common.errors import InputError
from genlab.priors import Prior
from genlab.priors.flow import Affine
from genlab.priors.gaussian import GaussianMixture
from genlab.priors.realnvp import AffineCurve, RealNVP
from genlab.priors.spline import Spline, SplineCurve, knots
from genlab.priors.zuko_flow import FLOWS, Zuko

CASES = [("realnvp", None), ("spline", None), *(("zuko", flow) for flow in FLOWS)]
every_flow = pytest.mark.parametrize(("name", "flow"), CASES)


def make(name: str, flow: str | None, latent: int, *, stirred: bool, double: bool = True) -> Prior:
    extra = {"spline": {"bins": 4}, "zuko": {"flow": flow}}.get(name, {})
    options = {"hidden": (16, 16), "blocks": 3, **extra}
    return build(name, latent, stirred=stirred, double=double, options=options)[0]


@every_flow
@pytest.mark.parametrize("latent", [1, 2, 3, 40])
@torch.no_grad()
def test_inverse_undoes_the_flow(name: str, flow: str | None, latent: int) -> None:
    """Both ways, inside the splines' interval and outside."""
    bijection = make(name, flow, latent, stirred=True).flow
    torch.manual_seed(0)
    z = torch.tensor([[1.0], [3.0]], dtype=torch.float64) * torch.randn(2, latent).double()
    # zuko inverts BPF by bisection, to 1e-6 a layer.
    tolerance = 1e-3 if flow == "BPF" else 1e-9
    back = bijection.inverse(bijection(z)[0])
    torch.testing.assert_close(back, z, rtol=tolerance, atol=tolerance)
    forth = bijection(bijection.inverse(z))[0]
    torch.testing.assert_close(forth, z, rtol=tolerance, atol=tolerance)


@every_flow
@pytest.mark.parametrize("latent", [1, 2, 3, 7])
def test_log_determinant_is_that_of_the_jacobian(
    name: str, flow: str | None, latent: int
) -> None:
    """Once a point, not once a dimension."""
    bijection = make(name, flow, latent, stirred=True).flow
    torch.manual_seed(0)
    z = 2 * torch.randn(10, latent, dtype=torch.float64)
    found = bijection(z)[1]
    assert found.shape == (10,)
    for point, value in zip(z, found):
        jacobian = torch.autograd.functional.jacobian(lambda p: bijection(p)[0], point)
        assert isinstance(jacobian, torch.Tensor)
        assert value.item() == pytest.approx(torch.linalg.slogdet(jacobian)[1].item(), abs=1e-9)


@every_flow
@pytest.mark.parametrize("latent", [1, 2, 3, 40])
@torch.no_grad()
def test_it_starts_as_the_standard_gaussian(name: str, flow: str | None, latent: int) -> None:
    prior = make(name, flow, latent, stirred=False)
    z = torch.randn(50, latent, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    wanted = -(z**2).sum(-1) / 2 - latent / 2 * math.log(2 * math.pi)
    if flow == "BPF":  # near it only
        assert (prior().log_prob(z) - wanted).mean().abs().item() < 0.05 * latent
    else:
        torch.testing.assert_close(prior().log_prob(z), wanted, rtol=1e-12, atol=1e-12)


@torch.no_grad()
def test_affine_layer_is_a_gaussian_of_that_place_and_scale() -> None:
    layer = Affine(2).double()
    layer.shift.copy_(torch.tensor([3.0, -1.0]))
    layer.raw_log_scale.copy_(torch.tensor([1.0, -0.5]))
    std = (5 * torch.tanh(layer.raw_log_scale / 5)).exp()
    z = torch.randn(20, 2, dtype=torch.float64)
    u, log_det = layer(z)
    found = torch.distributions.Normal(0, 1).log_prob(u).sum(-1) + log_det
    wanted = torch.distributions.Normal(layer.shift, std).log_prob(z).sum(-1)
    torch.testing.assert_close(found, wanted)


@torch.no_grad()
def test_a_realnvp_layer_equals_its_formula() -> None:
    """Five coordinates: the first layer bends the last three, the second the first two."""
    torch.manual_seed(0)
    prior = RealNVP(5, 2, (6,)).double()
    for parameter in prior.parameters():
        parameter.add_(0.3 * torch.randn_like(parameter))
    z = torch.randn(9, 5, dtype=torch.float64)
    for layer, kept, bent in zip(
        prior.flow.layers[1:], ([0, 1], [2, 3, 4]), ([2, 3, 4], [0, 1]), strict=True
    ):
        w1, b1, w2, b2 = (p.numpy() for p in layer.parameters())
        x = z.numpy()
        h = x[:, kept] @ w1.T + b1
        out = (h / (1 + np.exp(-h))) @ w2.T + b2  # SiLU
        s, t = 2 * np.tanh(out[:, 0::2] / 2), out[:, 1::2]
        wanted = x.copy()
        wanted[:, bent] = x[:, bent] * np.exp(s) + t
        u, log_det = layer(z)
        np.testing.assert_allclose(u.numpy(), wanted, rtol=1e-12)
        np.testing.assert_allclose(log_det.numpy(), s.sum(1), rtol=1e-12)


def durkan(x: float, raw: np.ndarray, bins: int, bound: float) -> tuple[float, float]:
    """Durkan et al. 2019, section 3.1, for one number: the value and the slope."""

    def axis(part: np.ndarray) -> np.ndarray:
        shares = np.exp(part) / np.exp(part).sum()
        return np.cumsum([-bound, *(2 * bound * (1e-3 + (1 - 1e-3 * bins) * shares))])

    xs, ys = axis(raw[:bins]), axis(raw[bins : 2 * bins])
    start = np.log(np.exp(1 - 1e-3) - 1)
    delta = np.array([1, *(1e-3 + np.log1p(np.exp(raw[2 * bins :] + start))), 1])
    if not -bound <= x <= bound:
        return x, 1.0
    k = min(int(np.searchsorted(xs, x, side="right")) - 1, bins - 1)
    xi = (x - xs[k]) / (xs[k + 1] - xs[k])
    s = (ys[k + 1] - ys[k]) / (xs[k + 1] - xs[k])
    beta = s + (delta[k + 1] + delta[k] - 2 * s) * xi * (1 - xi)
    alpha = (ys[k + 1] - ys[k]) * (s * xi**2 + delta[k] * xi * (1 - xi))
    slope = delta[k + 1] * xi**2 + 2 * s * xi * (1 - xi) + delta[k] * (1 - xi) ** 2
    return ys[k] + alpha / beta, s**2 * slope / beta**2


@pytest.mark.parametrize("bins", [2, 5, 8])
def test_spline_equals_the_papers_formula(bins: int) -> None:
    curve, random = SplineCurve(bins, 3.0), np.random.default_rng(0)
    x = random.uniform(-4, 4, (40, 2))
    raw = 2 * random.standard_normal((40, 2, 3 * bins - 1))
    y, log_slope = curve.forward(torch.tensor(x), torch.tensor(raw))
    for i in np.ndindex(x.shape):
        value, slope = durkan(x[i], raw[i], bins, 3.0)
        assert y[i].item() == pytest.approx(value, abs=1e-12)
        assert log_slope[i].item() == pytest.approx(math.log(slope), abs=1e-10)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_spline_is_smooth_and_exact_at_knots_and_bounds(dtype: torch.dtype) -> None:
    """A knot belongs to the piece on its right; the one on its left has the same value, slope."""
    torch.manual_seed(0)
    bins, bound = 6, 5.0
    curve, shape = SplineCurve(bins, bound), 2 * torch.randn(3 * bins - 1, dtype=dtype)
    x, y = knots(shape[:bins], bound), knots(shape[bins : 2 * bins], bound)
    raw, eps = shape.expand(bins + 1, -1), torch.finfo(dtype).eps
    found, log_slope = curve.forward(x, raw)
    torch.testing.assert_close(found, y, rtol=4 * eps, atol=4 * eps)
    torch.testing.assert_close(curve.inverse(y, raw), x, rtol=0, atol=99 * eps)
    for side in (-math.inf, math.inf):
        near = torch.nextafter(x, torch.full_like(x, side))
        value, near_log_slope = curve.forward(near, raw)
        torch.testing.assert_close(value, y, rtol=99 * eps, atol=99 * eps)
        # The last digit of x, times how fast the slope turns in a narrow bin.
        torch.testing.assert_close(near_log_slope, log_slope, rtol=0, atol=1e5 * eps)
    assert log_slope[[0, -1]].abs().max().item() < 9 * eps  # the slope of the lines outside


@pytest.mark.parametrize("size", [1.0, 10.0, 100.0])
def test_spline_survives_extreme_parameters(size: float) -> None:
    """Bins at their least width and height: finite, increasing, and its own inverse."""
    torch.manual_seed(0)
    curve = SplineCurve(8, 5.0)
    raw = size * torch.randn(50, 23, dtype=torch.float64).expand(2001, 50, 23)
    x = torch.linspace(-6, 6, 2001, dtype=torch.float64)[:, None].expand(-1, 50)
    y, log_slope = curve.forward(x, raw)
    assert torch.isfinite(log_slope).all()
    assert (y.diff(dim=0) > 0).all()
    back = curve.inverse(y, raw)
    # Where the slope is tiny several x share the digits of y, where it is huge several y those of
    # x: one of the two returns.
    error = torch.minimum((back - x).abs(), (curve.forward(back, raw)[0] - y).abs())
    assert error.max().item() < 1e-11
    if size == 1:
        torch.testing.assert_close(back, x, rtol=0, atol=1e-9)
    y, log_slope = curve.forward(x.float(), raw.float())
    assert torch.isfinite(log_slope).all()
    assert torch.isfinite(curve.inverse(y, raw.float())).all()


def test_a_straight_line_is_what_zeros_describe() -> None:
    x = torch.linspace(-6, 6, 100, dtype=torch.float64)
    for curve in (AffineCurve(), SplineCurve(8, 5.0)):
        y, log_slope = curve.forward(x, x.new_zeros(100, curve.parameters))
        torch.testing.assert_close(y, x, rtol=0, atol=1e-14)
        torch.testing.assert_close(log_slope, torch.zeros_like(x), rtol=0, atol=1e-14)


@pytest.mark.parametrize("bins", [1, 1000])
def test_spline_refuses_bins_that_make_no_spline(bins: int) -> None:
    with pytest.raises(InputError, match=f"`bins` must be between 2 and 999, not {bins}"):
        Spline(2, 2, (8,), bins, 5.0)


@pytest.mark.parametrize("flow", FLOWS)
@pytest.mark.parametrize("latent", [1, 2, 3])
@torch.no_grad()
def test_zuko_prior_equals_zuko(flow: str, latent: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same parameters in zuko's own flow give its own density at the shifted, scaled codes."""
    prior = make("zuko", flow, latent, stirred=True)
    affine, bijection = prior.flow.layers
    import zuko

    # What zuko sets at its import, and the prior takes back.
    monkeypatch.setattr(Distribution, "_validate_args", False)
    monkeypatch.setattr(Distribution, "arg_constraints", {})
    oracle = getattr(zuko.flows, flow)(latent, transforms=3, hidden_features=(16, 16)).double()
    oracle.transform.load_state_dict(bijection.transform.state_dict())
    z = 2 * torch.randn(30, latent, dtype=torch.float64)
    u, log_det = affine(z)
    torch.testing.assert_close(prior().log_prob(z), oracle().log_prob(u) + log_det)


@pytest.mark.parametrize("flow", ["BPF", "NICE", "MAF"])
@torch.no_grad()
def test_other_flows_of_zuko_are_densities_with_that_sampler(flow: str) -> None:
    """NSF goes through the whole suite; here the integral and the mean log-density."""
    prior = make("zuko", flow, 2, stirred=True)
    line = torch.linspace(-10, 10, 161, dtype=torch.float64)
    points, area = torch.cartesian_prod(line, line), (20 / 160) ** 2
    torch.manual_seed(0)
    p = prior()
    log_p, values = p.log_prob(points), p.log_prob(p.sample((2000,)))
    assert log_p.exp().sum().item() * area == pytest.approx(1, abs=1e-3)
    wanted = (log_p.exp() * log_p).sum().item() * area
    error = values.std().item() / math.sqrt(len(values))
    assert values.mean().item() == pytest.approx(wanted, abs=4 * error + 1e-3)


@pytest.mark.parametrize("flow", ["GF", "NAF", "CNF", "Nonsense"])
def test_flows_without_an_exact_density_are_refused_by_name(flow: str) -> None:
    with pytest.raises(InputError, match=f"`flow` must be one of BPF, MAF, NICE.* not '{flow}'"):
        Zuko(2, flow, 2, (8,))


def test_without_zuko_the_message_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "zuko", None)
    monkeypatch.setitem(sys.modules, "zuko.flows", None)
    with pytest.raises(InputError, match=r"zuko is not installed; .* 'genlab\[zuko\]'"):
        Zuko(2, "MAF", 2, (8,))


def test_zukos_import_leaves_torch_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in [m for m in sys.modules if m.split(".")[0] == "zuko"]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setattr(Distribution, "_validate_args", True)  # torch.compile switches it off
    before = Distribution._validate_args, Distribution.arg_constraints
    Zuko(2, "MAF", 2, (8,))
    assert "zuko" in sys.modules
    assert (Distribution._validate_args, Distribution.arg_constraints) == before
    assert before[0] is True


def fit(prior: Prior, target: Distribution, steps: int, rate: float) -> None:
    optimiser = torch.optim.Adam(prior.parameters(), rate)
    for step in range(steps):
        optimiser.param_groups[0]["lr"] = rate * (1 - step / steps)
        loss = -prior().log_prob(target.sample((256,))).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()


@pytest.mark.parametrize(
    ("name", "blocks", "most"), [("realnvp", 4, 0.1), ("spline", 2, 0.02), ("zuko", 2, 0.02)]
)
def test_training_finds_a_known_density(name: str, blocks: int, most: float) -> None:
    """Three Gaussians: the mean of ln p_true - ln p_flow over their samples is the KL."""
    mean = torch.tensor([[-2.0, 0.0], [2.0, 0.0], [0.0, 2.5]])
    target = GaussianMixture(torch.zeros(3), mean, torch.full((3, 2), 0.74))
    torch.manual_seed(0)
    options = {"hidden": (16, 16), "blocks": blocks}
    prior = build(name, 2, stirred=False, options=options)[0]
    z = target.sample((20_000,))

    def gap() -> float:
        with torch.no_grad():
            return (target.log_prob(z) - prior().log_prob(z)).mean().item()

    assert gap() > 1  # where it starts
    fit(prior, target, 250, 1.5e-2)
    assert -0.01 < gap() < most


def test_codes_wider_than_the_splines_interval_are_drawn_into_it() -> None:
    """More than half of these coordinates are outside [-5, 5] before the learned scale."""
    target = GaussianMixture(torch.zeros(1), torch.full((1, 2), 3.0), torch.full((1, 2), 7.4))
    torch.manual_seed(0)
    prior = Spline(2, 2, (16, 16), 8, 5.0)
    fit(prior, target, 300, 5e-2)
    with torch.no_grad():
        z = target.sample((20_000,))
        gap = target.log_prob(z) - prior().log_prob(z)
        outside = (prior.flow.layers[0](z)[0].abs() > 5).double().mean().item()
    assert outside < 0.01
    assert gap.mean().item() < 0.1


def test_diagnostics_count_the_codes_outside_the_splines_interval() -> None:
    """At its start every layer is the identity: each coordinate meets one of two layers as is."""
    prior = Spline(2, 2, (16,), 8, 5.0)
    z = torch.tensor([[0.0, 0.0], [4.9, -4.9], [5.1, 0.0], [0.0, -7.0], [6.0, 6.0]])
    assert prior.diagnostics(z, torch.Generator()) == {"codes_outside_bound": 0.6}
