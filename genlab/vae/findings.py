"""Findings: what a reader should know of a VAE before its numbers, in sentences.

Each sentence follows from numbers of the results, and quotes them.
"""

__all__ = ["copies", "findings", "say_all"]

from collections.abc import Callable, Sequence
from pathlib import Path

from genlab.common.progress import say
from genlab.common.quantities import Measured, fixed
from genlab.common.text import Title
from genlab.data.identity import ImageCounts
from genlab.vae.results import Measurement

COLLAPSED = 0.1
"""The mutual information I(x; z), in nats, up to which the posterior is called collapsed, but for
two standard errors."""
UNKNOWN = 1.0
"""The standard error, in nats, from which on an estimate of I(x; z) says nothing."""

FAR = 10.0
"""The reach (`evidence/spread.py`) from which on the latent is called exploded."""
ROWS = {
    "张训练图像": "行训练数据", "张测试图像": "行测试数据", "训练图像": "训练数据",
    "测试图像": "测试数据", "同一幅图像": "同一行数据", "平均图像": "各列均值", "图像": "数据行",
    "picture": "row", "image": "row",
}  # fmt: skip
"""The words for rows of a table in place of those for images."""
ONE_PICTURE = 0.01
"""The decoded variance (likewise) up to which the decoder is said to return one picture."""


def findings(
    results: Measurement, number: Callable[[float, int], str] = fixed,
    measured: Callable[[Measured], str] = Measured.text,
) -> list[Title]:
    """Returns what is wrong with a trained model, in both languages; nothing with most.

    Arguments:
        results: The model's measurement.
        number: Writes a number with so many decimal places.
        measured: Writes a number with its error.
    """
    found = [
        *_bound(results, number), *_latent(results, measured), *_reach(results, number),
        *_pictures(results, number), *_components(results), *_bounded(results),
    ]
    return [_of_rows(one) for one in found] if results.reals else found


def _of_rows(title: Title) -> Title:
    """Returns a sentence about images as one about rows of a table."""
    zh, en = title
    for image, row in ROWS.items():
        zh, en = zh.replace(image, row), en.replace(image, row)
    return Title(zh, en)


def say_all(place: Path, found: Sequence[Title]) -> None:
    """Prints findings about a run."""
    for one in found:
        say(f"warning: {place}: {one.en}")


def _bound(r: Measurement, number: Callable[[float, int], str]) -> list[Title]:
    if r.mean_image is None or r.elbo.value > r.mean_image:
        return []
    elbo, mean = number(r.elbo.value, 1), number(r.mean_image, 1)
    return [Title(
        f"ELBO（{elbo} nat）不高于不用隐变量、只用平均图像的模型的对数似然（{mean} nat）："
        "就此下界而言，模型不如平均图像；请训练更久，或降低学习率",
        f"the ELBO, {elbo} nats, is not above the log-likelihood of the mean image alone, without "
        f"a latent, {mean} nats: by this bound the mean image is the better model; train longer, "
        "or lower the learning rate",
    )]  # fmt: skip


def _latent(r: Measurement, measured: Callable[[Measured], str]) -> list[Title]:
    information = r.mutual_information
    error = information.error or 0.0
    if error < UNKNOWN and information.value < COLLAPSED + 2 * error:
        return [Title(
            f"后验已坍塌：隐变量几乎不含图像的信息，I(x; z) = {measured(information)} nat",
            "the posterior has collapsed: the latent says next to nothing about the image, "
            f"I(x; z) = {measured(information)} nats",
        )]  # fmt: skip
    if not r.unused_dimensions:
        return []
    return [Title(
        f"{r.latent}个隐变量维度中有{r.unused_dimensions}个不随图像变化",
        f"{r.unused_dimensions} of {r.latent} latent dimensions "
        f"{'does' if r.unused_dimensions == 1 else 'do'} not depend on the image",
    )]  # fmt: skip


def _reach(r: Measurement, number: Callable[[float, int], str]) -> list[Title]:
    if r.latent_reach is None or r.latent_reach < FAR:
        return []
    far = number(r.latent_reach, 0)
    return [Title(
        f"隐变量已发散：编码到先验中心的距离是先验样本典型距离的{far}倍，从先验生成的图像与之无关；"
        "请降低学习率，或增大正则项的权重beta",
        f"the latent has exploded: the codes lie {far} times as far from the prior's centre as "
        "its draws do, so images drawn from the prior have nothing to do with them; lower the "
        "learning rate, or raise beta, the regulariser's weight",
    )]  # fmt: skip


def _pictures(r: Measurement, number: Callable[[float, int], str]) -> list[Title]:
    if r.decoded_variance is None or r.decoded_variance > ONE_PICTURE:
        return []
    share = number(100 * r.decoded_variance, 3)
    return [Title(
        f"解码器无论隐变量取何值都给出几乎同一幅图像：解码图像的方差只有测试图像的{share}%；请训练更久，"
        "降低学习率，或减小正则项的权重beta",
        "the decoder returns nearly one picture whatever the latent is: its images have "
        f"{share} % of the test images' variance; train longer, lower the learning rate, or "
        "lower beta, the regulariser's weight",
    )]  # fmt: skip


def _components(r: Measurement) -> list[Title]:
    dead, total = r.diagnostics.get("dead_components"), r.diagnostics.get("components")
    if not dead or total is None:
        return []
    return [Title(
        f"先验的{total:.0f}个混合分量中有{dead:.0f}个未被使用（占编码的份额不到平均份额的1%）",
        f"{dead:.0f} of the prior's {total:.0f} components {'is' if dead == 1 else 'are'} unused "
        "(under 1 % of an equal share of the codes)",
    )]  # fmt: skip


def _bounded(r: Measurement) -> list[Title]:
    if not r.prior_bounded:
        return []
    return [Title(
        "该先验的ln p(z)只有下界的估计：ELBO（仍是对数似然的下界）与正则项因此偏低，"
        "交叉熵与KL散度偏高，也没有重要性采样的似然",
        "of this prior's ln p(z) there is only an estimate of a lower bound: the ELBO (still a "
        "lower bound of the log-likelihood) and the regulariser are too low by what it loses, "
        "the cross entropy and the KL divergences too high by it, and there is no "
        "importance-sampled likelihood",
    )]  # fmt: skip


def copies(counts: ImageCounts, reals: bool = False) -> list[Title]:
    """Returns what repeated images do to the results, in both languages.

    Arguments:
        counts: The numbers of images.
        reals: Whether they are rows of a table.
    """
    found = []
    if counts.train_different < counts.train:
        found.append(Title(
            f"{counts.train}张训练图像中只有{counts.train_different}张互不相同",
            f"{counts.train:,} training images, {counts.train_different:,} different ones",
        ))  # fmt: skip
    if counts.test_different < counts.test:
        found.append(Title(
            f"{counts.test}张测试图像中只有{counts.test_different}张互不相同；标准误按互不相同计算，因而偏小",
            f"{counts.test:,} test images, {counts.test_different:,} different ones; the standard "
            "errors take all as different and are too small",
        ))  # fmt: skip
    if counts.test_in_train:
        found.append(Title(
            f"{counts.test}张测试图像中有{counts.test_in_train}张也在训练图像中：测试结果偏好",
            f"{counts.test_in_train:,} of {counts.test:,} test images are training images as "
            "well: the results on them are too favourable",
        ))  # fmt: skip
    return [_of_rows(one) for one in found] if reals else found
