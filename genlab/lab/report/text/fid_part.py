r"""The report on the Fréchet distance: formula, computation, numbers, and which number it is.

FID(x, g) = ||mu_x - mu_g||^2 + Tr(S_x + S_g - 2 (S_x S_g)^{1/2})               (4)

The numbers of a lab run are in `gan/fid.json`.
"""

__all__ = ["fid_part", "fid_verdict"]

import math

from collections.abc import Sequence

from genlab.common.quantities import Measured
from genlab.fid.metrics import DISTANCE, FLOOR, metric_rows
from genlab.fid.results import Distance, Measurement, Snapshot
from genlab.lab.report.numbers.bound import like
from genlab.lab.report.numbers.compare import trend
from genlab.lab.report.numbers.facts import Facts
from genlab.lab.report.numbers.numbers import PLUS_MINUS, alike, count, number, parts, plus_minus
from genlab.lab.report.text.data_words import data_name
from genlab.lab.report.text.excerpts import excerpt
from genlab.lab.report.text.fid_words import kinds, memorised, metrics, repeated, uncertainty
from genlab.lab.report.writer import Writer
from genlab.metrics import frechet_distance


def fid_part(w: Writer, facts: Facts) -> None:
    """Writes the sections on the distance."""
    _method(w, facts)
    _result(w, facts)
    _over_epochs(w, facts)


def fid_verdict(w: Writer, facts: Facts) -> str:
    """Returns the distances and the share recognised, as one clause."""
    parts = [f"{d.label} = {plus_minus(d.distance)}" for d in facts.fid.distances]
    joined = w.pick("，", ", ").join(parts)
    share = _percent(facts.fid.recognised_fake)
    return w.pick(f"{joined}，{share}%被识别为狗", f"{joined}, {share} % recognised as dogs")


def _method(w: Writer, facts: Facts) -> None:
    w.heading(2, "2.4 FID的实现", "2.4 The FID function")
    w.para(
        f"把真实图像$x$与生成图像$g$的特征各看作高斯分布，FID{w.cite('fid')}是两个高斯之间的Fréchet距离（的平方），越小越好：",
        f"FID{w.cite('fid')} models the features of the real images $x$ and of the generated "
        "images $g$ as one Gaussian each. It is the (squared) Fréchet distance between the two "
        "Gaussians; lower is better:",
    )
    w.equation(
        r"\text{FID}(x, g) = \left\lVert \mu_x - \mu_g \right\rVert^2 + \operatorname{Tr}\left( "
        r"\Sigma_x + \Sigma_g - 2 \sqrt{\Sigma_x \Sigma_g} \right)", "4",
    )
    w.para(
        f"难点在于$\\sqrt{{\\Sigma_x \\Sigma_g}}$：{count(facts.fid.n_fake)}张图像的协方差矩阵远不满秩，直接对矩阵开方"
        r"很慢，而且损失一半有效数字。这里改用低秩的等价形式"
        f"{w.cite('lowrank')}：记中心化后的特征矩阵为$X_c \\in \\mathbb{{R}}^{{n \\times d}}$、"
        r"$Y_c \in \mathbb{R}^{m \times d}$，由于$PQ$与$QP$的非零特征值相同，",
        f"The hard part is $\\sqrt{{\\Sigma_x \\Sigma_g}}$: with {count(facts.fid.n_fake)} "
        "images the covariance matrix is far from full rank, and computing the root of the matrix "
        "product is slow and loses half of the digits. This report uses an equivalent low-rank "
        f"form{w.cite('lowrank')} "
        r"instead: with centred features $X_c \in \mathbb{R}^{n \times d}$ and $Y_c \in "
        r"\mathbb{R}^{m \times d}$, and because $PQ$ and $QP$ share their non-zero eigenvalues,",
    )
    w.equation(
        r"\operatorname{Tr} \sqrt{\Sigma_x \Sigma_g} = \sum_i \sigma_i(A), \qquad A = "
        r"\frac{X_c Y_c^{\top}}{\sqrt{(n-1)(m-1)}}"
    )
    w.para(
        r"即一个$n \times m$实矩阵的奇异值之和：没有虚部，不必给对角线加小量，对任何秩都精确；全程使用双精度浮点数。",
        r"which is the sum of the singular values of one real $n \times m$ matrix. There is no "
        "imaginary part, nothing is added to the diagonal, and the result is exact at any rank; "
        "everything is computed in float64.",
    )
    w.code(excerpt(frechet_distance._centred, frechet_distance.nuclear_norm, frechet_distance._parts))


