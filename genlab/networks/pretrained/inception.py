"""FID Inception's weights: from a file, the cache, the data folder, or a download.

- `pt_inception-2015-12-05-6726825d.pth`: pytorch-fid's, read only if its SHA-256 is right;
- `*.npz`: folded units, `NAME.weight` and `NAME.bias`; those of `Mixed_7b..c` may be missing;
- `*.safetensors`: the same as safetensors; the cache keeps the first in this form.

All weights give 2048 features, those of FID proper; without those of `Mixed_7b..c` there are 768
features, which are exact.
"""

__all__ = [
    "DIMS",
    "HOW",
    "SHA256",
    "URL",
    "Inception",
    "at_hand",
    "find_inception",
    "load_inception",
    "to_input",
]

import hashlib
import tempfile

from pathlib import Path

import torch

from genlab.common.cache import cached, is_cached, read_cached
from genlab.common.errors import InputError
from genlab.common.formats.files import read_file
from genlab.common.formats.numpy_arrays import read_npz
from genlab.common.formats.tensors import read_tensors
from genlab.common.paths import data_folder
from genlab.networks.pretrained.inception_net import (
    DIMS,
    FILE,
    HOW,
    SHA256,
    URL,
    Inception,
    to_input,
)
from genlab.networks.pretrained.weights import LARGEST, Weights, fold, read_pinned

CACHED = f"weights/fid-inception-{SHA256[:12]}"
EPS = 1e-3


def load_inception(file: Path | None = None, download: bool = False) -> Inception:
    """Loads FID Inception from the first of: `file`, the cache, the data folder, a download.

    Arguments:
        file: A file of the list above; if given, nothing else is tried.
        download: Whether to download the published file (95 MB) if there is no other.

    Raises:
        InputError: If there are no weights, or they are not FID Inception's, with the remedy.
    """
    if file is not None:
        return _from_file(file)
    kept = read_cached(CACHED)
    if kept is not None:
        return Inception(kept, SHA256)
    found = find_inception()
    if found is not None and not (download and found.suffix == ".npz"):
        return _from_file(found)
    if download:
        return _download()
    raise InputError(f"FID Inception's weights are not on this machine: {HOW}")


def find_inception() -> Path | None:
    """Returns the file in the data folder's `inception/`, the complete one first, or None."""
    data = data_folder()
    if data is None:
        return None
    folder = data / "inception"
    places = [folder / FILE, *sorted(folder.glob("*.safetensors")), *sorted(folder.glob("*.npz"))]
    return next((place for place in places if place.is_file()), None)


def at_hand() -> bool:
    """Returns whether the cache or the data folder has weights, complete or not; reads none."""
    return is_cached(CACHED) or find_inception() is not None


def _from_file(file: Path) -> Inception:
    if file.suffix == ".pth":
        # checked each time that it is given: the cache must not replace a damaged file
        state = read_pinned(file, SHA256)
        return Inception(cached(CACHED, lambda: folded(state)), SHA256)
    try:
        data = read_file(file, LARGEST)
    except OSError as error:
        raise InputError(f"`inception` {file}: cannot be read ({error.strerror})") from None
    if file.suffix == ".npz":
        weights = _read_npz(file, data)
    elif file.suffix == ".safetensors":
        weights = _read_safetensors(file, data)
    else:
        raise InputError(f"`inception` {file}: give a .pth, .npz or .safetensors file; {HOW}")
    return Inception(weights, hashlib.sha256(data).hexdigest())


def _read_npz(file: Path, data: bytes) -> Weights:
    try:
        arrays = read_npz(data, f"`inception` {file}")
    except InputError as error:
        raise InputError(f"{error}; {HOW}") from None
    wide = [key for key, array in arrays.items() if array.dtype.itemsize > 8]
    if wide:
        raise InputError(f"`inception` {file}: {wide[0]} has more than 64 bits a value; {HOW}")
    return {key: torch.from_numpy(array) for key, array in arrays.items()}


def _read_safetensors(file: Path, data: bytes) -> Weights:
    try:
        return read_tensors(data, f"`inception` {file}")
    except InputError as error:
        raise InputError(f"{error}; {HOW}") from None


def _download() -> Inception:
    import pooch

    with tempfile.TemporaryDirectory() as folder:
        try:
            file = pooch.retrieve(URL, f"sha256:{SHA256}", FILE, folder)
        except (OSError, ValueError) as error:
            raise InputError(
                f"`inception` download: cannot be fetched ({error}); bring {URL} here by other "
                "means and give the file as `inception`"
            ) from None
        return _from_file(Path(file))


def folded(state: Weights) -> Weights:
    """Returns the weights of `Inception` from pytorch-fid's unfolded state dict.

    Its classifier (`fc`) is left out: no distance uses it.

    Arguments:
        state: `NAME.conv.weight` and `NAME.bn.{weight,bias,running_mean,running_var}`.
    """
    weights: Weights = {}
    for key, conv in state.items():
        name, unit, rest = key.partition(".conv.weight")
        if not unit or rest:
            continue
        keys = ("weight", "bias", "running_mean", "running_var")
        norm = {k: state[f"{name}.bn.{k}"] for k in keys}
        weights[f"{name}.weight"], weights[f"{name}.bias"] = fold(conv, norm, EPS)
    return weights
