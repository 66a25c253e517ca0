"""Draws the figures of a run directory into it."""

__all__ = ["draw_comparison", "draw_gan", "draw_priors", "draw_vae"]

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from torch import Tensor

from genlab.common import atomic
from genlab.common.errors import InputError
from genlab.common.progress import say
from genlab.common.quantities import QUANTITIES
from genlab.common.rng import generator, seeded
from genlab.common.text import Title
from genlab.data.image_set import ImageSet
from genlab.data.image_splits import ImageSplits
from genlab.data.paper import on_paper, shown
from genlab.data.tables.table import Table
from genlab.figures import comparison, curves, gan_pictures, grids, latent, scatter
from genlab.figures.animation import animation
from genlab.figures.language import pick
from genlab.figures.outputs.samples import of_gan, walk_file
from genlab.figures.sheets import read_sheet
from genlab.figures.style import literal, save, there
from genlab.gan.images import training_images
from genlab.gan.load import gan_config
from genlab.gan.results import read_gan_results
from genlab.gan.split import split_images
from genlab.priors import PRIORS
from genlab.runs.run import Run
from genlab.vae.latents.rows import drawn_rows
from genlab.vae.load import load_vae
from genlab.vae.model import VAE
from genlab.vae.results import VaeResults, read_comparison, read_results
from genlab.vae.splits import Data, observed_test_images, open_data
from genlab.vae.standardise import standard_coordinates

DOTS = 3000
SHEET_DOTS = 700
"""Dots of the lab sheet's figure: few enough to show the gaps between its arms."""
ROWS = 1000
"""Rows of a table that a figure shows."""
STOPS = 6
"""The number of images that the walk of a GAN run passes through."""


def posterior_dots(model: VAE, x: Tensor, seed: int) -> np.ndarray:
    """Returns one draw of q(z|x) for each image `(N, X)`: samples of q(z), `(N, D)`."""
    with torch.no_grad():
        q = model.posterior(x)
        noise = torch.randn(q.mean.shape, generator=generator(seed, "dots"))
        return q.sample(noise).numpy()


@dataclass(frozen=True, eq=False)
class Plane:
    """A model with a two-dimensional latent, and codes of random test images, the same for all."""

    model: VAE
    results: VaeResults
    dots: np.ndarray
    """Samples of the aggregated posterior, with shape `(N, 2)`."""
    labels: np.ndarray | None
    """The class of each, with shape `(N,)`, where it is known."""
    names: dict[int, str]
    """The names of the classes."""

    def raw(self, lang: str = "en") -> latent.Panel:
        """Returns the plane in the model's own coordinates."""
        return latent.Panel(title=self._title(lang), z=self.dots, numbers=self._numbers(lang))

    def of_sheet(self, lang: str = "en") -> latent.Panel:
        """Returns the plane for the lab sheet's figure, standardised if the prior is learned.

        N(0, I) is drawn behind the dots. A prior without parameters fixes the coordinates.
        """
        dots, moments = self.dots[:SHEET_DOTS], self.results.aggregated
        fixed = next(self.model.prior.parameters(), None) is None
        if fixed or moments is None:
            return latent.Panel(title=self._title(lang), z=dots)
        z = standard_coordinates(moments).forward(torch.from_numpy(dots).double())
        return latent.Panel(title=self._title(lang), z=z.numpy(), standardised=True)

    def _title(self, lang: str) -> str:
        title = self.model.prior.title.capitalised()
        return pick(lang, *title)

    def _numbers(self, lang: str) -> list[str]:
        shown = ((key, getattr(self.results, key)) for key in ("elbo", "marginal_kl"))
        return [f"{QUANTITIES[key].label(lang)} {value}" for key, value in shown]


def _plane(path: Path, digits: Data) -> Plane:
    model, config = load_vae(path)
    rows = torch.randperm(len(digits.test), generator=generator(0, "dots of"))[:DOTS]
    dots = posterior_dots(model, observed_test_images(digits, model.likelihood)[rows], config.seed)
    labels = None if digits.test_labels is None else digits.test_labels[rows].numpy()
    classes = set() if labels is None else set(labels.tolist())
    names = {label: digits.class_name(label) for label in classes}
    return Plane(model, read_results(Run(path)), dots, labels, names)


