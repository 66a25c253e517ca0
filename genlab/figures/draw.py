"""Draws the figures of a run directory into it."""

__all__ = ["draw_comparison", "draw_gan", "draw_priors", "draw_vae"]


from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch

from PIL import Image
from torch import Tensor

import genlab.data

from genlab.common import atomic
from genlab.common.errors import InputError
from genlab.common.progress import say
from genlab.common.quantities import QUANTITIES
from genlab.common.rng import generator, seeded
from genlab.data.digit_set import Digits
from genlab.data.image_set import ImageSet, load_images
from genlab.figures import comparison, curves, gan_pictures, grids, latent
from genlab.figures.animation import animation
from genlab.figures.gan_samples import walk_file
from genlab.figures.png import save
from genlab.gan.load import gan_config
from genlab.gan.split import split_images
from genlab.priors import PRIORS
from genlab.runs.run import Run
from genlab.vae.load import load_vae
from genlab.vae.model import VAE
from genlab.vae.results import read_comparison, read_results
from genlab.vae.splits import observed_test_images

DOTS = 3000
STOPS = 6
"""Images that the walk of a GAN run leads through."""


def posterior_dots(model: VAE, x: Tensor, seed: int) -> np.ndarray:
    """Returns one draw of q(z|x) for each image `(N, X)`: samples of q(z), `(N, D)`."""
    with torch.no_grad():
        mean, log_std = model.encode(x)
    noise = torch.randn(mean.shape, generator=generator(seed, "dots"))
    return (mean + log_std.exp() * noise).numpy()


def _panel(path: Path, digits: Digits) -> tuple[latent.Panel, VAE, np.ndarray | None]:
    """The dots of `DOTS` random test digits, the same digits for every model."""
    model, config = load_vae(path)
    rows = torch.randperm(len(digits.test), generator=generator(0, "dots of"))[:DOTS]
    dots = posterior_dots(model, observed_test_images(digits, model.likelihood)[rows], config.seed)
    results = read_results(Run(path))
    caption = ", ".join(
        f"{QUANTITIES[key].label()} {getattr(results, key).text()}"
        for key in ("elbo", "marginal_kl")
    ) + " nats"
    labels = None if digits.test_labels is None else digits.test_labels[rows].numpy()
    return latent.Panel(title=model.prior.title.en, z=dots, caption=caption), model, labels


def draw_vae(path: Path, digits: Digits | None = None) -> None:
    """Draws the figures of one VAE run into its folder `figures`.

    Arguments:
        path: The run directory.
        digits: Its digits; those where the run had them from if not given.

    Raises:
        InputError: If `path` is not a finished VAE run.
    """
    model, config = load_vae(path)
    digits = digits or genlab.data.digits(config.data)
    folder = path / "figures"
    title = model.prior.title.en
    if metrics := Run(path).metrics():  # none where nothing was learned by steps
        objective = "ln p(z)" if config.post_hoc else config.objective.upper()
        figure = curves.bound_curve(metrics, f"{title} prior", objective)
        save(figure, folder / "curve.png")
    if config.latent == 2:
        _draw_plane(path, digits)
    height, width = digits.test.shape[1:]
    x = observed_test_images(digits, model.likelihood)[_twelve(digits)]
    with torch.no_grad():
        decoded = model.decode(model.encode(x)[0])
        with seeded(config.seed, "prior samples"):
            samples = model.decode(model.prior().sample((96,)))
    shape = (-1, height, width)
    rows = [("test digits", x.view(shape).numpy()), ("decoded", decoded.view(shape).numpy())]
    save(grids.reconstruction_rows(rows, f"{title} prior"), folder / "reconstructions.png")
    drawn = grids.digit_grid(samples.view(shape).numpy(), 16, f"samples, {title} prior")
    save(drawn, folder / "samples.png")  # the last: with it all are there


