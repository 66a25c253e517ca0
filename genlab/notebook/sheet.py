"""Images side by side, as a picture."""

__all__ = ["sheet_of"]

from PIL import Image
from torch import Tensor

from genlab.data.paper import on_paper
from genlab.figures.sheets import tile


def sheet_of(images: Tensor) -> Image.Image:
    """Returns one picture of images, pixel for pixel, two white ones between them.

    Arguments:
        images: uint8 with shape `(N, 3, H, W)`, or grey with shape `(N, H, W)`. Grey images
            that are ink on paper (`genlab.data.paper`) are dark on white, others as they are.
    """
    if images.dim() == 3:
        shown = 255 - images if on_paper(images) else images
        images = shown[:, None].expand(-1, 3, -1, -1)
    return Image.fromarray(tile(images.permute(0, 2, 3, 1).numpy()))
