"""The lab sheet's configuration: what `quick` and `full` mean."""

__all__ = [
    "DOGS_VAE", "LAB_PRIORS", "PRESETS", "LabConfig", "Preset", "dogs_vae_config", "seed_of",
    "vae_configs",
]  # fmt: skip

import hashlib
import unicodedata

from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Literal

import tyro

from genlab.common.checks import require_choice
from genlab.common.errors import InputError
from genlab.common.identity import Crop
from genlab.configs import compare
from genlab.configs.compare import MOST_PICTURES, CompareConfig
from genlab.configs.fid import FEWEST
from genlab.configs.gan import RECIPES, GanConfig, RecipeName
from genlab.configs.prior import PRIOR_SIGNATURES
from genlab.configs.vae import VaeConfig

LAB_PRIORS = ("standard", "mixture", "vamp")
"""The priors of the lab sheet, in its order."""
DOGS_VAE = "dogs-vae"
"""The further part of a lab, and its folder within the run."""
LONGEST_NUMBER = 18
"""Digits of a seed: below 2^63."""


@dataclass(frozen=True, kw_only=True)
class Preset:
    """How much work a lab run is."""

    mnist: str
    """The digits' SOURCE unless another is given."""
    dogs: str
    """The dogs' SOURCE unless another is given."""
    vae_epochs: int
    vae_batch: int
    components: int
    importance: int
    """Draws per digit of the importance-sampled likelihood."""
    gan_images: int | None
    """Train the GAN on the first so many images; None for all."""
    recipe: str
    """The GAN's recipe unless another is given."""
    dogs_vae: dict[str, Any] = field(default_factory=dict)
    """Of the comparison of priors on the dogs, what differs from its recipe `pictures`."""


PRESETS = {
    "quick": Preset(
        mnist="mnist-5k", dogs="toydogs:240", vae_epochs=100, vae_batch=100, components=32,
        importance=200, gan_images=240, recipe="projected-short",
        dogs_vae={
            "priors": LAB_PRIORS, "components": 8, "latent": "4x4x8", "width": 16, "epochs": 12,
        },
    ),
    "full": Preset(
        mnist="mnist", dogs="dogs", vae_epochs=50, vae_batch=256, components=100, importance=500,
        gan_images=None, recipe="projected",
    ),
}


@dataclass(frozen=True, kw_only=True)
class LabConfig:
    """The whole lab sheet."""

    preset: Literal["quick", "full"] = "quick"
    """quick: embedded data, minutes; full: MNIST and dogs, an hour and more."""
    mnist: str | None = None
    """SOURCE of the digits (see: genlab data); the preset decides if not given."""
    dogs: str | None = None
    """SOURCE of the dogs: a folder or a name; the preset decides if not given."""
    crop: Crop | None = None
    """The square taken of a dog's picture: its centre; around the subject that an ImageNet network
    finds; around the dog's head (face); or around the rectangle that a Pascal VOC file or a .csv
    in the folder gives (boxes). Photographs without head or rectangle are left out. Not given:
    face, where most pictures are whole photographs of dogs, else centre."""
    name: str | None = None
    """The author's name, for the report (can be set later: genlab submit)."""
    id: str | None = None
    """The author's student number, likewise."""
    lang: Literal["zh", "en"] = "zh"
    """Language of the report."""
    recipe: RecipeName | None = None
    """The GAN's recipe (see: genlab gan train --help); the preset decides if not given
    (projected-short, projected)."""
    inception: str | None = None
    """File of FID Inception weights; without it the cache is looked at (see: genlab doctor)."""
    vae_epochs: int | None = None
    """Epochs of each VAE; the preset decides if not given."""
    gan_epochs: int = 50
    """Epochs of the GAN."""
    gan_images: int | None = None
    """Train the GAN on the first so many images only; the preset decides if not given."""
    fakes: int = 300
    """Images to generate and to measure."""
    seed: int | None = None
    """Decides everything random; the student number if not given, 0 without one."""
    checkpoints: bool = False
    """Keep two training states of each network, half way and some steps later, for `genlab verify
    --level replay` to train between: the code archive has 150 MB then, not 30."""
    extra: Annotated[tuple[Literal["dogs-vae"], ...], tyro.conf.arg(name="with")] = ()
    """Further parts. dogs-vae: a VAE of the dogs, several priors learned for it, and the images
    that each of them draws, measured beside the GAN's (quick: minutes; full: hours)."""

    def __post_init__(self) -> None:
        if self.seed is None:  # a run's record has the number itself
            object.__setattr__(self, "seed", 0 if self.id is None else seed_of(self.id))
        require_choice(tuple(PRESETS), preset=self.preset)
        require_choice(("zh", "en"), lang=self.lang)
        if self.recipe is not None:
            require_choice(tuple(RECIPES), recipe=self.recipe)
        for one in self.extra:
            require_choice((DOGS_VAE,), extra=one)
        if self.fakes < 2:
            raise InputError(f"`fakes` {self.fakes}: at least 2 are needed for a distance")

    @property
    def decided_seed(self) -> int:
        """The seed, which is decided when the configuration is made."""
        assert self.seed is not None
        return self.seed


def seed_of(student_id: str) -> int:
    """Returns the seed of a student number: the number itself, so that each student has another.

    Of one with letters or more than 18 digits it is the head of a SHA-256. Spaces, dashes, case
    and full-width digits do not matter.
    """
    text = unicodedata.normalize("NFKC", student_id).casefold()
    text = "".join(letter for letter in text if letter.isalnum())
    if text.isdecimal() and len(text) <= LONGEST_NUMBER:
        return int(text)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")


def vae_configs(config: LabConfig, mnist: str) -> dict[str, VaeConfig]:
    """Returns the configuration of the VAE under each prior.

    Arguments:
        config: The lab's configuration.
        mnist: The SOURCE of the digits that was decided on.
    """
    preset = PRESETS[config.preset]
    epochs = preset.vae_epochs if config.vae_epochs is None else config.vae_epochs
    return {
        prior: VaeConfig(
            prior=prior,
            prior_options=(
                {"components": preset.components}
                if "components" in PRIOR_SIGNATURES.rows[prior] else {}
            ),
            data=mnist, epochs=epochs, batch=preset.vae_batch,
            # One network for all three priors, and nothing that favours one. (Fourier features,
            # rate 4e-3 suit the standard Gaussian best; learned priors need --clip with them.)
            fourier=0.0, learning_rate=1e-3, clip=0.0,
            importance=preset.importance, seed=config.decided_seed, checkpoints=config.checkpoints,
        )
        for prior in LAB_PRIORS
    }


def dogs_vae_config(config: LabConfig, dogs: str, gan: GanConfig) -> CompareConfig:
    """Returns the configuration of the comparison of priors on the dogs.

    Arguments:
        config: The lab's configuration.
        dogs: The SOURCE of the dogs that was decided on.
        gan: The configuration of the lab's GAN, which stands beside the priors.
    """
    return replace(
        compare.pictures(), data=dogs, size=gan.size, crop=gan.crop,
        pictures=min(max(FEWEST, config.fakes), MOST_PICTURES), gan="../gan",
        first_seed=config.decided_seed, **PRESETS[config.preset].dogs_vae,
    )
