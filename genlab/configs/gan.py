"""The GAN's configuration, and the recipes that fill it."""

__all__ = [
    "LENGTH", "RECIPES", "SIZE", "SIZES", "GanConfig", "RecipeName", "dcgan", "projected",
    "projected_short", "scratch",
]  # fmt: skip

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Literal

from tyro.conf import Positional, Suppress, create_mutex_group

from genlab.common.errors import InputError
from genlab.configs.checks import require_finite

SIZE = 64
"""The side of image, in pixels, unless another is asked for."""

SIZES = (64, 128, 256)
"""The sides that the generators make."""

SNAPSHOTS = (10, 30, 50)
"""The epochs that the lab sheet asks for."""

LENGTH = create_mutex_group(required=False)
"""The number of epochs or a time in minutes: one of the two is given."""

LARGEST = {
    "batch": 1_000_000, "latent": 10_000, "width": 512, "discriminator_width": 4096,
    "feature_size": 1024,
}  # fmt: skip
"""More of these fits into no machine."""

Augment = Literal["colour", "translation", "cutout"]
Network = Literal["efficientnet-lite0", "random", "pixels"]


@dataclass(frozen=True, kw_only=True)
class GanConfig:
    """A GAN on images of dogs, or of anything else."""

    data: Positional[str]
    """SOURCE of the images: a folder, or a name (see: genlab data)."""
    recipe: Suppress[Literal["projected", "scratch", "dcgan"]] = "projected"
    """projected: the discriminator looks through a frozen ImageNet network (Sauer et al., 2021);
    scratch: both networks learn from the images alone (R1 penalty, no pretrained part);
    dcgan: the textbook's (Radford et al., 2015)."""
    size: int = SIZE
    """Side of the images in pixels: 64, 128 or 256. Smaller pictures are enlarged."""
    epochs: Annotated[int, LENGTH] = 50
    """Passes over the images."""
    images: int | None = None
    """Take only the first so many images."""
    crop: Literal["centre", "subject"] = "centre"
    """The square kept of a picture: its centre, or around what an ImageNet network sees."""
    classes: Literal["none", "folders", "clusters"] = "none"
    """What images are conditioned on: nothing; the sub-folder that each lies in; the cluster of
    what an ImageNet network sees in it (k-means)."""
    clusters: int | None = None
    """clusters: how many; by the number of images (8 to 16) if not given."""
    batch: int = 16
    """Images a step."""
    snapshots: tuple[int, ...] | None = None
    """Epochs after which ten samples are drawn; those beyond the run are dropped, its last epoch
    is always among them. Not given: 10, 30 and 50."""
    latent: int = 128
    """Latent dimensions."""
    width: int = 16
    """Channels of the generator, in multiples of this."""
    discriminator_width: int = 64
    """projected: channels of the mixed features and the heads; scratch, dcgan: channels of the
    discriminator, in multiples of this."""
    feature_size: int | None = 96
    """projected: side, in pixels, to which images are brought for the ImageNet network."""
    learning_rate: float = 1e-3
    """Learning rate of the generator's Adam, betas (0, 0.99); dcgan: (0.5, 0.999)."""
    discriminator_rate: float = 1e-3
    """Learning rate of the discriminator's Adam, likewise."""
    augment: tuple[Augment, ...] = ("colour", "translation")
    """Differentiable augmentations of what the discriminator sees, in this order."""
    mirror: bool = True
    """Mirror half of the training images, anew each time."""
    r1_gamma: float | None = None
    """scratch: weight gamma of the R1 penalty gamma/2 ||grad D||^2."""
    r1_every: int | None = None
    """scratch: the penalty is taken every so many steps, and then counts so many times."""
    clip: float = 0.0
    """Gradients longer than so many times their usual length are shortened to that; 0: none is."""
    average_images: int = 10_000
    """Half-life of the generator's moving average, in images seen, at most ..."""
    average_share: float = 0.05
    """... and at most this share of the images seen so far."""
    held_out: float = 0.1
    """Part of the images that is kept from training, to measure on; copies of an image stay on
    one side. 0, or fewer than 10 such images: none is."""
    measure_every: int | None = None
    """Epochs between two measurements; 0 for none. Not given: a tenth of the run, or so that
    they take a few per cent of its time."""
    measure_with: tuple[Network, ...] = ("efficientnet-lite0", "random")
    """Networks to measure with while it trains; the first decides which generator is best."""
    measure_fakes: int = 300
    """Images drawn for each measurement."""
    seed: int = 0
    """Decides everything random."""
    checkpoints: bool = False
    """Keep two training states, half way (at a snapshot, if there is one) and a step later, for
    `genlab verify` to train between: seven times the generator's own size."""

    def __post_init__(self) -> None:
        require_finite(self)
        if self.size not in SIZES:
            raise InputError(
                f"`size` {self.size}: the generators make {', '.join(map(str, SIZES))} pixels"
            )
        for name in ("epochs", "batch", "latent", "width", "discriminator_width", "images",
                     "average_images"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise InputError(f"`{name}` {value}: must be at least 1")
        for name, most in LARGEST.items():
            if (getattr(self, name) or 0) > most:
                raise InputError(f"`{name}` {getattr(self, name)}: at most {most}")
        for name in ("learning_rate", "discriminator_rate"):
            if not getattr(self, name) > 0:
                raise InputError(f"`{name}` {getattr(self, name)}: must be above 0")
        if self.clip < 0:
            raise InputError(f"`clip` {self.clip}: must be above 0, or 0 to shorten none")
        if not 0 < self.average_share <= 0.25:
            raise InputError(
                f"`average_share` {self.average_share}: give a share above 0 and at "
                "most 0.25 (a longer average still holds the first images)"
            )
        if self.clusters is not None and self.classes != "clusters":
            raise InputError("`clusters`: belongs to `classes` clusters")
        if self.clusters is not None and self.clusters < 2:
            raise InputError(f"`clusters` {self.clusters}: must be at least 2")
        if self.checkpoints and self.epochs < 2:
            raise InputError(f"`checkpoints`: needs two `epochs` at least, not {self.epochs}")
        if any(epoch < 1 for epoch in self.snapshots or ()):
            raise InputError(f"`snapshots` {self.snapshots}: epochs are counted from 1")
        self._check_measuring()
        self._check_recipe()

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

    def _check_recipe(self) -> None:
        """Refuses options that the recipe would not use."""
        if self.recipe == "projected":
            if self.feature_size is None or self.feature_size < 32:
                raise InputError(
                    f"`feature_size` {self.feature_size}: the projected recipe needs at least 32"
                )
            if self.r1_gamma is not None or self.r1_every is not None:
                raise InputError("`r1_gamma`, `r1_every`: belong to `recipe` scratch")
            return
        if self.feature_size is not None:
            raise InputError("`feature_size`: belongs to `recipe` projected")
        if self.recipe == "dcgan":
            if self.r1_gamma is not None or self.r1_every is not None:
                raise InputError("`r1_gamma`, `r1_every`: belong to `recipe` scratch")
            return
        if self.r1_gamma is None or self.r1_gamma < 0:
            raise InputError(f"`r1_gamma` {self.r1_gamma}: the scratch recipe needs it, 0 or more")
        if self.r1_every is None or self.r1_every < 1:
            raise InputError(f"`r1_every` {self.r1_every}: the scratch recipe needs it, 1 or more")


FEATURE_SIZES = {64: 96, 128: 160, 256: 224}
"""Sides to which images of each size are brought for the ImageNet network: at most what it was
trained on (Sauer et al. take that for all), multiples of its stride 32, what two cores can do."""

SHORT_FEATURE_SIZES = {64: 64, 128: 128, 256: 160}


def projected(
    data: str, *, size: int = SIZE, epochs: int = 50, seed: int = 0, images: int | None = None
) -> GanConfig:
    """The default: a FastGAN-like generator against heads on EfficientNet-Lite0's features.

    Measured on 1,507 dog faces at 64 pixels: recognisable dogs after 10 epochs. Of the learning
    rates 2e-4 (the paper's, for batches of 64 and runs a hundred times as long), 5e-4 and 1e-3,
    the last gave the most recognisable ones.
    """
    return GanConfig(
        data=data, size=size, epochs=epochs, seed=seed, images=images,
        feature_size=FEATURE_SIZES.get(size),
    )


def projected_short(
    data: str, *, size: int = SIZE, epochs: int = 50, seed: int = 0, images: int | None = None
) -> GanConfig:
    """The default for runs of some ten thousand images, minutes on two cores.

    What is scarce then is steps: small batches, twice the learning rates, features of a
    smaller picture, no augmentation (it pays later in a run).
    """
    return GanConfig(
        data=data, size=size, epochs=epochs, seed=seed, images=images, batch=8,
        feature_size=SHORT_FEATURE_SIZES.get(size), learning_rate=2e-3, discriminator_rate=2e-3,
        augment=(),
    )


def scratch(
    data: str, *, size: int = SIZE, epochs: int = 50, seed: int = 0, images: int | None = None
) -> GanConfig:
    """No pretrained part: residual networks, the non-saturating loss with R1.

    Of an image of twice the side, each pixel counts a quarter, and there are four times as many:
    ||grad D||^2 is a quarter for the same D, so gamma grows with the number of pixels.
    """
    return GanConfig(
        data=data, size=size, epochs=epochs, seed=seed, images=images, recipe="scratch",
        # On dog faces 5e-4 with gamma 0.2 turned black by epoch 2, 2e-3 with gamma 1 by epoch 4;
        # 5e-4 with gamma 2 and 2e-4 with gamma 0.5 lived, and had only blobs by epoch 8.
        width=8, discriminator_width=8, feature_size=None, augment=("translation",),
        # Left as they are, gradients of a hundred times their usual length end one run in two:
        # the discriminator wins for good.
        r1_gamma=0.5 * (size / SIZE) ** 2, r1_every=4, clip=2.0,
    )


def dcgan(
    data: str, *, size: int = SIZE, epochs: int = 50, seed: int = 0, images: int | None = None
) -> GanConfig:
    """The textbook's GAN, to see the difference: DCGAN's networks, loss, rates and widths.

    No augmentation, not even mirrored images. The one departure is the batch, 16 in place of 128
    (64 in PyTorch's example): as many updates as of the other recipes, or a few hundred images
    would make a few hundred steps, and the difference seen would be theirs.
    """
    return GanConfig(
        data=data, size=size, epochs=epochs, seed=seed, images=images, recipe="dcgan",
        latent=100, width=64, discriminator_width=64, feature_size=None, learning_rate=2e-4,
        discriminator_rate=2e-4, augment=(), mirror=False,
    )


RECIPES: dict[str, Callable[..., GanConfig]] = {
    "projected": projected,
    "projected-short": projected_short,
    "scratch": scratch,
    "dcgan": dcgan,
}
"""The recipes by name."""
RecipeName = Literal["projected", "projected-short", "scratch", "dcgan"]