def draw_vae(
    path: Path, digits: Data | None = None, languages: Sequence[str] | None = None
) -> None:
    """Draws the figures of one VAE run into its folder `figures`.

    Arguments:
        path: The run directory.
        digits: Its digits; those where the run had them from if not given.
        languages: Languages of the figures; those drawn before if not given.

    Raises:
        InputError: If `path` is not a finished VAE run.
    """
    model, config = load_vae(path)
    digits = digits or open_data(config)
    folder = atomic.make_within(path, "figures")
    languages = languages or there(folder / "samples.png")
    title = model.prior.title.capitalised()
    if metrics := Run(path).metrics():  # none where nothing was learned by steps
        objective = "ln p(z)" if config.post_hoc else config.objective.upper()
        save(
            lambda lang: curves.bound_curve(metrics, pick(lang, *title), objective, lang),
            folder / "curve.png", languages,
        )
    if config.dimensions == 2:
        _draw_plane(path, digits, languages)
    if isinstance(digits, Table):
        _draw_rows(path, digits, title, config.seed, languages)
        return
    x = observed_test_images(digits, model.likelihood)[_twelve(digits)]
    with torch.no_grad():
        decoded = model.decode(model.posterior(x).centre)
        with seeded(config.seed, "prior samples"):
            samples = model.decode(model.prior().sample((96,)))
    before, after, drawn = (
        _shown(t, digits) for t in (model.likelihood.to_grey(x), decoded, samples)
    )

    def rows(lang: str) -> list[tuple[str, np.ndarray]]:
        return [(pick(lang, "测试图像", "test images"), before),
                (pick(lang, "重建", "decoded"), after)]

    save(
        lambda lang: grids.reconstruction_rows(rows(lang), pick(lang, *title)),
        folder / "reconstructions.png", languages,
    )
    save(
        lambda lang: grids.image_grid(drawn, 16, pick(lang, *title)), folder / "samples.png",
        languages,
    )  # the last: with it all are there


def _draw_rows(
    path: Path, rows: Table, title: Title, seed: int, languages: Sequence[str]
) -> None:
    """Draws test rows of a table beside as many that its VAE draws."""
    some = torch.randperm(len(rows.test), generator=generator(0, "dots of"))[:ROWS]
    test, drawn = rows.test[some].numpy(), drawn_rows(path, len(some), seed)
    save(
        lambda lang: scatter.rows_beside(
            test, drawn, rows.scale.columns, pick(lang, *title), lang
        ),
        path / "figures" / "samples.png", languages,
    )


def _shown(values: Tensor, digits: ImageSplits) -> np.ndarray:
    """Returns rows of values as images as they are shown, uint8 with shape `(*, H, W, 3)`."""
    return shown(values, digits.shape, on_paper(digits.test))


