"""The report's sentences on a distance: its kind, its uncertainty, and memorised images."""

__all__ = ["KINDS", "kinds", "memorised", "metrics", "repeated", "uncertainty"]

from collections.abc import Sequence

from genlab.fid.metrics import METRICS
from genlab.fid.results import Distance, Measurement
from genlab.fid.verdict import Copying, copying, distinguishes
from genlab.lab.report.numbers.numbers import alike, count, number, plus_minus
from genlab.lab.report.writer import Writer

KINDS = {
    "FID": (
        "即标准的FID：FID Inception网络2048维特征上的Fréchet距离",
        "FID proper: the Fréchet distance over the 2048 features of FID Inception",
    ),
    "FID-768": (
        "FID Inception网络中间层Mixed_6e的768维特征上的Fréchet距离，即pytorch-fid的`--dims 768`；"
        "它与2048维的FID不是同一个量，数值不可相互比较",
        "the Fréchet distance over the 768 features of FID Inception at Mixed_6e, which pytorch-fid "
        "computes with `--dims 768`; it is a different quantity from FID over 2048 features, and "
        "their values cannot be compared",
    ),
    "FID-192": (
        "FID Inception网络第二次池化后的192维特征上的Fréchet距离，与2048维的FID不是同一个量",
        "the Fréchet distance over 192 features of FID Inception, a different quantity from FID",
    ),
    "FID-64": (
        "FID Inception网络第一次池化后的64维特征上的Fréchet距离，与2048维的FID不是同一个量",
        "the Fréchet distance over 64 features of FID Inception, a different quantity from FID",
    ),
    "FD (random convolutions)": (
        "三层固定随机卷积特征上的Fréchet距离：没有经过任何训练，只看颜色与纹理，不是FID",
        "the Fréchet distance over the features of three fixed random convolutions, which are not "
        "trained and respond only to colours and textures; it is not FID",
    ),
    "FD (EfficientNet-Lite0)": (
        "EfficientNet-Lite0的1280维特征上的Fréchet距离；公式与FID相同，但网络不同，所以不称为FID，"
        "也不能与文献中的FID比较",
        "the Fréchet distance over the 1280 features of EfficientNet-Lite0; the formula is that "
        "of FID but the network is not, so it is not called FID and cannot be compared with "
        "published FIDs",
    ),
}
"""The meaning of each label of a distance."""


def kinds(w: Writer, distances: Sequence[Distance]) -> str:
    """Returns the meaning of each distance."""
    return w.pick("；", "; ").join(
        w.pick(f"{d.label}是{KINDS[d.label][0]}", f"{d.label} is {KINDS[d.label][1]}")
        for d in distances
    )


def metrics(w: Writer, distances: Sequence[Distance]) -> str:
    """Returns a clause on each metric that some network has, with the work that defines it."""
    clauses = []
    for metric in METRICS:
        keys = [quantity.key for quantity in metric.quantities]
        if not any(d.metrics.get(key) for d in distances for key in keys):
            continue
        cited = w.cite(keys[0]) if metric.reference else ""
        zh = "、".join(quantity.zh for quantity in metric.quantities)
        en = " and ".join(quantity.en for quantity in metric.quantities)
        clauses.append(w.pick(f"{zh}{cited}{metric.zh}", f"{en}{cited} {metric.en}"))
    return w.pick("；", "; ").join(clauses)


def uncertainty(w: Writer, d: Distance) -> str:
    """Returns the sentence on one distance: is it above that of two samples of one distribution?"""
    null, label, found = d.null, d.label, plus_minus(d.distance)
    if null is None:
        return w.pick(
            f"{label} = {found}；不同的图像太少，无法给出标准误、下限与检验",
            f"{label} = {found}; too few images are different for a standard error, a floor or a "
            "test",
        )
    sign = "≤" if null.is_smallest else "="
    p = f"*p* {sign} {null.p:.3f}"
    floor, high = alike(null.mean, d.distance), alike(null.high, d.distance)
    if distinguishes(null):
        told = (
            "因此生成图像与真实图像能够区分",
            "so the generated images can be distinguished from the real ones",
        )
    else:
        told = (
            "因此在这个样本量下分不出生成图像与真实图像（这不等于两者相同）",
            "so at these numbers the generated images cannot be distinguished from the real ones "
            "(which does not mean that they are the same)",
        )
    return w.pick(
        f"{label} = {found}（刀切法标准误）；把两组图像混合后随机分成同样大小的两组，平均为{floor}，"
        f"95%的划分不超过{high}（置换检验，{p}），{told[0]}",
        f"{label} = {found} (standard error by the jackknife); mixed and split at random into two "
        f"sets of the same sizes, the images give {floor} on average and at most {high} in 95 % "
        f"of the splits (permutation test, {p}), {told[1]}",
    )


def repeated(w: Writer, fid: Measurement) -> str:
    """Returns a sentence on repeated images, "" if all are different and in one set only."""
    n_real, n_fake, different = fid.n_real, fid.n_fake, fid.different
    assert n_real is not None  # images were compared
    assert different.real is not None
    if (n_real, n_fake, 0) == (different.real, different.fake, different.common):
        return ""
    common = count(different.common)
    return w.pick(
        f"{count(n_fake)}张生成图像中有{count(different.fake)}张互不相同，{count(n_real)}张真实图像中有"
        f"{count(different.real)}张互不相同，两组共有的为{common}张（按像素）；重复的图像不是独立的样本，"
        "标准误、下限与检验只按互不相同的图像计算。",
        f"{count(different.fake)} of the {count(n_fake)} generated images and "
        f"{count(different.real)} of the {count(n_real)} real ones are different, {common} are in "
        "both sets (by their pixels); repeated images are no independent samples, so standard "
        "errors, floors and tests are of the different ones.",
    )


def memorised(w: Writer, d: Distance) -> str:
    """Returns the sentence on copies and the test of memorisation."""
    found = d.copies
    assert found is not None  # images were compared
    same = w.pick(
        f"与训练图像逐像素相同的生成图像有{count(found.duplicates)}张",
        f"{count(found.duplicates)} generated images are training images, pixel for pixel",
    )
    if found.p is None or found.share_nearer is None:
        return same + w.pick("；不同的图像太少，无法检验", "; too few are different for a test")
    p, share = number(found.p, 3), number(100 * found.share_nearer, 1)
    against = (
        ("训练时没有用过的真实图像到训练图像的最近距离", "those of held-out real images")
        if found.reference == "held-out"
        else ("真实图像彼此之间的最近距离", "those of the real images among each other")
    )
    told = {
        Copying.SAME: ("确有照抄的图像", "so some are copies"),
        Copying.NEARER: (
            "生成图像离训练图像更近，可能记住了训练图像，也可能只是彼此相似，应查看最近的图像对",
            "the generated images lie nearer: they may be memorised, or merely similar to each "
            "other; look at the closest pairs",
        ),
        Copying.NOT_NEARER: (
            "检验没有发现生成图像整体上更近（不排除个别照抄）",
            "the test does not find the generated images nearer on the whole (which does not "
            "exclude single copies)",
        ),
    }[copying(found)]
    return w.pick(
        f"生成图像到最近训练图像的距离与{against[0]}相比（{d.extractor.network}特征，秩和检验）："
        f"前者较小的概率为{share}%，*p* = {p}；{same}：{told[0]}",
        f"the distances of the generated images to their nearest training images against "
        f"{against[1]} ({d.extractor.network} features, rank test): the former are smaller with "
        f"probability {share} %, *p* = {p}; {same}: {told[1]}",
    )
