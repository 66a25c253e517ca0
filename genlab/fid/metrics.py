"""The metrics that stand beside a Fréchet distance: one row each.

To add a metric, write its file in `genlab/metrics/` and a row here: its value then appears in
`results.json`, in the command's table, in the notebook and in the report, under the name that its
`Quantity` gives it. Rows import what they compute with when they are called: whoever shows results
needs the names, and no torch.

Shapes: N real images, M generated ones, F features.
"""

__all__ = [
    "DISTANCE",
    "FLOOR",
    "LIMIT",
    "MEMORISATION",
    "METRICS",
    "REAL_FLOOR",
    "FeatureSets",
    "Metric",
    "P",
    "Taken",
    "metric_rows",
    "metric_values",
    "quantities",
]  # fmt: skip

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from genlab.common.quantities import Measured, Quantity

if TYPE_CHECKING:
    from torch import Tensor

    from genlab.fid.results import Distance

DISTANCE = Quantity("distance", "Fréchet distance", "Fréchet距离")
FLOOR = Quantity("floor", "floor (sets permuted)", "下限（置换）")
REAL_FLOOR = Quantity("real_floor", "floor (real to real)", "下限（真实图像之间）")
P = Quantity("p", "p (same distribution)", "p（同分布）")
LIMIT = Quantity("limit", "limit of infinitely many images", "图像数趋于无穷的极限")
MEMORISATION = Quantity("memorisation", "p (not memorised)", "p（未记忆）")

NEIGHBOURS, CLOSED_NEIGHBOURS = 5, 3
"""k of density and coverage, and of precision and recall, as their authors have it."""


class Taken(Enum):
    """Which images a metric takes (`genlab.features.sample` says why)."""

    ALL = "all of them"
    DIFFERENT = "one of each kind of equal images"
    OWN = "one of each kind that is in one set only"


