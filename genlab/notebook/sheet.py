"""Images side by side, as a picture."""

__all__ = ["sheet_of"]

from PIL import Image
from torch import Tensor

from genlab.figures.sheets import tile


def sheet_of(images: Tensor) -> Image.Image:
    """Returns one picture of images, pixel for pixel, two white ones between them.

    Arguments:
        images: uint8 with shape `(N, 3, H, W)`, or grey with shape `(N, H, W)`: light is ink, and
            the picture has it dark on white.
    """
    if images.dim() == 3:
        images = (255 - images)[:, None].expand(-1, 3, -1, -1)
    return Image.fromarray(tile(images.permute(0, 2, 3, 1).numpy()))
