"""The configuration of a measurement: generated images against real ones."""

__all__ = ["FEATURE_NAMES", "FidConfig"]

from dataclasses import dataclass
from typing import Literal, get_args

from tyro.conf import Positional

from genlab.errors import InputError

Features = Literal["all", "efficientnet-lite0", "inception", "inception-768"]
FEATURE_NAMES: tuple[str, ...] = get_args(Features)


@dataclass(frozen=True, kw_only=True)
class FidConfig:
    """A Fréchet distance between two sets of images."""

    real: Positional[str]
    """SOURCE of the real images: a folder or a name (see: genlab data)."""
    fake: Positional[str]
    """SOURCE of the generated images."""
    features: Features = "all"
    """The network to look with; "all": every one whose weights are at hand."""
    size: int | None = None
    """Both sets are brought to this side in pixels; by default to the generated images' own."""
    crop: Literal["centre", "subject"] = "centre"
    """The square kept of a real picture: as it was when the generator was trained."""
    inception: str | None = None
    """File with FID Inception's weights (.pth, .npz, .safetensors); "download" fetches it."""

    def __post_init__(self) -> None:
        if self.features not in FEATURE_NAMES:
            names = ", ".join(FEATURE_NAMES)
            raise InputError(f"--features {self.features}: no such network; there are {names}")
        if self.size is not None and self.size < 16:
            raise InputError(f"--size {self.size}: must be at least 16 pixels")