def _result(w: Writer, facts: Facts) -> None:
    fid, p = facts.fid, w.pick
    n_fake, n_real = count(fid.n_fake), _count_real(fid)
    w.heading(2, f"2.5 {n_fake}张生成图像的FID", f"2.5 FID of the {n_fake} generated images")
    assert fid.real is not None  # images were compared
    if facts.dogs.stand_in:
        w.note(
            f"注意：参照图像是内置的替代数据（{data_name(w, fid.real)}），下列数值不能当作真实狗照片上的结果。",
            f"Note: the reference images are the embedded stand-in ({data_name(w, fid.real)}); "
            "the numbers below are not results on photographs of dogs.",
        )
    w.para(f"结果见{w.tab('fid')}。", f"{w.tab('fid')} lists the results.")
    _table(w, fid)
    sure = p("。", ". ").join(uncertainty(w, d) for d in fid.distances)
    again = repeated(w, fid)
    w.para(f"**有多确定？**{sure}。{again}", f"**How certain is it?** {sure}. {again}".rstrip())
    w.para(
        f"**这是哪一种数值？**{kinds(w, fid.distances)}。{_lacking(w, facts)}",
        f"**Which quantity is this?** {kinds(w, fid.distances)}. {_lacking(w, facts)}",
    )
    w.para(
        f"**记住了训练图像吗？**参照集就是全部{n_real}张训练图像，Fréchet距离本身发现不了记忆，所以另作检验："
        f"{memorised(w, fid.distances[-1])}。",
        f"**Were training images memorised?** The reference is all {n_real} training images, and a "
        f"Fréchet distance cannot detect memorisation, so there is a separate test: {memorised(w, fid.distances[-1])}.",
    )
    w.para(
        f"**表中的其他指标：**{metrics(w, fid.distances)}。",
        f"**The other quantities in the table:** {metrics(w, fid.distances)}.",
    )
    w.para("从图像到特征的处理：", "How images are turned into features:")
    w.bullets([
        (f"{d.label}：{d.extractor.preprocessing_words}（{d.extractor.layer}）",
         f"{d.label}: {d.extractor.preprocessing_words} ({d.extractor.layer})")
        for d in fid.distances
    ])
    share, real = _percent(fid.recognised_fake), _percent(fid.recognised_real)
    w.para(
        f"**直观指标：**EfficientNet-Lite0把一半以上的概率给了ImageNet的118个狗类的图像，在生成图像中占{share}%，"
        f"在真实图像中占{real}%。",
        "**An intuitive measure:** EfficientNet-Lite0 gives more than half of its probability to "
        f"ImageNet's 118 dog classes for {share} % of the generated images and for {real} % of the "
        "real ones.",
    )
    w.para(
        f"Fréchet距离在样本少时系统性偏大（即使两组图像来自同一分布也大于0），所以这里的数值只能与生成{n_fake}张、真实"
        f"{n_real}张、同一网络与同一处理下的数值比较，不能与文献中用5万张图像得到的FID比较。",
        "With few samples the Fréchet distance is biased upwards (it is above 0 even for two "
        "samples of one distribution). These values can therefore be compared only with values "
        f"from {n_fake} generated and {n_real} real images, the same network and the same "
        "processing, not with published FIDs of 50,000 images.",
    )


def _percent(share: float | None) -> str:
    assert share is not None  # a lab has EfficientNet-Lite0
    return number(100 * share, 1)


def _count_real(fid: Measurement) -> str:
    assert fid.n_real is not None  # images were compared
    return count(fid.n_real)


def _value(d: Distance) -> str:
    value, error = parts(d.distance)
    return f"**{value}**" + (f"{PLUS_MINUS}{error}" if error else "")


def _floor(d: Distance) -> str:
    return alike(d.null.mean, d.distance) if d.null else "–"


def _table(w: Writer, fid: Measurement) -> None:
    """The distances and the metrics, a row a quantity and a column a network."""
    assert fid.real is not None  # images were compared
    n_fake, n_real, size = count(fid.n_fake), _count_real(fid), fid.size
    rows = [
        [DISTANCE.label(w.lang), *map(_value, fid.distances)],
        [FLOOR.label(w.lang), *map(_floor, fid.distances)],
        *([q.label(w.lang), *cells] for q, cells in metric_rows(fid.distances, plus_minus)),
    ]
    w.table(
        "fid", [w.pick("指标", "Quantity"), *(d.label for d in fid.distances)], rows,
        f"{n_fake}张生成图像（{size}×{size}）与{n_real}张真实图像（{data_name(w, fid.real)}）之间的"
        "Fréchet距离及同类指标，带标准误",
        f"Fréchet distances and related quantities of {n_fake} generated images ({size}×{size}) "
        f"and {n_real} real ones ({data_name(w, fid.real)}), with standard errors",
        "l" + "c" * len(fid.distances),
    )


def _lacking(w: Writer, facts: Facts) -> str:
    """What stands in the way of FID proper, if anything."""
    if any(d.label == "FID" for d in facts.fid.distances):
        return ""
    return w.pick(
        "标准的FID需要完整的FID Inception权重，本次运行时没有；可用`genlab fid`加`--inception download`"
        "（下载）或`--inception 文件`补测。",
        "FID proper needs all weights of FID Inception, which this run did not have; "
        "`genlab fid` with `--inception download` or `--inception FILE` measures it.",
    )


