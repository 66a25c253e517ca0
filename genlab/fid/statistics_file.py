"""Statistics of features in a file: what a Fréchet distance needs of a reference set.

The file is an `.npz` without pickle. `mu` `(F,)` and `sigma` `(F, F)` are named as in
pytorch-fid's files, so each program reads the other's; beside them lie

    count       N, the number of images
    different   how many of them are different, by their pixels (0: not known)
    ddof        what was taken from N in the covariance's divisor: 1
    provenance  JSON: network, SHA-256 of its weights, layer, preprocessing, precision, device,
                version
    size, crop  the side of the squares that the images became (0: each as it was), and which
                square
    source      what the images are
    versions    JSON: of the programs

A plain file of another tool has `mu` and `sigma` alone. The rank of a covariance of N images is
N - 1 unless N > F, so a small N can be read off it.

Shapes: F features.
"""

__all__ = [
    "FeatureOrigin",
    "Framing",
    "LoadedStatistics",
    "holds_statistics",
    "load_statistics",
    "refuse_mismatch",
    "save_statistics",
]

import io
import json

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Literal, NamedTuple, get_args

import numpy as np
import torch

from torch import Tensor

from genlab.common import atomic
from genlab.common.errors import InputError
from genlab.common.formats.json_text import read_object
from genlab.common.formats.numpy_arrays import array_names, read_npz
from genlab.common.typed_json import from_json
from genlab.common.version import __version__
from genlab.data.crops.crop import Crop
from genlab.features.extractor import Provenance
from genlab.metrics.frechet_distance import Statistics

NEGATIVE = 1e-3
"""Of the largest eigenvalue: how far below 0 rounding in float16 or float32 may bring one."""
LARGEST = 1e100
"""Squares of larger values overflow."""
KEYS = ("mu", "sigma", "count", "different", "provenance", "size", "crop")
"""The arrays of a file that are read."""
WHAT = "not readable as statistics mu and sigma"


class Framing(NamedTuple):
    """The size and crop of images before features were extracted."""

    size: int | Literal["native"]
    """The side of their squares; "native": each as it was."""
    crop: Crop
    """Which square of a photograph."""


@dataclass(frozen=True, kw_only=True, eq=False)
class LoadedStatistics:
    """The statistics of a set of images, read from a file."""

    gaussian: Statistics
    """Mean, covariance (divided by N - 1 as far as is known) and N."""
    different: int | None
    """How many of the N images are different; None if the file does not say."""
    provenance: Provenance | None
    """The origin of the features; None if the file does not say."""
    framing: Framing | None
    """Size and crop of the images; None if the file does not say."""
    source: str
    """The file."""
    note: str
    """What the file does not say, and what was assumed; "" if it says everything."""

    @property
    def origin(self) -> "FeatureOrigin":
        """The origin of the features, for `refuse_mismatch`."""
        return FeatureOrigin(self.source, len(self.gaussian.mean), self.provenance)


def save_statistics(
    path: Path, gaussian: Statistics, provenance: Provenance, source: str, framing: Framing,
    different: int | None = None,
) -> None:
    """Writes statistics, wholly or not at all.

    Arguments:
        path: The file, `.npz`.
        gaussian: Mean, covariance (divided by N - 1) and N.
        provenance: The origin of the features.
        source: The SOURCE of the images.
        framing: Their size and crop.
        different: How many of the N images are different, where known.

    Raises:
        InputError: If they are no statistics, as of `load_statistics`.
        OSError: If `path` cannot be written; what was there is as it was.
    """
    mean, covariance, count = gaussian
    mu, sigma = mean.double().cpu().numpy(), covariance.double().cpu().numpy()
    _check(str(path), mu, sigma)
    if count is None or count < 2:
        raise InputError(f"{path}: N = {count}; a covariance needs at least 2 images")
    versions = {"genlab": __version__, **{name: version(name) for name in ("torch", "numpy")}}
    buffer = io.BytesIO()
    np.savez(
        buffer, mu=mu, sigma=sigma, count=np.int64(count), different=np.int64(different or 0),
        ddof=np.int64(1),
        provenance=np.str_(json.dumps(asdict(provenance))), source=np.str_(source),
        size=np.int64(0 if framing.size == "native" else framing.size),
        crop=np.str_(framing.crop), versions=np.str_(json.dumps(versions)),
    )
    atomic.write_bytes(path, buffer.getvalue())