def _twelve(digits: Digits) -> list[int]:
    """Rows of the first test digit of each class and two more; the first twelve without labels."""
    if digits.test_labels is None:
        return list(range(min(12, len(digits.test))))
    labels = digits.test_labels.tolist()
    return [labels.index(d) for d in range(10) if d in labels] + [len(labels) // 2, -1]


def _draw_plane(path: Path, digits: Digits) -> None:
    panel, model, labels = _panel(path, digits)
    folder = path / "figures"
    limit = latent.common_limit(panel.z)
    save(latent.aggregated_posterior(panel, limit), folder / "aggregated.png")
    points = torch.from_numpy(latent.grid_points(limit, 241)).float()
    with torch.no_grad():
        density = model.prior().log_prob(points).view(241, 241).numpy()
        side = 21
        plane = torch.from_numpy(latent.grid_points(limit * (1 - 1 / side), side)).float()
        images = model.decode(plane).view(side, side, *digits.test.shape[1:])
    save(latent.prior_density(panel, density, labels, limit), folder / "prior.png")
    upward = images.flip(0).numpy()  # the grid's first row is the lowest z2
    figure = latent.manifold(upward, limit, f"the decoded plane, {panel.title} prior")
    save(figure, folder / "manifold.png")


def draw_priors(paths: Mapping[str, Path], target: Path, digits: Digits) -> None:
    """Draws the sheet's figure for several runs in one row, on equal axes.

    The same axes are used for the single figures, which are drawn again.
    """
    panels = {name: _panel(path, digits)[0] for name, path in paths.items()}
    limit = latent.common_limit(*(panel.z for panel in panels.values()))
    save(latent.aggregated_row(list(panels.values()), limit), target)
    for name, path in paths.items():
        figure = latent.aggregated_posterior(panels[name], limit)
        save(figure, path / "figures" / "aggregated.png")


def draw_comparison(path: Path, digits: Digits | None = None) -> None:
    """Draws all priors of a finished comparison in one figure, `comparison.png`.

    Arguments:
        path: The run directory.
        digits: Its digits; those where the run had them from if not given.
    """
    results = read_comparison(Run(path))
    how = "post hoc" if results.post_hoc else "jointly"
    title = f"{results.data.name}, priors learned {how}, seeds: {results.seeds}"
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
    digits = digits or genlab.data.digits(load_vae(runs["standard"])[1].data)
    drawn = {prior: _panel(run, digits) for prior, run in runs.items()}
    limit = latent.common_limit(*(panel.z for panel, _, _ in drawn.values()))
    points = torch.from_numpy(latent.grid_points(limit, 161)).float()
    panels = []
    for prior, (panel, model, _) in drawn.items():
        with torch.no_grad():
            density = model.prior().log_prob(points).view(161, 161).numpy()
        numbers = "\n".join(
            f"{QUANTITIES[key].label()} {rows[prior].quantities[key].over_seeds.text()}"
            for key in ("prior_gap", main)
        )
        panels.append(comparison.ComparedPrior(
            title=panel.title, z=panel.z, log_density=density, caption=numbers
        ))
    save(comparison.prior_grid(panels, limit, title + "; nats"), path / "comparison.png")


def read_sheet(folder: Path) -> np.ndarray:
    """Returns the PNGs of a folder in the order of their names, with shape `(N, H, W, 3)`."""
    return np.stack([np.asarray(Image.open(p)) for p in sorted(folder.glob("*.png"))])


def draw_gan(path: Path, real: ImageSet | None = None) -> list[str]:
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

    Raises:
        InputError: If `path` is not a finished GAN run.
    """
    run = Run(path)
    if run.kind != "gan" or not run.done:
        raise InputError(f"{path}: not a finished GAN run; train it with: genlab gan train")
    drawn, rows = ["progress.png", "curve.png", "training.webp", "walk.webp"], []
    for epoch in run.results["snapshots"]:
        name = f"epoch_{epoch:03d}"
        rows.append((f"epoch {epoch}", read_sheet(path / "samples" / name)))
        save(grids.labelled_rows(rows[-1:]), path / "samples" / f"{name}.png")
    save(grids.labelled_rows(rows), path / "progress.png")
    title = f"GAN, design {run.config['design']}"
    save(curves.gan_curve(run.metrics(), title), path / "curve.png")
    frames = gan_pictures.training_frames(path, run.config["epochs"])
    shown = [min(1000, 6000 // len(frames))] * (len(frames) - 1) + [2500]
    atomic.write_bytes(path / "training.webp", animation(frames, ".webp", shown))
    walk_file(path, STOPS, run.config["seed"], path / "walk.webp")
    if (path / "generated").is_dir():
        fakes = read_sheet(path / "generated")[:60]
        atomic.write_png(path / "generated.png", grids.image_sheet(fakes, 10, 2))
        drawn.append("generated.png")
    real = real or _images_of(run)
    if real is None:
        return drawn
    learned = split_images(real.images, gan_config(run)).train
    some = torch.randperm(len(learned), generator=generator(0, "real sheet"))[:30]
    reals = learned[some].permute(0, 2, 3, 1).numpy()
    atomic.write_png(path / "real.png", grids.image_sheet(reals, 10, 2))
    found = gan_pictures.find_neighbours(path, learned, run.config["seed"])
    figure = gan_pictures.neighbour_pairs(found, real.identity.name)
    save(figure, path / "neighbours.png")
    return [*drawn, "real.png", "neighbours.png"]


def _images_of(run: Run) -> ImageSet | None:
    """The images that a GAN run is about, all; None, with a note, where they are not at hand."""
    config = gan_config(run)
    try:
        real = load_images(config.data, config.size, config.images, config.crop)
        run.refuse_other_data({"images": real.identity})
    except InputError as error:
        say(f"note: no pictures with training images (real.png, neighbours.png): {error}")
        return None
    return real