def _over_epochs(w: Writer, facts: Facts) -> None:
    epochs = facts.fid.epochs
    labels = [d.label for d in facts.fid.distances]
    w.heading(2, "2.6 质量随轮数的变化", "2.6 Quality over the epochs")
    w.para(
        f"{w.tab('epochs')}是各轮保存的生成器用同样的方法测得的结果。",
        f"{w.tab('epochs')} lists the same measurements for the generators saved at these epochs.",
    )
    rows = [
        [str(e.epoch), *(plus_minus(e.distances[label].distance) for label in labels),
         f"{_percent(e.recognised)}%", _images_of(w, e)]
        for e in epochs
    ]
    w.table(
        "epochs",
        [w.pick("轮数", "Epoch"), *labels, w.pick("识别为狗", "Recognised as dogs"),
         w.pick("图像数", "Images")],
        rows, "不同轮数下生成图像的Fréchet距离（越小越好）与识别率（越大越好）",
        "Fréchet distance (lower is better) and share recognised (higher is better) over the "
        "epochs", "c" * (len(labels) + 3),
    )
    at = [e.epoch for e in epochs]
    if len(at) < 2:
        return
    words = [_trend(w, label, epochs) for label in labels]
    first, last = (_percent(epochs[i].recognised) for i in (0, -1))
    if first == last:
        share = (f"识别为狗的比例首尾都是{last}%", f"The share recognised as dogs is {last} % at "
                 "the first and at the last")
    else:
        share = (f"识别为狗的比例由{first}%变为{last}%",
                 f"The share recognised as dogs went from {first} % to {last} %")
    w.para(
        f"{'；'.join(words)}。标准误之比按两次测量独立计算；下限是两组图像混合后随机划分的平均距离，"
        f"除非照抄参照图像，生成器很难降到它以下。{share[0]}。",
        f"{'; '.join(words)}. The two standard errors are combined as if the measurements were "
        "independent; the floor is what the images give on average, mixed and split at random, "
        f"and a generator that does not copy hardly goes below it. {share[1]}.",
    )


def _images_of(w: Writer, e: Snapshot) -> str:
    """The number of images of a snapshot, and how many are different where not all are."""
    if e.different == e.n:
        return count(e.n)
    return w.pick(f"{count(e.n)}（{count(e.different)}张不同）",
                  f"{count(e.n)} ({count(e.different)} different)")


def _trend(w: Writer, label: str, epochs: Sequence[Snapshot]) -> str:
    """How a distance went: first and last value, whether that is a change, and the floor."""
    at = [e.epoch for e in epochs]
    found = [e.distances[label] for e in epochs]
    t = trend(at, [d.distance.value for d in found])
    first, last = found[0].distance, found[-1].distance
    path = w.pick(
        f"{label}第{at[0]}轮为{plus_minus(first)}，第{at[-1]}轮为{plus_minus(last)}，",
        f"{label} is {plus_minus(first)} at epoch {at[0]} and {plus_minus(last)} at "
        f"epoch {at[-1]}, ",
    )
    null, different = found[-1].null, {e.different for e in (epochs[0], epochs[-1])}
    if null is None or first.error is None or last.error is None or len(different) > 1:
        return path + w.pick("但互不相同的图像太少或数目不等，两者不作比较",
                             "which are not compared: too few images are different, or not as many")
    floor = null.mean
    error = like(math.hypot(first.error, last.error), first.error, last.error)
    change = Measured(first.value - last.value, error)
    above = alike(null.value - floor, last)
    rest = w.pick(
        f"末轮的下限为{alike(floor, last)}，尚高出{above}",
        f"with a floor of {alike(floor, last)} at the last, {above} above it",
    )
    if not change.clear:
        told = w.pick("两者之差在两倍标准误以内，看不出变化", "no change beyond two standard errors")
        return f"{path}{told}{w.pick('，', '; ')}{rest}"
    share, times = number(100 * abs(t.drop), 0), number(abs(change.value) / error, 1)
    word = w.pick(*(("降低", "lower") if t.drop >= 0 else ("升高", "higher")))
    told = w.pick(f"{word}{share}%，为标准误的{times}倍",
                  f"{share} % {word}, {times} standard errors")
    if not t.falling:
        told += w.pick(f"，但并非持续下降，最低值出现在第{t.best_epoch}轮",
                       f", though it does not fall all the way: it is lowest at epoch {t.best_epoch}")
    elif len(at) > 2:
        told += w.pick("，其间持续下降", ", falling all the way")
    return f"{path}{told}{w.pick('；', ', ')}{rest}"
