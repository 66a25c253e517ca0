"""The configuration of a GAN, and recipes: sets of defaults for it."""

__all__ = [
    "LENGTH", "RECIPES", "SIZE", "SIZES", "GanConfig", "RecipeName", "dcgan", "projected",
    "projected_short", "scratch",
]  # fmt: skip

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from tyro.conf import Positional, Suppress, create_mutex_group

from genlab.common.errors import InputError
from genlab.common.identity import Crop
from genlab.configs.checks import require_finite, require_keep
from genlab.configs.design import DESIGN_SIGNATURES, DesignName, DesignOptions

SIZE = 64
"""The side of image, in pixels, unless another is asked for."""

SIZES = (32, 64, 128, 256, 512)
"""The sides that the generators make."""

SNAPSHOTS = (10, 30, 50)
"""The epochs that the lab sheet asks for."""

LENGTH = create_mutex_group(required=False)
"""The number of epochs or a time in minutes: one of the two is given."""

LARGEST = {"batch": 1_000_000, "latent": 10_000}
"""Upper limits; larger values would not fit into memory."""

Augment = Literal["colour", "translation", "cutout"]
Network = Literal["efficientnet-lite0", "random", "pixels"]


@dataclass(frozen=True, kw_only=True)
class GanConfig:
    """The training of a GAN."""

    data: Positional[str]
    """SOURCE of the images: a folder, a zip, arrays, or a name (see: genlab data)."""
    design: Suppress[DesignName] = "projected"
    """The GAN's design: its networks and losses."""
    design_options: Suppress[DesignOptions] = field(default_factory=dict)
    """The design's options; each design has its own defaults. (A configuration holds all.)"""
    size: int = SIZE
    """The side of the images in pixels: 32, 64, 128, 256 or 512. Smaller pictures are enlarged."""
    epochs: Annotated[int, LENGTH] = 50
    """Passes over the images; with --from, further ones."""
    start: Annotated[str | None, tyro.conf.arg(name="from")] = None
    """Go on from a finished GAN run, with the networks that it ended with. Of the same images,
    with the same options, it is as if that run had had more epochs. (A run's configuration holds
    the way there from its own folder.)"""
    images: int | None = None
    """The number of images to take, the first ones; all if not given."""
    crop: Crop = "centre"
    """The square taken of a picture: its centre; around the subject that an ImageNet network
    finds; around a dog's head (face); or around the rectangle that a Pascal VOC file or a .csv in
    the folder gives (boxes). Photographs without head or rectangle are left out."""
    keep: float = 1.0
    """The share of the images to learn from, 0.05 to 1: the most typical ones, by the density of
    an ImageNet network's features and, with the crop face, by how sure the heads are. A generator
    then draws better images, and fewer of their kinds."""
    classes: Literal["none", "folders", "clusters"] = "none"
    """The classes that images are conditioned on: none; the sub-folder that each lies in; its
    cluster in the features of an ImageNet network (k-means)."""
    clusters: int | None = None
    """clusters: their number; 8 to 16, by the number of images, if not given."""
    batch: int = 16
    """Images per step."""
    snapshots: tuple[int, ...] | None = None
    """Epochs after which ten samples are drawn; the last epoch is always one of them. Not given:
    10, 30 and 50."""
    latent: int = 128
    """Latent dimensions."""
    learning_rate: float = 1e-3
    """Learning rate of the generator's Adam; its betas are the design's."""
    discriminator_rate: float = 1e-3
    """Learning rate of the discriminator's Adam, likewise."""
    augment: tuple[Augment, ...] = ("colour", "translation")
    """Differentiable augmentations of the discriminator's input, in this order."""
    mirror: bool = True
    """Mirror half of the training images at random."""
    clip: float = 0.0
    """The longest gradient, in multiples of its usual length; longer ones are clipped; 0: none."""
    average_images: int = 10_000
    """The half-life of the generator's moving average, in images, is at most this ..."""
    average_share: float = 0.05
    """... and at most this share of the images seen so far."""
    held_out: float = 0.1
    """The share of the images that is held out from training, to measure on; copies of an image
    stay together. Fewer than 10 images are not held out."""
    measure_every: int | None = None
    """Epochs between two measurements; 0 for none. Not given: a tenth of the run, or more if they
    would take more than a few per cent of its time."""
    measure_with: tuple[Network, ...] = ("efficientnet-lite0", "random")
    """Networks to measure with during training; the best generator is chosen by the first."""
    measure_fakes: int = 300
    """Images generated for each measurement."""
    seed: int = 0
    """The seed of all random numbers."""
    checkpoints: bool = False
    """Keep two training states, half way (at a snapshot, if there is one) and a step later, for
    `genlab verify` to train between: seven times the generator's own size."""

    def __post_init__(self) -> None:
        require_finite(self)
        if self.size not in SIZES:
            raise InputError(
                f"`size` {self.size}: the generators make {', '.join(map(str, SIZES))} pixels"
            )
        if self.design in DESIGN_SIGNATURES.rows:  # else one from elsewhere, given as an object
            options = DESIGN_SIGNATURES.complete(self.design, self.design_options)
            object.__setattr__(self, "design_options", options)
        for name in ("epochs", "batch", "latent", "images", "average_images"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise InputError(f"`{name}` {value}: must be at least 1")
        for name, most in LARGEST.items():
            if (getattr(self, name) or 0) > most:
                raise InputError(f"`{name}` {getattr(self, name)}: at most {most}")
        for name in ("learning_rate", "discriminator_rate"):
            if not getattr(self, name) > 0:
                raise InputError(f"`{name}` {getattr(self, name)}: must be above 0")
        require_keep(self.keep)
        if self.clip < 0:
            raise InputError(f"`clip` {self.clip}: must be above 0, or 0 to clip none")
        if not 0 < self.average_share <= 0.25:
            raise InputError(
                f"`average_share` {self.average_share}: give a share above 0 and at "
                "most 0.25 (a longer average still holds the first images)"
            )
        if self.clusters is not None and self.classes != "clusters":
            raise InputError("`clusters`: belongs to `classes` clusters")
        if self.clusters is not None and self.clusters < 2:
            raise InputError(f"`clusters` {self.clusters}: must be at least 2")
        if self.checkpoints and self.start is not None:
            raise InputError(
                "`checkpoints`: not of a run that goes on `from` another (genlab verify replays "
                "what begins at the seed)"
            )
        if self.checkpoints and self.epochs < 2:
            raise InputError(f"`checkpoints`: needs two `epochs` at least, not {self.epochs}")
        if any(epoch < 1 for epoch in self.snapshots or ()):
            raise InputError(f"`snapshots` {self.snapshots}: epochs are counted from 1")
        self._check_measuring()

    @property
    def snapshot_epochs(self) -> tuple[int, ...]:
        """The epochs of the snapshots: those asked for that the run has, and its last."""
        kept = {epoch for epoch in self.snapshots or SNAPSHOTS if epoch <= self.epochs}
        return tuple(sorted(kept | {self.epochs}))

    def _check_measuring(self) -> None:
        if not 0 <= self.held_out <= 0.5:
            raise InputError(f"`held_out` {self.held_out}: give a part from 0 to 0.5")
        if self.measure_every is not None and self.measure_every < 0:
            raise InputError(f"`measure_every` {self.measure_every}: must be 0 or more")
        if not self.measure_with:
            raise InputError("`measure_with`: name a network; `measure_every` 0 measures nothing")
        if self.measure_fakes < 16:
            raise InputError(f"`measure_fakes` {self.measure_fakes}: at least 16, better 300")


def projected(
    data: str, *, size: int = SIZE, epochs: int = 50, seed: int = 0, images: int | None = None
) -> GanConfig:
    """The default: a projected GAN.

    Of the learning rates 2e-4 (the paper's, for batches of 64 and runs a hundred times as long),
    5e-4 and 1e-3, the last gave the most recognisable dogs after 10 epochs of 1,507 faces.
    """
    return GanConfig(data=data, size=size, epochs=epochs, seed=seed, images=images)


def projected_short(
    data: str, *, size: int = SIZE, epochs: int = 50, seed: int = 0, images: int | None = None
) -> GanConfig:
    """The default for runs of some ten thousand images, minutes on two cores.

    Steps are scarce then: small batches, twice the learning rates, features of a smaller
    picture, no augmentation (it helps later in a run).
    """
    return GanConfig(
        data=data, size=size, epochs=epochs, seed=seed, images=images, batch=8,
        design_options={"feature_size": "small"}, learning_rate=2e-3, discriminator_rate=2e-3,
        augment=(),
    )


def scratch(
    data: str, *, size: int = SIZE, epochs: int = 50, seed: int = 0, images: int | None = None
) -> GanConfig:
    """No pretrained part: residual networks, the non-saturating loss with R1.

    On dog faces a learning rate of 5e-4 with gamma 0.2 turned black by epoch 2, 2e-3 with gamma 1
    by epoch 4; 5e-4 with gamma 2 and 2e-4 with gamma 0.5 survived, and had only blobs by epoch 8.
    """
    return GanConfig(
        data=data, size=size, epochs=epochs, seed=seed, images=images, design="scratch",
        augment=("translation",),
        # Without clipping, gradients of a hundred times their usual length end one run in two:
        # the discriminator wins for good.
        clip=2.0,
    )


def dcgan(
    data: str, *, size: int = SIZE, epochs: int = 50, seed: int = 0, images: int | None = None
) -> GanConfig:
    """The textbook's GAN, for comparison: DCGAN's networks, loss, rates and widths.

    No augmentation, not even mirrored images. The one departure is the batch, 16 in place of 128
    (64 in PyTorch's example): as many updates as with the other recipes. A few hundred images
    would otherwise make a few hundred steps, and that would be the difference seen.
    """
    return GanConfig(
        data=data, size=size, epochs=epochs, seed=seed, images=images, design="dcgan", latent=100,
        learning_rate=2e-4, discriminator_rate=2e-4, augment=(), mirror=False,
    )


RECIPES: dict[str, Callable[..., GanConfig]] = {
    recipe.__name__.replace("_", "-"): recipe
    for recipe in (projected, projected_short, scratch, dcgan)
}
"""The recipes by name: sets of defaults."""

if TYPE_CHECKING:
    RecipeName = str
else:
    RecipeName = Literal[tuple(RECIPES)]