def holds_statistics(path: Path) -> bool:
    """Returns whether a file is an `.npz` with `mu` and `sigma`; reads neither."""
    return {"mu", "sigma"} <= set(array_names(path))


def load_statistics(path: Path, count: int | None = None, ddof: int = 1) -> LoadedStatistics:
    """Reads what `save_statistics` wrote, or a plain file with `mu` and `sigma`.

    Arguments:
        path: The file.
        count: N of a plain file, where known.
        ddof: What a plain file's covariance was divided by: N - `ddof`. pytorch-fid, TTUR and
            clean-fid have 1; StyleGAN has 0 and is scaled by N / (N - 1), which needs N.

    Raises:
        InputError: If the file is damaged, `mu` and `sigma` are no mean and covariance, N is
            other than the file says, or needed and not known.
    """
    arrays = read_npz(path, f"{path}: {WHAT}", only=KEYS, text=True)
    for key in ("mu", "sigma"):
        if key not in arrays:
            raise InputError(f"{path}: {WHAT}: there is no {key}")
    mu, sigma = arrays["mu"], arrays["sigma"]
    _check(str(path), mu, sigma)
    mean, covariance = (torch.from_numpy(_in_torch(array)) for array in (mu, sigma))
    if "provenance" not in arrays:
        return _plain(path, mean, covariance, count, ddof)
    kept = _whole(arrays, "count", path)
    if kept < 2:
        raise InputError(f"{path}: N = {kept}; a covariance needs at least 2 images")
    if count not in (None, kept) or ddof != 1:
        raise InputError(f"{path}: says of itself N = {kept} and ddof 1; leave N and ddof out")
    place = f"{path}: {WHAT}: provenance"
    record = read_object(_text(arrays, "provenance", path).encode("utf-8", "replace"), place)
    return LoadedStatistics(
        gaussian=Statistics(mean.double(), covariance.double(), kept),
        different=_whole(arrays, "different", path) or None,
        provenance=from_json(Provenance, record, place),
        framing=Framing(_whole(arrays, "size", path) or "native", _crop(arrays, path)),
        source=str(path), note="",
    )


def _whole(arrays: Mapping[str, np.ndarray], key: str, path: Path) -> int:
    array = arrays.get(key)
    if array is None or array.shape != () or array.dtype.kind not in "iu" or array < 0:
        raise InputError(f"{path}: {WHAT}: {key} is no whole number")
    return int(array)


def _text(arrays: Mapping[str, np.ndarray], key: str, path: Path) -> str:
    array = arrays.get(key)
    if array is None or array.shape != () or array.dtype.kind != "U":
        raise InputError(f"{path}: {WHAT}: {key} is no text")
    return str(array)


def _crop(arrays: Mapping[str, np.ndarray], path: Path) -> Crop:
    name = _text(arrays, "crop", path)
    for crop in get_args(Crop):
        if name == crop:
            return crop
    raise InputError(f"{path}: {WHAT}: crop {name[:20]!r}")


def _in_torch(array: np.ndarray) -> np.ndarray:
    """Returns an array in a type that torch has: of this machine's byte order, 64 bits at most."""
    wide = array.dtype.itemsize > 8
    return array.astype(np.float64 if wide else array.dtype.newbyteorder("="))


