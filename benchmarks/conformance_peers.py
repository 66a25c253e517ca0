"""The functions that `conformance.py` runs: those of real packages, and formulas restated.

A package is called below its network, with features in place of images. Several import
torchvision at the top for that network; where a module is not installed, an empty stand-in takes
its place during the import, which the distances that run here never touch.
"""

import importlib
import importlib.abc
import importlib.machinery
import sys
import types

from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import numpy as np

from genlab.conformance.distances import of_statistics

OPTIONAL = ("torchvision", "torch", "requests", "PIL", "tqdm", "sklearn")


class _Anything(type):
    """A class that has every attribute; each is such a class, and a call returns its argument."""

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _Anything(name, (), {})

    def __call__(cls, *given: Any, **_: Any) -> Any:
        return given[0] if len(given) == 1 and callable(given[0]) else cls


class _Module(types.ModuleType):
    __path__: list[str] = []

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _Anything(name, (), {})


class _StandIns(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds what could not be found otherwise, if it is one of `OPTIONAL`."""

    def find_spec(self, name: str, path: Any, target: Any = None) -> Any:
        if name.partition(".")[0] in OPTIONAL:
            return importlib.machinery.ModuleSpec(name, self, is_package=True)
        return None

    def create_module(self, spec: Any) -> types.ModuleType:
        return _Module(spec.name)

    def exec_module(self, module: types.ModuleType) -> None:
        pass


def load(name: str) -> Any:
    """Imports a package's module, with stand-ins for what it wants and this machine lacks."""
    finder = _StandIns()
    sys.meta_path.append(finder)
    try:
        return importlib.import_module(name)
    finally:
        sys.meta_path.remove(finder)


def tensors(function: Callable) -> Callable:
    import torch

    return lambda *arrays: function(*(torch.tensor(array) for array in arrays))


def identity(features: int) -> Any:
    """A torch module that takes features for images."""
    import torch

    module = torch.nn.Identity()
    module.num_features = features
    return module


def pytorch_fid() -> dict[str, Callable]:
    # it copies features into a float64 array first, as `of_statistics` does
    distance = load("pytorch_fid.fid_score").calculate_frechet_distance
    return {"frechet": of_statistics(distance), "frechet-statistics": distance,
            "refused": of_statistics(distance)}  # fmt: skip


def clean_fid() -> dict[str, Callable]:
    fid = load("cleanfid.fid")

    def kid(x: Any, y: Any) -> float:
        np.random.seed(0)  # it draws from NumPy's global state
        return fid.kernel_distance(x, y)

    return {"frechet": fid.fid_from_feats, "frechet-statistics": fid.frechet_distance,
            "refused": fid.fid_from_feats, "kid": kid}  # fmt: skip


def torchmetrics() -> dict[str, Callable]:
    import torch

    image = load("torchmetrics.image.fid"), load("torchmetrics.image.kid")

    def fid(x: Any, y: Any) -> Any:
        metric = image[0].FrechetInceptionDistance(feature=identity(x.shape[-1]))
        metric.update(x, real=True)
        metric.update(y, real=False)
        return metric.compute()

    def kid(x: Any, y: Any) -> Any:
        torch.manual_seed(0)
        metric = image[1].KernelInceptionDistance(
            feature=identity(x.shape[-1]), subsets=1, subset_size=min(len(x), len(y))
        )
        metric.update(x, real=True)
        metric.update(y, real=False)
        return metric.compute()[0]

    return {"frechet": tensors(fid), "frechet-statistics": tensors(image[0]._compute_fid),
            "refused": tensors(fid), "kid": tensors(kid)}  # fmt: skip


def torch_fidelity() -> dict[str, Callable]:
    fid, kid = load("torch_fidelity.metric_fid"), load("torch_fidelity.metric_kid")
    prc = load("torch_fidelity.metric_prc")

    def distance(mean1: Any, cov1: Any, mean2: Any, cov2: Any) -> float:
        first, second = {"mu": mean1, "sigma": cov1}, {"mu": mean2, "sigma": cov2}
        return fid.fid_statistics_to_metric(first, second, False)[fid.KEY_METRIC_FID]

    def from_features(x: Any, y: Any) -> float:
        first, second = (fid.fid_features_to_statistics(z) for z in (x, y))
        return fid.fid_statistics_to_metric(first, second, False)[fid.KEY_METRIC_FID]

    def kernel(x: Any, y: Any) -> float:
        size = min(len(x), len(y))
        return kid.kid_features_to_metric(
            x, y, kid_subsets=1, kid_subset_size=size, verbose=False
        )[kid.KEY_METRIC_KID_MEAN]

    def neighbours(key: str) -> Callable:
        return tensors(lambda x, y: prc.prc_features_to_metric(y, x, verbose=False)[key])

    return {
        "frechet": tensors(from_features), "frechet-statistics": distance,
        "refused": tensors(from_features), "kid": tensors(kernel),
        "precision": neighbours("precision"), "recall": neighbours("recall"),
    }  # fmt: skip


def ignite() -> dict[str, Callable]:
    module = load("ignite.metrics.gan.fid")

    def fid(x: Any, y: Any) -> Any:
        metric = module.FID(num_features=x.shape[-1], feature_extractor=identity(x.shape[-1]))
        metric.update((x, y))
        return metric.compute()

    def distance(mean1: Any, cov1: Any, mean2: Any, cov2: Any) -> float:
        return module.fid_score(mean1, mean2, cov1, cov2)

    return {"frechet": tensors(fid), "frechet-statistics": tensors(distance),
            "refused": tensors(fid)}  # fmt: skip


def torcheval() -> dict[str, Callable]:
    fid = load("torcheval.metrics.image.fid").FrechetInceptionDistance
    bare = fid.__new__(fid)  # its constructor and `update` ask for torchvision and images

    return {"frechet-statistics": tensors(bare._calculate_frechet_distance)}


def prdc() -> dict[str, Callable]:
    compute = load("prdc.prdc").compute_prdc
    parts = {"precision": 3, "recall": 3, "density": 5, "coverage": 5}
    return {
        name: lambda x, y, name=name, k=k: compute(x, y, nearest_k=k)[name]
        for name, k in parts.items()
    }


def genlab() -> dict[str, Callable]:
    from genlab.metrics.frechet_distance import Statistics, frechet_distance
    from genlab.metrics.kernel import kid
    from genlab.metrics.manifold import density_coverage, precision_recall

    return {
        "frechet": tensors(frechet_distance),
        "frechet-statistics": tensors(
            lambda m, s, n, t: frechet_distance(Statistics(m, s), Statistics(n, t))
        ),
        "refused": tensors(frechet_distance),
        "kid": tensors(lambda x, y: kid(x, y).value),
        "precision": tensors(lambda x, y: precision_recall(x, y).precision),
        "recall": tensors(lambda x, y: precision_recall(x, y).recall),
        "density": tensors(lambda x, y: density_coverage(x, y).density),
        "coverage": tensors(lambda x, y: density_coverage(x, y).coverage),
    }


def restated_eigh() -> dict[str, Callable]:
    """Tr sqrt(S T) from the eigenvalues of the symmetric sqrt(S) T sqrt(S), clipped at 0."""

    def distance(mean1: Any, cov1: Any, mean2: Any, cov2: Any) -> float:
        cov1, cov2 = np.atleast_2d(cov1), np.atleast_2d(cov2)
        values, vectors = np.linalg.eigh(cov1)
        root = vectors * np.sqrt(values.clip(min=0)) @ vectors.T
        shared = np.sqrt(np.linalg.eigvalsh(root @ cov2 @ root).clip(min=0)).sum()
        return float(np.square(mean1 - mean2).sum() + np.trace(cov1 + cov2) - 2 * shared)

    return {"frechet": of_statistics(distance), "frechet-statistics": distance,
            "refused": of_statistics(distance)}  # fmt: skip


def restated_sqrtm() -> dict[str, Callable]:
    """`scipy.linalg.sqrtm` of the product in one argument, its real part: no option of SciPy's."""
    from scipy.linalg import sqrtm

    def distance(mean1: Any, cov1: Any, mean2: Any, cov2: Any) -> float:
        root = np.asarray(sqrtm(np.atleast_2d(cov1) @ np.atleast_2d(cov2)))
        shift = np.square(mean1 - mean2).sum()
        return float(shift + np.trace(np.atleast_2d(cov1 + cov2)) - 2 * np.trace(root).real)

    return {"frechet": of_statistics(distance), "frechet-statistics": distance,
            "refused": of_statistics(distance)}  # fmt: skip


PEERS: dict[str, tuple[str | None, Callable[[], dict[str, Callable]]]] = {
    "genlab": (None, genlab),
    "pytorch-fid": ("pytorch-fid", pytorch_fid),
    "clean-fid": ("clean-fid", clean_fid),
    "torchmetrics": ("torchmetrics", torchmetrics),
    "torch-fidelity": ("torch-fidelity", torch_fidelity),
    "ignite": ("pytorch-ignite", ignite),
    "torcheval": ("torcheval", torcheval),
    "prdc": ("prdc", prdc),
    "eigh, restated": (None, restated_eigh),
    "sqrtm, restated": (None, restated_sqrtm),
}


def label(name: str) -> str:
    """Returns a peer's name with its version, if it is a package."""
    package = PEERS[name][0]
    return f"{name} {version(package)}" if package else name
