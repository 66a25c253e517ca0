r"""What a GAN's training is watched by: its distances, its variety, its discriminator's memory.

    distance    Fréchet distances of M fakes to the training images and to the held-out ones,
                with floors: M training images against the other T - M (half against half
                where T < 2 M: fewer, so a higher floor), and against the held-out ones   (1)
    diversity   VS(fakes) / VS(training images), min(M, T) of each, VS being the Vendi score
                of features less the mean of the training images' features                (2)
    over-fit    r_v = (E D(train) - E D(held-out)) / (E D(train) - E D(fake))             (3)
    memory      p of the rank test "fakes are nearer to the training images than held-out
                images are" (`metrics.memorisation`)                                      (4)

In (3) 0 means that the discriminator scores images it never saw as it scores those it learns
from, 1 that it takes them for fakes.

Measured with EfficientNet-Lite0 on 300 dog faces, (2) is 0.83 to 0.93 for the generators of a good
run from epoch 10 on, 0.21 for 20 images repeated, 0.13 for 10, and 0.01 before training. Below
`COLLAPSED`, and under half of what it was, in two measurements running is called a collapse; p
below `LEVEL` in two running, of images that are varied enough, memorising. What follows from a
collapse: `course.py`. Memorising is told of, and stops nothing.

EfficientNet-Lite0 takes images at 96 pixels here (or the images' own side if that is larger, 224
at most), not always at 224: five times faster. The distances are therefore not those of `genlab
fid`, and their label says so.

Watching draws from streams of its own and leaves networks as they were: training does not notice.

References:
    | Training GANs with Limited Data (Karras et al., 2020), equation 1,
    | https://arxiv.org/abs/2006.06676

Shapes: T training images, H held-out ones, M fakes, F features, S pixels a side.
"""

__all__ = ["COLLAPSED", "GRID", "LEVEL", "Watch", "epochs_to_measure", "grid"]

import math

from dataclasses import replace
from typing import Any, NamedTuple

import torch

from torch import Tensor, nn

from genlab.common.rng import generator
from genlab.compute.hardware import CPU
from genlab.configs.gan import GanConfig
from genlab.data.pictures import of_tensor
from genlab.features.extractors import FeatureExtractors
from genlab.features.preprocessing import Preprocessing
from genlab.features.registry import NETWORKS, FeatureNetwork, extract_batch
from genlab.gan.players import Players, seen, to_signed, told
from genlab.gan.sample import draw, drawn
from genlab.gan.split import Sides
from genlab.metrics.diversity import vendi_score
from genlab.metrics.frechet_distance import frechet_distance
from genlab.metrics.memorisation import memorisation_test, rank_test
from genlab.metrics.neighbours import nearest
from genlab.networks.pretrained import efficientnet_lite0

GRID = 64
"""Images of the grid, at most: the first of the fakes."""
COLLAPSED, LEVEL = 0.3, 0.01
MEASUREMENTS, FEWEST = 10, 3
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
        every = math.ceil(config.epochs / max(FEWEST, min(MEASUREMENTS, int(affordable))))
    return frozenset(range(every, config.epochs, every)) | {config.epochs}


def grid(images: Tensor) -> Tensor:
    """Lays images, uint8 `(M, 3, S, S)`, out as one, `(n S, n S, 3)`: pixels as they are."""
    n = math.isqrt(min(GRID, len(images)))
    rows = images[: n * n].unflatten(0, (n, n)).permute(0, 3, 1, 4, 2)
    return rows.reshape(n * images.shape[2], n * images.shape[3], 3)


class View(NamedTuple):
    """What one network makes of the real images."""

    train: Tensor
    """Features of training images, with shape `(T, F)`."""
    held_out: Tensor | None
    """Those of the held-out ones, with shape `(H, F)`."""
    floors: dict[str, Any]
    """Real against real (1), as JSON values, with the numbers of training images compared."""


