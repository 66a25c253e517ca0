"""Measurements in small, without networks or images."""

from genlab.common.quantities import Measured
from genlab.data.identity import Identity
from genlab.fid.results import (
    Copies,
    Different,
    Distance,
    ExtractorIdentity,
    GanMeasurement,
    Null,
    Snapshot,
    SnapshotDistance,
)

DOGS = Identity(
    name="toy dogs (drawn)", source="toydogs:256", count=256, shape=(3, 64, 64), sha256="ab" * 32,
    licence="MIT", stand_in=True,
)  # fmt: skip
NETWORKS = {
    "FD (EfficientNet-Lite0)": ("EfficientNet-Lite0", 1280), "FID": ("FID Inception", 2048),
    "FID-768": ("FID Inception", 768),
}  # fmt: skip


def null(mean: float, p: float = 0.005, value: float | None = None) -> Null:
    return Null(
        value=mean + 9 if value is None else value, n_real=256, n_fake=300,
        mean=mean, high=mean + 2.4, p=p, permutations=199,
    )  # fmt: skip


def distance(
    label: str, value: float, error: float | None = None, floor: float = 41.3
) -> Distance:
    """A distance with all that a report needs; of a name that is not in `NETWORKS`, of "net"."""
    network, dims = NETWORKS.get(label, ("net", 3))
    return Distance(
        extractor=ExtractorIdentity(
            label=label, network=network, sha256="cd" * 32, layer="spatial mean", version=2,
            preprocessing="pytorch-fid", precision="float32", device="cpu", dims=dims,
            preprocessing_words="uint8 / 255, bilinear",
        ),
        distance=Measured(value, 0.0187 * value if error is None else error),
        metrics={
            "kid": Measured(0.0112, 0.0011), "mmd": None, "precision": Measured(0.77),
            "recall": Measured(0.31), "coverage": Measured(0.42),
            "expected_coverage": Measured(0.6),
        },
        copies=Copies(
            reference="leave-one-out", p=0.62, share_nearer=0.48, duplicates=0, near_duplicates=0,
            threshold=1.5, authentic=0.4, closest=[],
        ),
        null=null(floor, value=value),
    )  # fmt: skip


def gan_measurement(
    values: dict[int, float], shares: dict[int, float], label: str, floor: float = 41.3,
    error: float | None = None,
) -> GanMeasurement:
    """A GAN's snapshots: the distance and the share recognised by epoch, the last one final."""
    found = {epoch: distance(label, value, error, floor) for epoch, value in values.items()}
    epochs = []
    for epoch, one in found.items():
        assert one.null is not None
        distances = {label: SnapshotDistance(distance=one.distance, null=one.null)}
        epochs.append(Snapshot(
            epoch=epoch, n=300, different=300, recognised=shares[epoch], distances=distances
        ))  # fmt: skip
    last = max(values)
    return GanMeasurement(
        distances=[found[last]], n_real=256, n_fake=300,
        different=Different(real=256, fake=300), size=64, real=DOGS, fake=DOGS,
        recognised_real=0.97, recognised_fake=shares[last], epochs=epochs,
    )  # fmt: skip
