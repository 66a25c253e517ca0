"""What is at hand to check with: the data and the networks, loaded once for all submissions.

A recorded source is only used if it is one of genlab's own names: a path in a record is somebody
else's. Nothing is fetched.
"""

__all__ = ["Bench"]

from torch import Tensor

import genlab.data

from genlab.common.errors import InputError
from genlab.configs.gan import GanConfig
from genlab.data.arrays.pictures import pictures_of
from genlab.data.image_set import ImageSet
from genlab.data.image_splits import ImageSplits
from genlab.data.sources import named
from genlab.features.extraction import extract
from genlab.features.extractors import FeatureExtractors
from genlab.features.registry import NETWORKS
from genlab.gan.images import training_images
from genlab.lab.verify.readers.record import SubmittedRecord

MOST_DRAWN = 20_000
"""Toy dogs, at most."""


class Bench:
    """Data and networks at hand.

    Arguments:
        mnist: SOURCE of the digits; that of the records if not given.
        dogs: SOURCE of the dogs, likewise.
        inception: Where FID Inception's weights are, as `FidConfig.inception` says.
    """

    def __init__(
        self, mnist: str | None = None, dogs: str | None = None, inception: str | None = None
    ) -> None:
        self.mnist, self.dogs_source, self.extractors = mnist, dogs, FeatureExtractors(inception)
        self._digits: dict[str, ImageSplits] = {}
        self._dogs: dict[tuple[object, ...], ImageSet] = {}

    def digits(self, env: SubmittedRecord) -> ImageSplits:
        """Returns the digits of a run.

        Raises:
            InputError: If they are not at hand, or those at hand are others.
        """
        source = self.mnist or _own_name(env.text("data", "images", "source"), "--mnist")
        if source not in self._digits:
            self._digits[source] = genlab.data.splits(source)
        found = self._digits[source]
        _same(found.identity.sha256, env.text("data", "images", "sha256"), "--mnist", source)
        return found

    def dogs(self, env: SubmittedRecord, config: GanConfig) -> Tensor:
        """Returns the images that a GAN learned from, uint8 `(N, 3, S, S)`, as of `digits`."""
        source = self.dogs_source or _own_name(env.text("data", "images", "source"), "--dogs")
        key = (source, config.size, config.images, config.crop, config.keep)
        if key not in self._dogs:
            self._dogs[key] = training_images(config, source)
        found = self._dogs[key]
        _same(found.identity.sha256, env.text("data", "images", "sha256"), "--dogs", source)
        return found.images

    def network(self, label: str, weights: str) -> str:
        """Returns the name of the network with which a distance was taken.

        Raises:
            InputError: If it is not at hand, or its weights are others.
        """
        names = [name for name, row in NETWORKS.items() if row.label == label]
        if not names:
            raise InputError(f"{label[:60]}: a network that this genlab does not know")
        if self.extractors[names[0]].sha256 != weights:
            raise InputError(f"{label}: the weights at hand are others")
        return names[0]

    def features(self, network: str, images: Tensor, *, own: bool) -> Tensor:
        """Returns features of images; of one's own from the cache, others leave no trace there."""
        pictures = pictures_of(images, "real images" if own else "generated images")
        if own:
            return self.extractors.features(self.extractors[network], pictures)
        return extract(pictures, self.extractors[network], cache=False)


def _own_name(source: str, option: str) -> str:
    """Returns a recorded source if it is a name of genlab's, with its data at hand."""
    row, count = named(source)
    if row is None:
        raise InputError(f"{option}: the data came from {source[:80]!r}; say where they are here")
    if row.locate() is None:
        raise InputError(f"{option}: {row.name} is not at hand; {row.how}")
    if count is not None and count > MOST_DRAWN:
        raise InputError(f"{option}: {source[:40]!r}: at most {MOST_DRAWN:,} are drawn here")
    return source


def _same(ours: str, theirs: str, option: str, source: str) -> None:
    if ours != theirs:
        raise InputError(
            f"{option} {source}: other data (SHA-256 {ours[:12]}…) than the run's "
            f"({theirs[:12]}…)"
        )
