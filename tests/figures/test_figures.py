"""Figures: fonts and words in both languages, and what short runs look like."""

import re
import warnings

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from cases.report import VAES
from cases.vae import vae_of
from matplotlib import font_manager
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from genlab.figures import curves, grids, latent, style
from genlab.figures.draw import Plane
from genlab.figures.language import twin
from genlab.lab.report.writer import Image as Picture
from genlab.lab.report.writer import Writer
from genlab.vae.results import Moments

HAN = any(style._has(path, style.HAN) for path in font_manager.findSystemFonts())
needs_chinese = pytest.mark.skipif(not HAN, reason="this machine has no Chinese font")


@pytest.fixture
def no_chinese(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without a Chinese font."""
    monkeypatch.setattr(style, "chinese_font", lambda: None)


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(Text) if isinstance(text, Text)]


def epochs(count: int) -> list[dict[str, float]]:
    return [
        {"epoch": n, "bound": -200 + 50 * (1 - 0.9**n), "test_elbo": -205.5 + n, "omega": -5.25}
        for n in range(1, count + 1)
    ]


# Fonts and languages


@pytest.fixture
def old_list(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """matplotlib's list of fonts is older than all fonts but its own."""
    fonts = font_manager.fontManager
    style.chinese_font.cache_clear()
    monkeypatch.setattr(fonts, "ttflist", [f for f in fonts.ttflist if f.name == style.LATIN])
    yield
    style.chinese_font.cache_clear()


@needs_chinese
def test_a_font_that_is_newer_than_the_list_of_fonts_is_found(old_list: None) -> None:
    name = style.chinese_font()
    assert name is not None
    path = font_manager.findfont(name, fallback_to_default=False)
    assert style._has(path, style.HAN)


@needs_chinese
def test_chinese_is_drawn_without_a_warning_and_not_as_boxes(tmp_path: Path) -> None:
    pictures = []
    for title in ("我的狗", "照片集"):
        figure = Figure(figsize=(2, 1))
        figure.suptitle(title)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            style.save(figure, tmp_path / "a.png")
        pictures.append(np.asarray(Image.open(tmp_path / "a.png")))
    assert not np.array_equal(*pictures)  # boxes would all look the same


def test_letters_that_no_font_has_become_question_marks(
    no_chinese: None, tmp_path: Path
) -> None:
    figure = Figure(figsize=(2, 1))
    figure.suptitle("我的 dogs\n\N{DOG FACE} and $z'_1$")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        style.save(figure, tmp_path / "a.png")
    assert texts(figure)[0] == "?? dogs\n? and $z'_1$"


def test_a_name_with_a_dollar_is_no_formula(tmp_path: Path) -> None:
    figure = Figure(figsize=(2, 1))
    title = figure.suptitle(r"a$\frac$b")
    with pytest.raises(ValueError, match="frac"):  # as a formula it is wrong
        style.save(figure, tmp_path / "a.png")
    title.set_text(style.literal(r"a$\frac$b"))
    style.save(figure, tmp_path / "a.png")


@pytest.mark.parametrize(
    "text", ["the first 16 generated images and the nearest of each, " * 3, "我的狗的照片 " * 12]
)
@pytest.mark.parametrize("width", [2.4, 6.3])
def test_a_long_title_is_wrapped_within_its_figure(text: str, width: float) -> None:
    figure = Figure(figsize=(width, 3), dpi=100)
    title = figure.suptitle(style.wrapped(text, width), fontsize=style.TEXT)
    style._dress(figure)
    figure.canvas.draw()
    assert title.get_window_extent().width < width * 100
    assert style.wrapped(text, width).split() == text.split()


def test_without_a_chinese_font_figures_are_in_english(no_chinese: None, tmp_path: Path) -> None:
    assert style.drawn_languages() == ("en",)
    (tmp_path / "curve-zh.png").touch()
    assert style.there(tmp_path / "curve.png") == ("en",)


@needs_chinese
def test_a_figure_is_drawn_again_in_the_languages_that_are_there(tmp_path: Path) -> None:
    file = tmp_path / "curve.png"
    assert style.there(file) == ("en",)
    style.save(
        lambda lang: curves.bound_curve(epochs(3), "a", "ELBO", lang), file, ("en", "zh")
    )
    assert style.there(file) == ("en", "zh")
    assert file.read_bytes() != twin(file, "zh").read_bytes()


def test_figures_have_the_words_of_their_language() -> None:
    assert {"epoch", "training images"} <= set(texts(curves.bound_curve(epochs(3), "", "ELBO")))
    chinese = texts(curves.bound_curve(epochs(3), "", "ELBO", "zh"))
    assert {"轮数", "训练图像"} <= set(chinese)
    assert "epoch" not in chinese


def test_a_report_shows_the_picture_of_its_language_where_there_is_one(tmp_path: Path) -> None:
    for name in ("a.png", "a-zh.png", "b.png"):
        (tmp_path / name).touch()
    for lang, shown in (("zh", ["a-zh.png", "b.png"]), ("en", ["a.png", "b.png"])):
        w = Writer(lang, tmp_path)
        both = [Picture(path=name, zh="图", en="picture") for name in ("a.png", "b.png")]
        w.figure("k", both, 2, "图", "Pictures")
        assert re.findall(r"\((\S+\.png)\)", w.text()) == shown


@pytest.mark.parametrize(
    ("count", "name"), [(3, "{}"), (10, "animal {}"), (10, "a long, long name {}"), (30, "n{}")]
)
def test_every_class_is_drawn_and_named(count: int, name: str) -> None:
    """With more than ten classes too; no two have colour and mark alike."""
    labels = np.repeat(np.arange(count), 2)
    panel = latent.Panel(title="a", z=np.zeros((len(labels), 2)))
    names = {label: name.format(label) for label in range(count - 1)}
    figure = latent.prior_density(panel, np.zeros((5, 5)), labels, 3.5, names=names)
    (legend,) = figure.legends
    wanted = [*(name.format(label)[:12] for label in range(count - 1)), str(count - 1)]
    assert [text.get_text() for text in legend.get_texts()] == wanted
    looks = {(key.get_color(), key.get_marker()) for key in legend.legend_handles}
    assert len(looks) == count
    figure.canvas.draw()
    assert legend.get_window_extent().width <= figure.bbox.width
    dots = [one for one in figure.axes[0].collections if len(one.get_offsets()) == 2]
    assert len(dots) == count


def test_a_legend_of_many_long_names_has_numbers() -> None:
    labels = np.arange(26)
    panel = latent.Panel(title="a", z=np.zeros((26, 2)))
    names = dict.fromkeys(range(26), "elephants")
    figure = latent.prior_density(panel, np.zeros((5, 5)), labels, 3.5, names=names)
    assert [one.get_text() for one in figure.legends[0].get_texts()] == list(map(str, range(26)))


def test_dots_of_very_many_classes_are_drawn_alike() -> None:
    labels = np.arange(500)
    panel = latent.Panel(title="a", z=np.zeros((500, 2)))
    figure = latent.prior_density(panel, np.zeros((5, 5)), labels, 3.5)
    assert not figure.legends
    assert any(len(one.get_offsets()) == 500 for one in figure.axes[0].collections)


def test_letters_have_the_size_of_print() -> None:
    """Figures are made as large as they are printed, so a point is a point."""
    panel = latent.Panel(title="a", z=np.zeros((3, 2)), numbers=("b",))
    images = np.zeros((2, 8, 8, 3), np.uint8)
    for figure, width in (
        (curves.bound_curve(epochs(3), "a", "ELBO"), 12.0),
        (latent.aggregated_row([panel] * 3, 3.5), 16.0),
        (latent.prior_density(panel, np.zeros((5, 5)), np.array([0, 1, 2]), 3.5), 7.8),
        (latent.manifold(np.zeros((2, 2, 8, 8, 3), np.uint8), 3.5, "a"), 5.1),
        (grids.image_grid(np.zeros((4, 8, 8, 3), np.uint8), 2, "a"), 5.1),
        (grids.labelled_rows([("epoch 1", images)]), 16.0),
    ):
        assert figure.get_figwidth() * 2.54 == pytest.approx(width)
        sizes = [t.get_fontsize() for t in figure.findobj(Text) if isinstance(t, Text)]
        assert min(sizes) >= 8


# Short runs


@pytest.mark.parametrize("make", ["bound", "gan"])
def test_a_single_epoch_is_a_point_with_its_value(make: str) -> None:
    if make == "bound":
        figure = curves.bound_curve(epochs(1), "a", "ELBO")
        values = {"−195.0", "−204.5", "−5.250"}
    else:
        keys = ("loss_generator", "loss_discriminator", "score_real", "score_fake")
        line = dict(zip(keys, (0.5, 1.25, 0.75, -2.5)))
        figure = curves.gan_curve([{"epoch": 1} | line], "a")
        values = {"0.5000", "1.250", "0.7500", "−2.500"}
    assert values <= set(texts(figure))
    lines = [line for axis in figure.axes for line in axis.lines]
    assert all(line.get_marker() == "o" for line in lines)
    for axis in figure.axes:
        low, high = axis.get_ylim()
        assert all(low < y < high for line in axis.lines for y in np.asarray(line.get_ydata()))


@pytest.mark.parametrize("count", [2, 5, 100])
def test_the_end_of_both_curves_is_always_seen(count: int) -> None:
    metrics = [line | {"test_elbo": -1_446_477.0} for line in epochs(count)]
    axis = curves.bound_curve(metrics, "a", "ELBO").axes[0]
    low, high = axis.get_ylim()
    for line in axis.lines:
        assert low < np.asarray(line.get_ydata())[-1] < high


# The lab sheet's figure


def test_all_panels_have_one_scale_and_filled_contours_of_the_standard_gaussian() -> None:
    z = np.random.default_rng(0).standard_normal((500, 2))
    panels = [latent.Panel(title="a", z=z), latent.Panel(title="b", z=2 * z, standardised=True)]
    limit = latent.sheet_limit(*(panel.z for panel in panels))
    figure = latent.aggregated_row(panels, limit)
    for axis, label in zip(figure.axes, ("$z_1$", "$z'_1$")):
        assert axis.get_xlim() == axis.get_ylim() == (-limit, limit)
        assert axis.get_xlabel() == label
        filled = [one for one in axis.collections if hasattr(one, "levels")]
        radii = np.sqrt(-2 * np.log(2 * np.pi * np.asarray(filled[0].levels)))
        assert np.allclose(radii, np.linspace(3.5, 0, 11), atol=1e-6)


@pytest.mark.parametrize("prior", ["standard", "mixture"])
@torch.no_grad()
def test_a_learned_prior_is_drawn_in_standard_coordinates_and_a_fixed_one_in_its_own(
    prior: str
) -> None:
    options = {"components": 3} if prior == "mixture" else {}
    model = vae_of(prior, options, latent=2, pixels=9, hidden=8)
    draws = np.random.default_rng(0).multivariate_normal([5, -3], [[4, 1], [1, 9]], 700)
    moments = Moments(mean=draws.mean(0).tolist(), covariance=np.cov(draws.T).tolist())
    results = replace(VAES[prior], aggregated=moments)
    panel = Plane(model, results, draws.astype(np.float32), None, {}).of_sheet()
    assert panel.standardised == (prior == "mixture")
    if prior == "standard":
        assert np.array_equal(panel.z, draws.astype(np.float32))
    else:
        assert np.allclose(panel.z.mean(0), 0, atol=1e-5)
        assert np.allclose(np.cov(panel.z.T), np.eye(2), atol=1e-5)


def test_the_scale_is_that_of_the_lab_sheet_where_the_codes_allow_it() -> None:
    z = np.random.default_rng(0).standard_normal((500, 2))
    far = np.full((5, 2), 20.0)  # a few outliers do not shrink the rest
    assert latent.sheet_limit(z) == latent.sheet_limit(np.concatenate([z, far])) == 3.5
    assert latent.sheet_limit(z, 3 * z) > 6
    assert latent.common_limit(z, 3 * z) > 7
