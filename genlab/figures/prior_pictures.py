"""The images under each prior of a comparison, measured and drawn, a row a prior."""

__all__ = ["draw_prior_pictures", "show_comparison"]

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from torch import Tensor

from genlab.common.paths import from_way
from genlab.common.quantities import Measured
from genlab.common.rng import generator
from genlab.data.image_splits import ImageSplits
from genlab.data.paper import as_rgb
from genlab.fid.prior_pictures import FIRST, PriorPictures, measure_priors
from genlab.fid.results import Measurement
from genlab.figures import grids
from genlab.figures.draw import draw_comparison
from genlab.figures.language import pick
from genlab.figures.style import save, there
from genlab.gan.sampling import sample
from genlab.runs.run import Run
from genlab.vae.compare import compare_config
from genlab.vae.latents.sampling import decoded_codes, decoded_draws
from genlab.vae.splits import Data

IN_A_ROW = 10
"""Images under each prior."""


def show_comparison(
    path: Path, data: Data, inception: str | None = None, languages: Sequence[str] | None = None
) -> PriorPictures | None:
    """Draws a finished comparison; if it is to have pictures, measures and draws these first.

    Arguments:
        path: The folder of the comparison.
        data: Its images, or its table.
        inception: Where FID Inception's weights are, as `FidConfig.inception` says.
        languages: Languages of the pictures' figure; those drawn before if not given.

    Returns:
        What was measured of the pictures; None if there are to be none.

    Raises:
        InputError: As of `measure_priors`.
    """
    found = None
    if isinstance(data, ImageSplits) and compare_config(Run(path)).pictures:
        found = measure_priors(path, data, inception)
        draw_prior_pictures(path, found, data, languages)
    draw_comparison(path, data)  # its figure is the last: with it all is there
    return found


def draw_prior_pictures(
    path: Path, results: PriorPictures, images: ImageSplits,
    languages: Sequence[str] | None = None,
) -> None:
    """Draws images under each prior of a comparison, a row each: `pictures.png`.

    Above them stand training images, and decoded codes of such; below the GAN's, if there is one.

    Arguments:
        path: The folder of the comparison.
        results: What was measured of the images.
        images: Its images.
        languages: Languages of the figure; those drawn before if not given.

    Raises:
        InputError: If something of the comparison is damaged.
    """
    config = compare_config(Run(path))
    base = path / "standard" / FIRST
    some = torch.randperm(len(images.train), generator=generator(0, "real row"))[:IN_A_ROW]
    seed = results.limit.seed or 0

    def row(rgb: Tensor) -> np.ndarray:
        return rgb.permute(0, 2, 3, 1).numpy()

    reals = row(as_rgb(images.train[some].flatten(1), images.shape))
    decoded = decoded_codes(base, images, results.n, seed)[:IN_A_ROW]
    codes = row(as_rgb(decoded, images.shape))
    drawn = {
        of: row(decoded_draws(
            path / of.prior / FIRST, IN_A_ROW, seed, config.guidance if of.guided else 0
        ))
        for of in results.rows
    }
    gan = None
    if config.gan is not None and results.gan is not None:
        gan = row(sample(from_way(path, config.gan), IN_A_ROW, seed))

    def rows(lang: str) -> list[tuple[str, np.ndarray]]:
        def label(zh: str, en: str, one: Measurement) -> str:
            distance = one.distances[-1]
            short = distance.label.split(" (")[0]  # the table says which network it is of
            return f"{pick(lang, zh, en)}\n{short} {Measured(distance.distance.value)}"

        found = [
            (pick(lang, "训练图像", "Training images"), reals),
            (label("解码的编码", "Decoded codes", results.limit), codes),
        ]
        for of, one in results.rows.items():
            title = of.title.capitalised()
            found.append((label(title.zh, title.en, one), drawn[of]))
        if gan is not None and results.gan is not None:
            found.append((label("GAN", "GAN", results.gan), gan))
        return found

    languages = languages or there(path / "pictures.png")
    save(lambda lang: grids.labelled_rows(rows(lang), 3.4), path / "pictures.png", languages)