@dataclass(frozen=True, kw_only=True, eq=False)
class FeatureSets:
    """The features that a metric is computed from."""

    real: "Tensor"
    """Of the real images, with shape `(N, F)`."""
    fake: "Tensor"
    """Of the generated images, with shape `(M, F)`."""
    logits: "Callable[[Tensor], Tensor] | None" = None
    """Maps features to the logits of a classifier's classes, if the network is one."""

    @property
    def has_directions(self) -> bool:
        """Whether no row is all 0: what compares directions is not defined with such rows."""
        return bool(self.real.any(1).all() and self.fake.any(1).all())


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A row: one computation, the quantities that it gives, and what a report says of them."""

    quantities: tuple[Quantity, ...]
    compute: Callable[[FeatureSets], tuple[Measured | None, ...]]
    """Returns the quantities in their order; None for one that is not defined."""
    en: str
    zh: str
    """A clause that completes "QUANTITIES ..."."""
    reference: str = ""
    """The work that defines it, as a list of references has it."""
    images: Taken = Taken.DIFFERENT
    """The images that it is computed from."""


def quantities() -> list[Quantity]:
    """Returns the quantities of all rows."""
    return [quantity for metric in METRICS for quantity in metric.quantities]


def metric_values(sets: Mapping[Taken, FeatureSets | None]) -> dict[str, Measured | None]:
    """Returns the values of all rows, by the keys of their quantities.

    Arguments:
        sets: The features to compute from, by which images they are of; None where these are too
            few: what is of them is then None.
    """
    found = {}
    for metric in METRICS:
        keys = [quantity.key for quantity in metric.quantities]
        features = sets[metric.images]
        values = (None,) * len(keys) if features is None else metric.compute(features)
        found |= dict(zip(keys, values, strict=True))
    return found


def metric_rows(
    distances: "Sequence[Distance]", text: Callable[[Measured], str] = Measured.text
) -> list[tuple[Quantity, list[str]]]:
    """Returns the quantities that some network has, each with a text a network.

    Arguments:
        distances: One a network.
        text: Writes a value with its error.
    """
    rows = []
    for quantity in quantities():
        values = [d.metrics.get(quantity.key) for d in distances]
        if any(value is not None for value in values):
            rows.append((quantity, ["" if v is None else text(v) for v in values]))
    return rows


def _kid(sets: FeatureSets) -> tuple[Measured]:
    from genlab.metrics.kernel import kid

    return (kid(sets.real, sets.fake),)


def _gaussian_mmd(sets: FeatureSets) -> tuple[Measured | None, Measured | None]:
    from genlab.metrics.kernel import gaussian_mmd

    if not sets.has_directions:
        return None, None
    found = gaussian_mmd(sets.real, sets.fake)
    return found.unbiased, Measured(found.biased)


def _neighbours(sets: FeatureSets) -> int:
    return min(NEIGHBOURS, len(sets.real) - 1, len(sets.fake) - 1)


def _precision_recall(sets: FeatureSets) -> tuple[Measured, Measured]:
    from genlab.metrics.manifold import precision_recall

    k = min(CLOSED_NEIGHBOURS, _neighbours(sets))
    found = precision_recall(sets.real, sets.fake, k)
    return Measured(found.precision), Measured(found.recall)


def _density_coverage(sets: FeatureSets) -> tuple[Measured, Measured, Measured]:
    from genlab.metrics.manifold import density_coverage, expected_coverage

    k = _neighbours(sets)
    found = density_coverage(sets.real, sets.fake, k)
    expected = expected_coverage(len(sets.real), len(sets.fake), k)
    return Measured(found.density), Measured(found.coverage), Measured(expected)


def _vendi(sets: FeatureSets) -> tuple[Measured | None]:
    from genlab.metrics.diversity import vendi_score

    if not sets.fake.any(1).all():
        return (None,)
    return (Measured(vendi_score(sets.fake)),)


def _classes(sets: FeatureSets) -> tuple[Measured | None, Measured | None]:
    from genlab.metrics.diversity import class_entropy, inception_score
    from genlab.metrics.rows import Rows

    logits = sets.logits
    if logits is None:
        return None, None
    probabilities = Rows.of(sets.fake).changed(
        lambda rows: logits(rows.float()).detach().double().softmax(1)
    )
    score = inception_score(probabilities).value
    return Measured(score), Measured(class_entropy(probabilities))


METRICS = [
    Metric(
        quantities=(Quantity("kid", "KID", "KID"),),
        compute=_kid,
        images=Taken.OWN,
        en="is an unbiased kernel distance (0 on average for one distribution)",
        zh="是无偏的核距离（同一分布时平均为0）",
        reference="Bińkowski M, Sutherland D J, Arbel M, Gretton A. Demystifying MMD GANs. ICLR, "
        "2018. arXiv:1801.01401.",
    ),
    Metric(
        quantities=(
            Quantity("mmd", "Gaussian MMD (thousandths)", "高斯核MMD（千分之一）"),
            Quantity(
                "mmd_biased", "biased Gaussian MMD (thousandths)", "有偏的高斯核MMD（千分之一）"
            ),
        ),
        compute=_gaussian_mmd,
        images=Taken.OWN,
        en="compare the directions of features by a Gaussian kernel, as CMMD does",
        zh="像CMMD那样用高斯核比较特征的方向",
        reference="Jayasumana S, Ramalingam S, Veit A, et al. Rethinking FID: Towards a Better "
        "Evaluation Metric for Image Generation. CVPR, 2024. arXiv:2401.09603.",
    ),
    Metric(
        quantities=(
            Quantity("precision", "precision", "精度"), Quantity("recall", "recall", "召回"),
        ),
        compute=_precision_recall,
        en="go by nearest neighbours: the share of generated images that look real, and of real "
        "ones that are generated",
        zh="由最近邻给出，分别为像真实图像的生成图像与被生成到的真实图像所占的比例",
        reference="Kynkäänniemi T, Karras T, Laine S, Lehtinen J, Aila T. Improved Precision and "
        "Recall Metric for Assessing Generative Models. NeurIPS, 2019. arXiv:1904.06991.",
    ),
    Metric(
        quantities=(
            Quantity("density", "density", "密度"),
            Quantity("coverage", "coverage", "覆盖"),
            Quantity("expected_coverage", "coverage (same distribution)", "覆盖（同分布）"),
        ),
        compute=_density_coverage,
        en="measure the same and are less sensitive to outliers; for one distribution density is "
        "1 on average, and coverage as stated",
        zh="含义相近而对离群点不敏感；同一分布时密度平均为1，覆盖如表中所列",
        reference="Naeem M F, Oh S J, Uh Y, Choi Y, Yoo J. Reliable Fidelity and Diversity "
        "Metrics for Generative Models. ICML, 2020. arXiv:2002.09797.",
    ),
    Metric(
        quantities=(Quantity("vendi", "Vendi score", "Vendi分数"),),
        compute=_vendi,
        en="is the effective number of different generated images",
        zh="是生成图像的有效种数",
        reference="Friedman D, Dieng A B. The Vendi Score: A Diversity Evaluation Metric for "
        "Machine Learning. TMLR, 2023. arXiv:2210.02410.",
        images=Taken.ALL,
    ),
    Metric(
        quantities=(
            Quantity("class_score", "class score", "类别分数"),
            Quantity("class_entropy", "entropy over classes", "类别熵", unit="nats"),
        ),
        compute=_classes,
        en="say how sure a classifier is of each generated image (the Inception score's formula) "
        "and how evenly the images cover its classes",
        zh="分别说明分类器对每张生成图像的把握（Inception分数的公式）与图像在各类别上的均匀程度",
        reference="Salimans T, Goodfellow I, Zaremba W, et al. Improved Techniques for Training "
        "GANs. NeurIPS, 2016. arXiv:1606.03498.",
        images=Taken.ALL,
    ),
]
"""The metrics in the order in which they are shown."""