def _twelve(digits: ImageSplits) -> list[int]:
    """Returns rows of test images: the first of each of ten classes and two more, or the first."""
    if digits.test_labels is None:
        return list(range(min(12, len(digits.test))))
    labels = digits.test_labels.tolist()
    return [labels.index(one) for one in sorted(set(labels))[:10]] + [len(labels) // 2, -1]


def _draw_plane(path: Path, digits: Data, languages: Sequence[str]) -> None:
    plane, folder = _plane(path, digits), path / "figures"
    limit = latent.sheet_limit(plane.of_sheet().z)
    save(
        lambda lang: latent.aggregated_posterior(plane.of_sheet(lang), limit),
        folder / "aggregated.png", languages,
    )
    limit = latent.common_limit(plane.dots)
    points = torch.from_numpy(latent.grid_points(limit, 241)).float()
    with torch.no_grad():
        density = plane.model.prior().log_prob(points).view(241, 241).numpy()
    save(
        lambda lang: latent.prior_density(
            plane.raw(lang), density, plane.labels, limit, lang, plane.names
        ), folder / "prior.png", languages,
    )
    if isinstance(digits, Table):
        return
    side = 21
    grid = torch.from_numpy(latent.grid_points(limit * (1 - 1 / side), side)).float()
    with torch.no_grad():
        images = plane.model.decode(grid).view(side, side, -1)
    upward = _shown(images.flip(0), digits)  # the grid's first row is the lowest z2
    save(
        lambda lang: latent.manifold(upward, limit, plane.raw(lang).title),
        folder / "manifold.png", languages,
    )


def draw_priors(
    paths: Sequence[Path], target: Path, digits: ImageSplits, languages: Sequence[str] = ("en",)
) -> None:
    """Draws the lab sheet's figure for several runs in one row, on equal axes."""
    planes = [_plane(path, digits) for path in paths]
    limit = latent.sheet_limit(*(plane.of_sheet().z for plane in planes))
    save(
        lambda lang: latent.aggregated_row([plane.of_sheet(lang) for plane in planes], limit),
        target, languages,
    )


def draw_comparison(path: Path, digits: Data | None = None) -> None:
    """Draws all priors of a finished comparison in one figure, `comparison.png`.

    Arguments:
        path: The run directory.
        digits: Its digits; those where the run had them from if not given.
    """
    results = read_comparison(Run(path))
    how = "post hoc" if results.post_hoc else "jointly"
    title = f"{literal(results.data.name)}, priors learned {how}, seeds: {results.seeds}"
    rows, main = results.priors, results.headline
    if results.latent != 2:
        compared = {
            PRIORS[prior].title.en: row.differences[main]
            for prior, row in rows.items() if main in row.differences
        }
        figure = comparison.differences(compared, QUANTITIES[main].label(), title)
        save(figure, path / "comparison.png")
        return
    runs = {prior: path / prior / "0" for prior in rows}
    digits = digits or open_data(load_vae(runs["standard"])[1])
    drawn = {prior: _plane(run, digits) for prior, run in runs.items()}
    limit = latent.common_limit(*(plane.dots for plane in drawn.values()))
    points = torch.from_numpy(latent.grid_points(limit, 161)).float()
    panels = []
    for prior, plane in drawn.items():
        with torch.no_grad():
            density = plane.model.prior().log_prob(points).view(161, 161).numpy()
        numbers = "\n".join(
            f"{QUANTITIES[key].label()} {rows[prior].quantities[key].over_seeds.text()}"
            for key in ("prior_gap", main)
        )
        panels.append(comparison.ComparedPrior(
            title=plane.model.prior.title.en, z=plane.dots, log_density=density, caption=numbers
        ))
    save(comparison.prior_grid(panels, limit, title + "; nats"), path / "comparison.png")


def draw_gan(
    path: Path, real: ImageSet | None = None, languages: Sequence[str] | None = None
) -> list[str]:
    """Draws the pictures of a finished GAN run into it; returns their names.

    samples/epoch_NNN.png, progress.png   the snapshots' images, a row an epoch
    curve.png                             losses and scores
    training.webp                         the same latents' images over training
    walk.webp                             a closed walk between images
    generated.png, real.png               some of both, where they are at hand
    neighbours.png                        generated images beside their nearest training images

    Arguments:
        path: The run directory.
        real: Its images, those held out among them; looked for where the run had them from if not
            given. Where they are not to be had, the pictures with real images are left out, with
            a note.
        languages: Languages of the figures in a report; those that are there if not given.

    Raises:
        InputError: If `path` is not a finished GAN run.
    """
    run = Run(path)
    if run.kind != "gan" or not run.done:
        raise InputError(f"{path}: not a finished GAN run; train it with: genlab gan train")
    config, languages = gan_config(run), languages or there(path / "progress.png")
    drawn, rows = ["progress.png", "curve.png", "training.webp", "walk.webp"], {}
    for epoch in read_gan_results(run).snapshots:
        name = f"epoch_{epoch:03d}"
        rows[epoch] = read_sheet(path / "samples" / name)
        one = grids.labelled_rows([(f"epoch {epoch}", rows[epoch])])
        save(one, path / "samples" / f"{name}.png")

    def labelled(lang: str) -> list[tuple[str, np.ndarray]]:
        return [(pick(lang, f"第{epoch}轮", f"epoch {epoch}"), row) for epoch, row in rows.items()]

    save(lambda lang: grids.labelled_rows(labelled(lang)), path / "progress.png", languages)
    design = literal(config.design)
    metrics = run.metrics()
    save(
        lambda lang: curves.gan_curve(
            metrics, pick(lang, f"GAN，设计：{design}", f"GAN, design: {design}"), lang
        ),
        path / "curve.png", languages,
    )
    frames = gan_pictures.training_frames(path, config.epochs)
    shown = [min(1000, 6000 // len(frames))] * (len(frames) - 1) + [2500]
    atomic.write_bytes(path / "training.webp", animation(frames, ".webp", shown))
    walk_file(of_gan(path, config.seed), STOPS, path / "walk.webp")
    if (path / "generated").is_dir():
        fakes = read_sheet(path / "generated")[:60]
        atomic.write_png(path / "generated.png", grids.image_sheet(fakes, 10, 2))
        drawn.append("generated.png")
    real = real or _images_of(run)
    if real is None:
        return drawn
    images, learned = real.images, split_images(real.images, config).rows
    some = torch.randperm(len(learned), generator=generator(0, "real sheet"))[:30]
    reals = images[learned[some]].permute(0, 2, 3, 1).numpy()
    atomic.write_png(path / "real.png", grids.image_sheet(reals, 10, 2))
    found = gan_pictures.find_neighbours(path, images, learned, config.seed)
    figure = gan_pictures.neighbour_pairs(found, real.identity.name)
    save(figure, path / "neighbours.png")
    return [*drawn, "real.png", "neighbours.png"]


def _images_of(run: Run) -> ImageSet | None:
    """The images that a GAN run is about, all; None, with a note, where they are not at hand."""
    config = gan_config(run)
    try:
        real = training_images(config)
        run.refuse_other_data({"images": real.identity})
    except InputError as error:
        say(f"note: no pictures with training images (real.png, neighbours.png): {error}")
        return None
    return real
