"""Results of a measurement: distances with their errors, and what is needed to interpret them."""

__all__ = [
    "Copies",
    "Difference",
    "Different",
    "Distance",
    "ExtractorIdentity",
    "FidResults",
    "GanMeasurement",
    "Measurement",
    "Null",
    "PreprocessingComparison",
    "Ranking",
    "RealFloor",
    "Rounding",
    "Snapshot",
    "SnapshotDistance",
]

from dataclasses import dataclass, field

from genlab.common.quantities import Measured
from genlab.data.identity import Identity


@dataclass(frozen=True, kw_only=True)
class ExtractorIdentity:
    """The network of a distance, and how its input was prepared: `Extractor.identity`."""

    label: str
    """The name of the distance: "FID" or "FD (NETWORK)"."""
    network: str
    sha256: str
    """The SHA-256 of the weights; empty where there are none."""
    layer: str
    preprocessing: str
    precision: str
    device: str
    version: int
    dims: int
    """The number of features F."""
    preprocessing_words: str


@dataclass(frozen=True, kw_only=True)
class Null:
    """The distribution of a distance if both sets came from one distribution: by permutation.

    It is of one image of each kind, without kinds that both sets have (`genlab.features.sample`).
    """

    value: float
    """The distance of these images: that of all images, unless some are repeated or in common."""
    n_real: int
    n_fake: int
    """Their numbers."""
    mean: float
    high: float
    """The 95 % quantile."""
    p: float
    """The probability of a distance at least as large as the one found."""
    permutations: int

    @property
    def is_smallest(self) -> bool:
        """Whether p is the smallest that so many permutations can give, hence a bound."""
        return self.p <= 1.0001 / (1 + self.permutations)


@dataclass(frozen=True, kw_only=True)
class RealFloor:
    """The distance of disjoint parts of the real images, over random splits."""

    n: int
    m: int
    """The sizes of both parts."""
    mean: float
    deviation: float


@dataclass(frozen=True, kw_only=True)
class Copies:
    """Copies of real images, and the test of memorisation (`genlab.metrics.memorisation`)."""

    duplicates: int
    """Generated images that are real ones, pixel for pixel, at the size compared."""
    reference: str
    """"held-out", or "leave-one-out": the real images among each other."""
    p: float | None = None
    """Of the rank test; None where too few images are different."""
    share_nearer: float | None = None
    """The share of pairs in which the generated image is the nearer one; None where p is."""
    near_duplicates: int | None = None
    """Generated images nearer than `threshold`, duplicates included."""
    threshold: float | None = None
    authentic: float | None = None
    """The share of authentic images. None, like the two above, where a set is one image alone."""
    closest: list[list[float]] = field(default_factory=list)
    """The closest pairs of different images: the generated one, the real one, their distance."""


@dataclass(frozen=True, kw_only=True)
class Rounding:
    """The effect of a short precision on the distance of some of the images."""

    images: list[int]
    """The numbers of real and of generated images."""
    value: float
    """Their distance in the network's precision."""
    value_float32: float
    """Their distance in float32."""
    moved: float | None
    """The relative difference of the former to the latter; None if the latter is 0."""


@dataclass(frozen=True, kw_only=True)
class Distance:
    """Everything that the features of one network say of real and generated images."""

    extractor: ExtractorIdentity
    distance: Measured
    """The squared Fréchet distance."""
    mean_part: float | None = None
    covariance_part: float | None = None
    """Its two parts (`genlab.metrics.frechet_distance`)."""
    metrics: dict[str, Measured | None] = field(default_factory=dict)
    """The quantities of `genlab.fid.metrics.METRICS`; None where one is not defined."""
    copies: Copies | None = None
    null: Null | None = None
    real_floor: RealFloor | None = None
    above_floor: float | None = None
    """The distance of the images of `null` less its mean."""
    limit: float | None = None
    """The distance of infinitely many images."""
    limit_refused: str = ""
    """Why `limit` is None."""
    influence: list[float] | None = None
    """The distance less that without each generated image and its repetitions."""
    rounding: Rounding | None = None

    @property
    def label(self) -> str:
        """The name of the distance."""
        return self.extractor.label


@dataclass(frozen=True, kw_only=True)
class Different:
    """How many images are different, by their pixels at the size compared."""

    real: int | None
    """None if a file of statistics does not say it."""
    fake: int
    common: int = 0
    """Different images that are in both sets."""


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """Generated images compared with real ones."""

    distances: list[Distance]
    """One a network."""
    n_real: int | None
    """None if a file of statistics does not say it."""
    n_fake: int
    different: Different
    size: int | None
    """The side of the squares that the images became; None if each kept its own size."""
    real: Identity | None
    """None if a file of statistics stood for the real images."""
    fake: Identity
    held_out: Identity | None = None
    statistics: str = ""
    """The file of statistics that stood for the real images."""
    recognised_real: float | None = None
    recognised_fake: float | None = None
    """The shares of images that EfficientNet-Lite0 takes for dogs; None if it is not
    among the networks of the measurement."""
    seed: int | None = None
    note: str = ""
    """What could not be computed, and why."""
    verdict: str = ""
    """The result in sentences."""


@dataclass(frozen=True, kw_only=True)
class SnapshotDistance:
    """The distance of one snapshot by one network."""

    distance: Measured
    null: Null | None
    """None where too few images are different."""


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """The images of a GAN's snapshot compared with its training images."""

    epoch: int
    n: int
    """The number of generated images."""
    different: int
    """How many of them are different."""
    recognised: float | None
    """The share of them that EfficientNet-Lite0 takes for dogs."""
    distances: dict[str, SnapshotDistance]
    """By label."""


@dataclass(frozen=True, kw_only=True)
class GanMeasurement(Measurement):
    """The `fid.json` of a GAN: its final images, and those of its snapshots."""

    epochs: list[Snapshot]


@dataclass(frozen=True, kw_only=True)
class Difference:
    """How much farther one generator is from the real images than another, with paired errors."""

    distance: Measured
    kid: Measured


@dataclass(frozen=True, kw_only=True)
class Ranking:
    """Generators in the order of one network, the nearest first, at one number of images."""

    label: str
    n: int
    """The different images of each that are compared: as many as the poorest of them has."""
    order: list[str]
    """The sources of the generated images."""
    values: list[float]
    """The distances of these images."""
    differences: list[Difference]
    """Of each generator to the next one."""
    equal: list[bool]
    """Whether each generator and the next one are the same images."""
    left_out: list[str] = field(default_factory=list)
    """Sources with fewer different images than can be compared."""


@dataclass(frozen=True, kw_only=True)
class PreprocessingComparison:
    """The distance of one generator by each way of preparing FID Inception's input."""

    label: str
    fake: str
    values: dict[str, float]
    words: dict[str, str]


@dataclass(frozen=True, kw_only=True)
class FidResults:
    """The `results.json` of `genlab fid`."""

    generators: list[Measurement]
    rankings: list[Ranking] = field(default_factory=list)
    """One a network, where there are several generators."""
    preprocessings: list[PreprocessingComparison] = field(default_factory=list)
    """One a generator, where they were asked for."""
    statistics_files: dict[str, str] = field(default_factory=dict)
    """The files that were written of the real images' statistics, by network."""
    note: str = ""
    verdict: str = ""