class Watch:
    """Measures a GAN in training.

    Arguments:
        config: The run's configuration.
        images: Its images.
        device: Where the networks look. The statistics of what they see are taken on the
            processor, in float64.

    Raises:
        InputError: If a network's weights are not at hand.
    """

    def __init__(
        self, config: GanConfig, images: Sides, device: torch.device = CPU.device
    ) -> None:
        self.config, self.classes = config, images.classes
        order = torch.randperm(len(images.train), generator=generator(config.seed, "watch"))
        order = order[:MOST_REALS]
        self.train, self.held_out = images.train[order], images.held_out
        self.of_train = self.of_held_out = None
        _, self.of_fakes = drawn(
            config, config.measure_fakes, config.seed, "watch", images.classes
        )
        if images.classes is not None:
            labels = images.classes.labels
            self.of_train = labels[images.learned][order]
            self.of_held_out = labels[~images.learned]
        side = min(efficientnet_lite0.SIZE, max(SMALLEST, config.size))
        own = {"efficientnet-lite0": smaller_efficientnet(side)}
        self.extractors = FeatureExtractors(own=own, device=device)
        self.views = {name: self._view(name) for name in config.measure_with}
        first = self.views[config.measure_with[0]]
        self.mean = first.train.double().mean(0)
        some = first.train[: config.measure_fakes]
        self.varied = len(some)  # a Vendi score grows with the number of images
        self.variety = vendi_score(some - self.mean)
        self.strange: Tensor | None = None  # distances of held-out images to the training images
        if first.held_out is not None:
            self.strange = nearest(first.held_out.double(), first.train.double()).squared

    @property
    def networks(self) -> list[dict[str, Any]]:
        """What the distances are taken with, as JSON values."""
        return [self.extractors.identity(name) for name in self.config.measure_with]

    def measure(self, players: Players) -> tuple[dict[str, Any], Tensor]:
        """Measures the averaged generator as it is.

        Returns:
            JSON values: the number "n" of fakes; "distances", one entry a network with "label",
            "train", "held_out" and their floors; "diversity" (2); the discriminator's mean
            scores "score_train", "score_held_out", "score_average" and "overfit" (3); "memory",
            the p-value (4). What needs held-out images is None without. And the fakes, uint8
            with shape `(M, 3, S, S)`.
        """
        fakes = self.fakes(players.average)
        distances, features = [], {name: self.extract(name, fakes) for name in self.views}
        for name, view in self.views.items():
            held = view.held_out
            distances.append({
                "label": self.extractors.networks[name].label,
                "train": frechet_distance(view.train, features[name]),
                "held_out": None if held is None else frechet_distance(held, features[name]),
                **view.floors,
            })
        first = features[self.config.measure_with[0]]
        found = {"n": len(fakes), "distances": distances, "diversity": self._diversity(first)}
        return found | self._scores(players, fakes) | {"memory": self._memory(first)}, fakes

    def memorised(self, average: nn.Module) -> dict[str, Any]:
        """Returns the full test of memorisation for a generator, as JSON values."""
        name = self.config.measure_with[0]
        view = self.views[name]
        fakes = self.extract(name, self.fakes(average))
        found = memorisation_test(view.train, fakes, view.held_out)
        return {
            "network": self.extractors.networks[name].name, "reference": found.reference,
            "p": found.test.p, "share_nearer": found.test.share, "duplicates": found.duplicates,
            "near_duplicates": found.near, "authentic": found.authentic,
            "fakes": self.config.measure_fakes, "train": len(view.train),
            "held_out": 0 if view.held_out is None else len(view.held_out),
        }  # fmt: skip

    def fakes(self, average: nn.Module) -> Tensor:
        """Draws the images of the fixed latents, uint8 with shape `(M, 3, S, S)`."""
        config = self.config
        return draw(average, config, config.measure_fakes, config.seed, "watch", self.classes)

    def extract(self, name: str, images: Tensor) -> Tensor:
        """Returns a network's features of images, with shape `(M, F)`."""
        loaded, way = self.extractors.loaded(name), self.extractors.preprocessing_for(name)
        return torch.cat([extract_batch(loaded, way, part) for part in images.split(BATCH)])

    def _view(self, name: str) -> View:
        train = self.extractors.features(name, of_tensor(self.train, "training images"))
        held = None
        if self.held_out is not None:
            held = self.extractors.features(name, of_tensor(self.held_out, "held-out images"))
        random = generator(self.config.seed, "watch: floors")
        sums = torch.zeros(2, dtype=torch.float64)
        fakes = self.config.measure_fakes
        part = min(fakes, len(train) // 2)
        for _ in range(PARTS):
            order = torch.randperm(len(train), generator=random)
            sums[0] += frechet_distance(train[order[part:]], train[order[:part]])
            if held is not None:
                sums[1] += frechet_distance(held, train[order[:fakes]])
        learned, kept = (sums / PARTS).tolist()
        floors = {
            "floor_train": learned, "floor_train_n": [len(train) - part, part],
            "floor_held_out": None if held is None else kept,
        }  # fmt: skip
        return View(train, held, floors)

    def _diversity(self, features: Tensor) -> float:
        """Equation 2."""
        return vendi_score(features[: self.varied] - self.mean) / self.variety

    def _memory(self, features: Tensor) -> float | None:
        """The p-value (4)."""
        if self.strange is None:
            return None
        train = self.views[self.config.measure_with[0]].train.double()
        return rank_test(nearest(features.double(), train).squared, self.strange).p

    @torch.no_grad()
    def _scores(self, players: Players, fakes: Tensor) -> dict[str, float | None]:
        """The discriminator's mean scores without augmentation, and equation 3.

        Its heads are in float32, on what training's precision makes of the images.
        """
        players.discriminator.eval()  # spectral norms stay as they are
        player, device = players.discriminator.forward, players.on.device  # never compiled

        def score(images: Tensor, labels: Tensor | None) -> float:
            parts = images[:MOST_SCORED].split(BATCH)
            of_parts = (
                [None] * len(parts) if labels is None else labels[:MOST_SCORED].split(BATCH)
            )
            heads = []
            for part, of_part in zip(parts, of_parts):
                views = [view.float() for view in seen(players, to_signed(part.to(device)))]
                of_part = None if of_part is None else of_part.to(device)
                scores = [s.flatten(1).mean(1) for s in told(player, views, of_part)]
                heads.append(torch.stack(scores).mean(0))
            return torch.cat(heads).double().mean().item()

        train, fake = score(self.train, self.of_train), score(fakes, self.of_fakes)
        held = None if self.held_out is None else score(self.held_out, self.of_held_out)
        players.discriminator.train()
        overfit = None if held is None or train == fake else (train - held) / (train - fake)
        return {
            "score_train": train, "score_held_out": held, "score_average": fake,
            "overfit": overfit,
        }  # fmt: skip


def smaller_efficientnet(side: int) -> FeatureNetwork:
    """Returns EfficientNet-Lite0 looking at images of `side` pixels: a way of its own."""
    preprocessing = Preprocessing(
        name=f"efficientnet-lite0 at {side}",
        words=f"bilinear to {side} px, antialiased where it shrinks, (v - 127) / 128",
        prepare=lambda images: efficientnet_lite0.to_input(images.float() / 255, side),
    )
    return replace(
        NETWORKS["efficientnet-lite0"], label=f"FD (EfficientNet-Lite0 at {side} px)",
        preprocessings={preprocessing.name: preprocessing},
    )
