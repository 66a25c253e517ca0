r"""Measurements during GAN training: distances, variety, over-fitting, memorisation.

    distance    Fréchet distances of M fakes to the training images and to the held-out ones,
                with floors: M training images against the other T - M (half against half
                where T < 2 M: fewer, so a higher floor), and against the held-out ones   (1)
    diversity   VS(fakes) / VS(training images), min(M, T) of each, VS being the Vendi score
                of features less the mean of the training images' features                (2)
    over-fit    r_v = (E D(train) - E D(held-out)) / (E D(train) - E D(fake))             (3)
    memory      p of the rank test "fakes are nearer to the training images than held-out
                images are" (`metrics.memorisation`)                                      (4)

In (3) 0 means that the discriminator scores held-out images like training images, 1 that it
scores them like fakes.

Measured with EfficientNet-Lite0 on 300 dog faces, (2) is 0.83 to 0.93 for the generators of a good
run from epoch 10 on, 0.21 for 20 images repeated, 0.13 for 10, and 0.01 before training. A value
below `COLLAPSED`, and under half of the largest so far, in two consecutive measurements is called
a collapse; p below `LEVEL` in two consecutive measurements, of images that are varied enough,
memorisation. `state.py` says what follows from a collapse. Memorisation is a warning only.

(4) and the floors take each image once, by its pixels (`features/sample.py`), and there is no (4)
from fewer than ten different fakes.

EfficientNet-Lite0 is given 96 pixels here (or the images' own side if that is larger, at most
224), not always 224: five times faster. The distances are therefore not those of `genlab fid`, and
their label says so.

Measuring draws from random streams of its own and leaves the networks as they were: it does not
change the training.

References:
    | Training GANs with Limited Data (Karras et al., 2020), equation 1,
    | https://arxiv.org/abs/2006.06676

Shapes: T training images, H held-out ones, M fakes, F features, S pixels a side.
"""

__all__ = ["COLLAPSED", "GRID", "LEVEL", "Monitor", "epochs_to_measure", "grid"]

import math

from typing import Any, NamedTuple

import torch

from torch import Tensor, nn

from genlab.common.errors import InputError, TrainingError
from genlab.common.rng import generator
from genlab.compute.hardware import CPU
from genlab.configs.fid import FEWEST
from genlab.configs.gan import GanConfig
from genlab.data.arrays.pictures import pictures_of
from genlab.features.extraction import Extracted, extract, extract_with_pixels
from genlab.features.extractor import Extractor
from genlab.features.pixels import kinds, pixel_digests
from genlab.features.preprocessing import Preprocessing
from genlab.features.registry import load_extractor
from genlab.features.sample import Sample
from genlab.gan.results import Memorisation
from genlab.gan.sampling import draw, draw_latents
from genlab.gan.split import Split
from genlab.gan.training.players import Players, call_with_labels, to_signed
from genlab.metrics.diversity import vendi_score
from genlab.metrics.frechet_distance import frechet_distance
from genlab.metrics.memorisation import memorisation_test, rank_test
from genlab.metrics.neighbours import nearest
from genlab.networks.pretrained import efficientnet_lite0

GRID = 64
"""Images of the grid, at most: the first of the fakes."""
WIDEST = 2048
"""The grid's side in pixels, at most: of 512 x 512 pixels it has 16 images."""
COLLAPSED, LEVEL = 0.3, 0.01
MEASUREMENTS, AT_LEAST = 10, 3
SHARE = 0.04
"""Of the images that a run sees, so many may be drawn for measuring: each costs about as much."""
MOST_REALS = 2000
"""Training images that distances are taken to, at most: a random choice, always the same."""
MOST_SCORED = 100
"""Images of each kind that the discriminator scores."""
PARTS = 5
"""Draws of a floor."""
BATCH = 50
SMALLEST = 96


def epochs_to_measure(config: GanConfig, images: int) -> frozenset[int]:
    """Returns the epochs after which a run on so many images is measured; the last is among them.

    Without `measure_every` there are ten, or as many (three at least) as draw no more than 4 % of
    the images that the run sees.
    """
    every = config.measure_every
    if every == 0:
        return frozenset()
    if every is None:
        affordable = SHARE * config.epochs * images / config.measure_fakes
        every = math.ceil(config.epochs / max(AT_LEAST, min(MEASUREMENTS, int(affordable))))
    return frozenset(range(every, config.epochs, every)) | {config.epochs}


