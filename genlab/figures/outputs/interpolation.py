"""Two images, their decoded codes, and what lies between them, side by side."""

__all__ = ["interpolation"]

from pathlib import Path

import numpy as np
import torch

from torch import Tensor

from genlab.common import atomic
from genlab.common.errors import InputError
from genlab.common.formats.files import read_file
from genlab.common.formats.picture import LARGEST
from genlab.common.rng import generator
from genlab.data.decode import decode, decoding
from genlab.data.paper import on_paper, shown
from genlab.figures.sheets import image_sheet
from genlab.runs.run import Run
from genlab.vae.latents.walk import between
from genlab.vae.likelihoods import Likelihood
from genlab.vae.load import load_vae, require_images
from genlab.vae.splits import TEST_SEED, grey, observed_test_images, open_images

MOST = 1000
"""Pictures of a row."""


def interpolation(run: Path, ends: tuple[str, str], steps: int, out: Path) -> None:
    """Writes the two images and, between them, the decoded means on the way, as one row.

    Ink on paper is shown dark on white.

    Arguments:
        run: The run directory of a VAE.
        ends: Two picture files or numbers of test images.
        steps: The number of decoded pictures, those of the two codes among them.
        out: The PNG.

    Raises:
        InputError: If there are no such images, they are of another size, or in colour where
            the VAE takes grey ones, `steps` is under 2, or `out` is no .png.
    """
    if not 2 <= steps <= MOST:
        raise InputError(f"`steps` {steps}: from 2 to {MOST}")
    if out.suffix.lower() != ".png":
        raise InputError(f"`out` {out}: a PNG is written; end the name in .png")
    model, config = load_vae(run)
    require_images(Run(run), "an interpolation")
    identity = Run(run).data("images")
    test = None
    if any(end.isdecimal() for end in ends):
        test = observed_test_images(open_images(config), model.likelihood)
    x = torch.stack([_image(end, test, identity.shape, model.likelihood) for end in ends])
    way = between(model, x, steps) / 255
    given = model.likelihood.to_grey(x)
    row, shape = torch.cat([given[:1], way, given[1:]]), identity.shape
    paper = on_paper((255 * row).round().byte().view(-1, *shape))
    sheet = image_sheet(shown(row, shape, paper), len(row))
    atomic.write_output(out, atomic.png_bytes(sheet), run)


def _image(
    end: str, test: Tensor | None, shape: tuple[int, ...], likelihood: Likelihood
) -> Tensor:
    """Returns an image of a file or of `test` as the likelihood observes it, `(X,)`."""
    if test is not None and end.isdecimal():
        if int(end) >= len(test):
            raise InputError(f"test image {end}: the last is {len(test) - 1}")
        return test[int(end)]
    with decoding():
        picture = np.asarray(decode(read_file(Path(end), LARGEST), end))
    height, width = picture.shape[:2]
    if (height, width) != tuple(shape[-2:]):
        raise InputError(
            f"{end}: {width}x{height} pixels; this VAE takes {shape[-1]}x{shape[-2]}"
        )
    levels = torch.from_numpy(picture.copy()).permute(2, 0, 1)[None]
    if len(shape) == 2:
        if not (picture == picture[..., :1]).all():
            raise InputError(f"{end}: a picture in colour; this VAE takes grey ones")
        levels = levels[:, 0]
    return likelihood.observe(grey(levels), generator(TEST_SEED, "a picture"))[0]