def _plain(
    path: Path, mean: Tensor, covariance: Tensor, count: int | None, ddof: int
) -> LoadedStatistics:
    """Completes statistics that say nothing of themselves."""
    if ddof not in (0, 1):
        raise InputError(f"{path}: ddof {ddof}: must be 0 or 1")
    try:
        values, rank, alive = _spectrum(covariance)
    except torch.linalg.LinAlgError:  # pyright: ignore[reportPrivateImportUsage]
        raise InputError(f"{path}: sigma is no covariance: it has no eigenvalues") from None
    if values.amin() < -NEGATIVE * values.amax():
        raise InputError(
            f"{path}: sigma is no covariance: it has the eigenvalue {values.amin().item():.4g}"
        )
    # One that was calculated in float32 may be kept in float64: its small values are rounding.
    sure = int((values > torch.finfo(torch.float32).eps * len(mean) * values.amax()).sum())
    if count is not None and count < max(2, sure + 1):
        raise InputError(
            f"{path}: N = {count} was given, but the covariance has rank {sure} or more, which "
            f"needs at least {max(2, sure + 1)} images"
        )
    implied = rank + 1 if rank < alive else None
    words = "does not say which network its features come from, nor their images' size and crop"
    if count is None and implied is not None:
        words += f", nor N; the covariance has rank {implied - 1}: N = {implied} if all differ"
    elif count is None:
        words += f", nor N, which its rank does not tell (more than {len(mean)}, maybe)"
    count = count or implied
    if ddof == 0 and count is None:
        raise InputError(f"{path}: a covariance divided by N needs N to be rescaled; give it")
    covariance = covariance.double()
    if ddof == 0 and count is not None:
        covariance = covariance * (count / (count - 1))
        words += f"; rescaled by {count}/{count - 1}, from division by N to division by N - 1"
    gaussian = Statistics(mean.double(), covariance, count)
    return LoadedStatistics(
        gaussian=gaussian, different=None, provenance=None, framing=None, source=str(path),
        note=f"{path} {words}",
    )


def _check(name: str, mu: np.ndarray, sigma: np.ndarray) -> None:
    if mu.ndim != 1 or not len(mu) or sigma.shape != (len(mu), len(mu)):
        raise InputError(
            f"{name}: mu {mu.shape} and sigma {sigma.shape}; they must be (F,) and (F, F), F > 0"
        )
    for key, array in (("mu", mu), ("sigma", sigma)):
        if not (np.issubdtype(array.dtype, np.floating) and np.isfinite(array).all()):
            raise InputError(f"{name}: {key} ({array.dtype}) must hold finite real numbers")
        if float(np.abs(array).max()) > LARGEST:
            raise InputError(f"{name}: {key} has values beyond {LARGEST:g}")
    sigma = sigma.astype(np.float64)
    scale = np.abs(sigma).max(initial=0.0)
    if np.abs(sigma - sigma.T).max(initial=0.0) > 1e-5 * scale or (np.diag(sigma) < 0).any():
        raise InputError(f"{name}: sigma is no covariance: not symmetric, or a variance below 0")


def _spectrum(covariance: Tensor) -> tuple[Tensor, int, int]:
    """Returns the eigenvalues, the rank, and how many features vary."""
    diagonal = covariance.diagonal()
    eps = torch.finfo(covariance.dtype).eps * len(covariance)
    values = torch.linalg.eigvalsh((covariance + covariance.T).double() / 2)
    rank = int((values > eps * values.amax()).sum())
    alive = int((diagonal > eps * diagonal.amax()).sum())
    return values, rank, alive


class FeatureOrigin(NamedTuple):
    """The origin of features, which decides whether two sets of them can be compared."""

    source: str
    """The images, as an error names them."""
    dims: int
    """F."""
    provenance: Provenance | None
    """None if it is not known."""


def refuse_mismatch(a: FeatureOrigin, b: FeatureOrigin) -> None:
    """Raises `InputError` if two sets' features differ in network or preprocessing.

    A plain file says nothing of its network: then only F is compared, and its `note` says so. In
    float32 a processor's features and a GPU's compare: they differ by the order of sums, as those
    of two processors do. In shorter types they do not: there the rounding is seen in a distance.
    """
    if a.dims != b.dims:
        raise InputError(
            f"{a.source} has {a.dims} features, {b.source} has {b.dims}: not comparable"
        )
    if a.provenance is None or b.provenance is None:
        return
    ours, theirs = asdict(a.provenance), asdict(b.provenance)
    exact = a.provenance.precision == "float32"
    differ = [
        f"{key} {ours[key]!r} and {theirs[key]!r}"
        for key in ours
        if ours[key] != theirs[key] and not (key == "device" and exact)
    ]
    if differ:
        raise InputError(
            f"{a.source} and {b.source} are not comparable: {'; '.join(differ)}; take both with "
            "one network and preprocessing"
        )