def grid(images: Tensor) -> Tensor:
    """Lays images, uint8 `(M, 3, S, S)`, out as one, `(n S, n S, 3)`: pixels as they are."""
    n = min(math.isqrt(min(GRID, len(images))), WIDEST // images.shape[3])
    rows = images[: n * n].unflatten(0, (n, n)).permute(0, 3, 1, 4, 2)
    return rows.reshape(n * images.shape[2], n * images.shape[3], 3)


class RealFeatures(NamedTuple):
    """One network's features of the real images."""

    train: Tensor
    """Features of training images with shape `(T, F)`, all different if ten of them are."""
    pixels: Tensor
    """The digests of their pixels, with shape `(T, 32)`."""
    held_out: Tensor | None
    """Features of the held-out ones, with shape `(H, F)`."""
    floors: dict[str, Any]
    """Real against real (1), as JSON values, with the numbers of training images compared."""


class Monitor:
    """Measures a GAN in training.

    Arguments:
        config: The run's configuration.
        images: Its images.
        device: The feature networks' device. The statistics of features are computed on the
            processor, in float64.

    Raises:
        InputError: If a network's weights are not at hand, or all training images are the same.
    """

    def __init__(
        self, config: GanConfig, images: Split, device: torch.device = CPU.device
    ) -> None:
        self.config, self.classes = config, images.classes
        order = torch.randperm(len(images.rows), generator=generator(config.seed, "watch"))
        order = order[:MOST_REALS]
        (kind,) = kinds(pixel_digests(images.images[images.rows[order]]))
        once = Sample(kind[:, None], kind).first
        if len(once) == 1:
            raise InputError(
                f"the {len(order)} training images are one and the same: there is nothing to "
                "measure a generator by; give different images, or `measure_every` 0"
            )
        order = order[once] if len(once) >= FEWEST else order
        self.train, self.held_out = images.images[images.rows[order]], images.held_out
        self.labels_train = self.labels_held_out = None
        _, self.labels_fake = draw_latents(
            config, config.measure_fakes, config.seed, "watch", images.classes
        )
        if images.classes is not None:
            labels = images.classes.labels
            self.labels_train = labels[images.learned][order]
            self.labels_held_out = labels[~images.learned]
        self.extractors = extractors_of(config, device)
        self.real = {name: self._real_features(name) for name in config.measure_with}
        first = self.real[config.measure_with[0]]
        self.mean = first.train.double().mean(0)
        some = first.train[: config.measure_fakes]
        self.compared = len(some)  # a Vendi score grows with the number of images
        self.variety = vendi_score(some - self.mean)
        self.held_out_nearest: Tensor | None = None  # squared distances to the training images
        new = self._new(first)
        if new is not None:
            self.held_out_nearest = nearest(new.double(), first.train.double()).squared

    @property
    def networks(self) -> list[dict[str, Any]]:
        """The identities of the networks, as JSON values."""
        return [self.extractors[name].identity for name in self.config.measure_with]

    def measure(self, players: Players) -> tuple[dict[str, Any], Tensor]:
        """Measures the averaged generator as it is.

        Returns:
            JSON values: the number "n" of fakes; "distances", one entry a network with "label",
            "train", "held_out" and their floors; "diversity" (2); the discriminator's mean
            scores "score_train", "score_held_out", "score_average" and "overfit" (3); "memory",
            the p-value (4). What needs held-out images is None without. And the fakes, uint8
            with shape `(M, 3, S, S)`.

        Raises:
            TrainingError: If an image or a score is not finite.
        """
        fakes = self.fakes(players.average)
        distances, features = [], {name: self.extract(name, fakes) for name in self.real}
        for name, real in self.real.items():
            held = real.held_out
            distances.append({
                "label": self.extractors[name].label,
                "train": frechet_distance(real.train, features[name]),
                "held_out": None if held is None else frechet_distance(held, features[name]),
                **real.floors,
            })
        first = features[self.config.measure_with[0]]
        found = {"n": len(fakes), "distances": distances, "diversity": self.diversity(first)}
        memory = self._memory(first, fakes)
        scores = self.scores(players, fakes)
        for name, value in scores.items():
            if value is not None and not math.isfinite(value):
                raise TrainingError(f"the discriminator's {name} is {value}", name)
        return found | scores | {"memory": memory}, fakes

    def memorised(self, average: nn.Module) -> Memorisation:
        """Returns the full test of memorisation for a generator."""
        name = self.config.measure_with[0]
        real = self.real[name]
        images = self.fakes(average)
        rows = self.extract(name, images)
        train, fakes = Sample.of(
            Extracted(real.train, real.pixels), Extracted(rows, pixel_digests(images))
        )
        new = self._new(real)
        found, near = None, None
        if min(len(train.first), len(fakes.first)) >= FEWEST:
            found = memorisation_test(train.features, fakes.different, new)
            near = int(fakes.repeated[found.distance < found.threshold].sum())
        return Memorisation(
            network=self.extractors[name].name,
            reference="leave-one-out" if new is None else "held-out",
            p=found and found.test.p, share_nearer=found and found.test.share,
            duplicates=int(fakes.is_in([train]).sum()),
            near_duplicates=near,
            authentic=found and found.authentic,
            fakes=len(images), different=len(fakes.first), train=len(real.train),
            held_out=0 if new is None else len(new),
        )

    def _new(self, real: RealFeatures) -> Tensor | None:
        """The features of held-out images that are none of the training images, each once."""
        if real.held_out is None or self.held_out is None:
            return None
        train, held = Sample.of(
            Extracted(real.train, real.pixels),
            Extracted(real.held_out, pixel_digests(self.held_out)),
        )
        new = held.apart_from(train).features
        return new if len(new) else None

    def fakes(self, average: nn.Module) -> Tensor:
        """Draws the images of the fixed latents, uint8 with shape `(M, 3, S, S)`."""
        config = self.config
        return draw(average, config, config.measure_fakes, config.seed, "watch", self.classes)

    def extract(self, name: str, images: Tensor) -> Tensor:
        """Returns a network's features of images, with shape `(M, F)`."""
        return torch.cat([self.extractors[name](part) for part in images.split(BATCH)])

    def _real_features(self, name: str) -> RealFeatures:
        extractor = self.extractors[name]
        learned = pictures_of(self.train, "training images")
        train, pixels = extract_with_pixels(learned, extractor)
        held = None
        if self.held_out is not None:
            held = extract(pictures_of(self.held_out, "held-out images"), extractor)
        random = generator(self.config.seed, "watch: floors")
        sums = torch.zeros(2, dtype=torch.float64)
        fakes = self.config.measure_fakes
        part = min(fakes, len(train) // 2)
        for _ in range(PARTS):
            order = torch.randperm(len(train), generator=random)
            sums[0] += frechet_distance(train[order[part:]], train[order[:part]])
            if held is not None:
                sums[1] += frechet_distance(held, train[order[:fakes]])
        floor_train, floor_held_out = (sums / PARTS).tolist()
        floors = {
            "floor_train": floor_train, "floor_train_n": [len(train) - part, part],
            "floor_held_out": None if held is None else floor_held_out,
        }  # fmt: skip
        return RealFeatures(train, pixels, held, floors)

    def diversity(self, features: Tensor) -> float:
        """Equation 2."""
        return vendi_score(features[: self.compared] - self.mean) / self.variety

    def _memory(self, features: Tensor, fakes: Tensor) -> float | None:
        """The p-value (4)."""
        (found,) = Sample.of(Extracted(features, pixel_digests(fakes)))
        if self.held_out_nearest is None or len(found.first) < FEWEST:
            return None
        train = self.real[self.config.measure_with[0]].train.double()
        distances = nearest(found.different.double(), train).squared
        return rank_test(distances, self.held_out_nearest).p

    @torch.no_grad()
    def scores(self, players: Players, fakes: Tensor) -> dict[str, float | None]:
        """The discriminator's mean scores without augmentation, and equation 3.

        Its trained part is in float32, the projection of the images in training's precision.
        """
        players.discriminator.eval()  # spectral norms stay as they are
        discriminator = players.discriminator.forward  # never compiled
        device = players.hardware.device

        def score(images: Tensor, labels: Tensor | None) -> float:
            parts = images[:MOST_SCORED].split(BATCH)
            labels_of = (
                [None] * len(parts) if labels is None else labels[:MOST_SCORED].split(BATCH)
            )
            heads = []
            for part, y in zip(parts, labels_of):
                views = [view.float() for view in players.project(to_signed(part.to(device)))]
                found = call_with_labels(discriminator, views, None if y is None else y.to(device))
                scores = [s.flatten(1).mean(1) for s in found]
                heads.append(torch.stack(scores).mean(0))
            return torch.cat(heads).double().mean().item()

        train, fake = score(self.train, self.labels_train), score(fakes, self.labels_fake)
        held = None if self.held_out is None else score(self.held_out, self.labels_held_out)
        players.discriminator.train()
        overfit = None if held is None or train == fake else (train - held) / (train - fake)
        return {
            "score_train": train, "score_held_out": held, "score_average": fake,
            "overfit": overfit,
        }  # fmt: skip


def extractors_of(config: GanConfig, device: torch.device) -> dict[str, Extractor]:
    """Returns the extractors that a configuration measures with, by name.

    Raises:
        InputError: If a network's weights are not at hand.
    """
    side = min(efficientnet_lite0.SIZE, max(SMALLEST, config.size))
    return {
        name: smaller_efficientnet(side, device) if name == "efficientnet-lite0"
        else load_extractor(name, device=device)
        for name in config.measure_with
    }  # fmt: skip


def smaller_efficientnet(side: int, device: torch.device) -> Extractor:
    """Returns EfficientNet-Lite0 behind images of `side` pixels, under a label of its own."""
    preprocessing = Preprocessing(
        name=f"efficientnet-lite0 at {side}",
        words=f"bilinear to {side} px, antialiased where it shrinks, (v - 127) / 128",
        prepare=lambda images: efficientnet_lite0.to_input(images.float() / 255, side),
    )
    label = f"FD (EfficientNet-Lite0 at {side} px)"
    return load_extractor("efficientnet-lite0", device=device).with_preprocessing(
        preprocessing, label
    )
