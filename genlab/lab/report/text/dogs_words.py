"""The report's sentences on the images under each prior: each follows from the measured numbers."""

__all__ = [
    "agreement", "best_prior", "cannot", "copies", "generators", "guided", "main_label",
    "of_label", "other_networks", "shares_mean_something",
]  # fmt: skip

import math

from genlab.common.quantities import Measured
from genlab.fid.prior_pictures import PriorRow
from genlab.fid.results import Distance, Measurement
from genlab.fid.verdict import Copying, copying
from genlab.lab.report.numbers.bound import like, plain
from genlab.lab.report.numbers.facts import DogsVae, Facts
from genlab.lab.report.numbers.numbers import count, number, plus_minus
from genlab.lab.report.text.prior_words import the_prior
from genlab.lab.report.writer import Writer


def main_label(dogs: DogsVae) -> str:
    """Returns the name of the distance that the part is about: the last that was measured."""
    return dogs.pictures.limit.distances[-1].label


def of_label(one: Measurement, label: str) -> Distance:
    """Returns the distance of that name."""
    return next(d for d in one.distances if d.label == label)


def shares_mean_something(dogs: DogsVae) -> bool:
    """Whether the standard Gaussian clearly loses something, of which a share can be closed."""
    lost = dogs.pictures.lost["standard"][main_label(dogs)]
    return lost.value > 0 and lost.clear


def best_prior(w: Writer, dogs: DogsVae) -> str:
    """Returns the clause on the prior with the smallest distance, and what it closes."""
    label = main_label(dogs)
    best, *alike = _nearest(dogs, label)
    lost, closed = dogs.pictures.lost, dogs.pictures.closed
    value, name = plus_minus(_distance(dogs, best, label)), the_prior(w, best)
    said = w.pick(
        f"到训练图像的距离最小的是{name}下的图像（{label} = {value}）",
        f"the images under {name} have the smallest distance to the training images "
        f"({label} = {value})",
    )
    if alike:
        names = w.pick("、", ", ").join(the_prior(w, prior) for prior in alike)
        said += w.pick(f"，但与{names}分不出高下", f", though not clearly smaller than under {names}")
    else:
        said += w.pick("，比其余先验都明显更小", ", clearly smaller than under all others")
    gap = plus_minus(lost["standard"][label])
    if not shares_mean_something(dogs):
        return said + w.pick(
            f"；标准高斯与解码的编码之差为{gap}，不明显大于零，因此看不出先验使图像差了多少，也不给出闭合的比例",
            f"; the standard Gaussian loses {gap} to decoded codes, which is not clearly above "
            "zero: what a prior costs in pictures cannot be seen here, and no share is given",
        )
    if best == "standard":
        return said + w.pick(
            f"；它与解码的编码之差为{gap}，学得的先验都没有使它变小",
            f"; it loses {gap} to decoded codes, and no learned prior makes that smaller",
        )
    share, rest = number(100 * closed[best][label], 0), plus_minus(lost[best][label])
    return said + w.pick(
        f"；标准高斯与解码的编码之差为{gap}，它闭合了其中的{share}%，还剩{rest}",
        f"; of the {gap} that the standard Gaussian loses to decoded codes it closes {share} %, "
        f"which leaves {rest}",
    )


def agreement(w: Writer, dogs: DogsVae) -> str:
    """Returns the sentences on whether the bound prefers the same prior as the distance."""
    gains = {
        prior: row.differences["elbo"] for prior, row in dogs.comparison.priors.items()
        if prior in dogs.vae and prior != "standard"
    }
    best = max(gains, key=lambda prior: gains[prior].value, default="standard")
    if not gains or gains[best].value <= 0 or not gains[best].clear:
        return w.pick(
            "没有一种学得的先验的ELBO明显高于标准高斯，因此下界分不出先验的好坏。",
            "No learned prior has an ELBO clearly above the standard Gaussian's, so the bound "
            "prefers none.",
        )
    gain, name = plus_minus(gains[best], sign=True), the_prior(w, best)
    nearest = _nearest(dogs, main_label(dogs))
    if nearest[0] == best:
        told = w.pick("，与距离的选择相同", ", the prior that the distance prefers, too")
    elif best in nearest:
        told = w.pick("，按距离它与最好的也分不出高下",
                      ", and by the distance it cannot be told from the best either")
    else:
        told = w.pick(
            "，与距离的选择不同：下界看的是先验给测试图像的编码多大的密度，距离看的是先验的样本解码成什么图像，二者不必一致",
            ", another prior than the distance prefers: the bound asks what density the codes of "
            "test images have, the distance what draws of the prior look like once decoded, and "
            "these need not agree",
        )
    first = w.pick(
        f"ELBO比标准高斯提高最多的是{name}（{gain} nat，逐图配对）{told}。",
        f"The ELBO rises most over the standard Gaussian's under {name} ({gain} nats, paired image "
        f"by image){told}.",
    )
    if not dogs.standard.mutual_information_saturated:
        return first
    return first + w.pick(
        "在这样多的维数下各图像的后验几乎互不重叠，互信息已接近有限张图像所能达到的上限，因此先验间隙主要是先验到有限个编码的"
        "距离；它的大小不说明问题，只有各先验之间的差才有意义。",
        " In so many dimensions the posteriors of the images hardly overlap: the mutual "
        "information is near the most that so few images can have, and the prior gap is mostly "
        "that to a finite set of codes. Its size says little; what counts is how it differs from "
        "prior to prior.",
    )


def guided(w: Writer, dogs: DogsVae, row: PriorRow) -> str:
    """Returns the sentences on the guided draws of a prior, against its own and the GAN's."""
    label, prior = main_label(dogs), row.prior
    value = of_label(dogs.pictures.rows[row], label).distance
    own, lost = _distance(dogs, prior, label), dogs.pictures.lost
    name, weight = the_prior(w, prior), number(dogs.settings["guidance"], 1)
    said = w.pick(
        f"与{name}一同学习的还有一个更窄的网络（引导网络），它有同样的误差，而且更大；抽样时以权重{weight}远离它，"
        f"{label}为{plus_minus(value)}，而{name}自身的样本为{plus_minus(own)}",
        f"A narrower network, the guide, learned beside {name}; it errs in the same way and "
        f"further. Draws that go away from it with the weight {weight} have {label} = "
        f"{plus_minus(value)}, draws of {name} itself {plus_minus(own)}",
    )
    nearer = _apart(lost[row.name][label], lost[prior][label])
    if nearer.clear and nearer.value < 0:
        said += w.pick("：更接近训练图像", ": they are nearer to the training images")
    elif nearer.clear:
        said += w.pick("：反而更远", ": they are farther from the training images")
    else:
        said += w.pick("：二者分不出远近", ": the two cannot be told apart")
    if shares_mean_something(dogs):
        share = number(100 * dogs.pictures.closed[row.name][label], 0)
        said += w.pick(f"，闭合了差距的{share}%", f", and close {share} % of the gap")
    to_gan = _apart(value, _gan(dogs, label))
    if to_gan.error is not None:
        told = (
            ("与GAN分不出远近", "cannot be told apart from the GAN") if not to_gan.clear
            else ("比GAN更近", "are nearer than the GAN") if to_gan.value < 0
            else ("比GAN更远", "are farther than the GAN")
        )
        said += w.pick(f"；{told[0]}", f"; they {told[1]}")
    return said + w.pick(
        "。引导改变了分布：这些图像不是该先验的样本，先验的ELBO不是它们的下界，所以不算作一种先验。",
        ". Guidance changes the distribution: these are no draws of the prior, its ELBO is no bound "
        "of theirs, and so they do not count as a prior.",
    )


def generators(w: Writer, dogs: DogsVae, label: str) -> str:
    """Returns the clause on the GAN against decoded codes and against the nearest prior."""
    best = _nearest(dogs, label)[0]
    limit, gan = (_limit(dogs, label), _gan(dogs, label))
    nearest, name = _distance(dogs, best, label), the_prior(w, best)
    values = w.pick(
        f"按{label}，GAN为{plus_minus(gan)}，解码的编码为{plus_minus(limit)}，"
        f"最好的先验（{name}）为{plus_minus(nearest)}：",
        f"by {label} the GAN has {plus_minus(gan)}, decoded codes {plus_minus(limit)}, and the "
        f"best prior ({name}) {plus_minus(nearest)}: ",
    )
    to_limit, to_prior = _apart(gan, limit), _apart(gan, nearest)
    if to_limit.error is None or to_prior.error is None:
        return values + w.pick(
            "互不相同的图像太少，没有标准误，因此不作比较",
            "too few images are different for standard errors, so these are not compared",
        )
    if to_limit.clear and to_limit.value < 0:
        told = w.pick(
            "GAN比解码的编码还近，所以就这一数值而言，不能指望换一种先验就使这个VAE赶上它，要改进的是编码器与解码器",
            "the GAN is nearer even than decoded codes, so by this number no prior can be expected "
            "to bring this VAE level with it; encoder and decoder would have to be better",
        )
    elif to_limit.clear:
        told = w.pick("解码的编码比GAN更近", "decoded codes are nearer than the GAN")
        told += _prior_against_gan(w, to_prior)
    else:
        told = w.pick(
            "GAN与解码的编码分不出远近", "the GAN and decoded codes cannot be told apart"
        ) + _prior_against_gan(w, to_prior)
    return values + told


def _prior_against_gan(w: Writer, apart: Measured) -> str:
    """Returns how the best prior stands to the GAN, where decoded codes are as near as it."""
    if not apart.clear:
        return w.pick("；最好的先验与GAN分不出远近",
                      "; the best prior and the GAN cannot be told apart")
    if apart.value < 0:
        return w.pick("，但用先验抽样时GAN更近：差在先验，不在解码器",
                      ", but the GAN is nearer than any prior: what is lacking is the prior, not "
                      "the decoder")
    return w.pick("，最好的先验也比GAN更近", ", and the best prior is nearer than the GAN, too")


def other_networks(w: Writer, dogs: DogsVae) -> str:
    """Returns the sentences on the distances by other networks, "" if there is one network."""
    said = []
    for one in dogs.pictures.limit.distances[:-1]:
        label = one.label
        best, *alike = _nearest(dogs, label)
        names = w.pick("、", ", ").join(the_prior(w, prior) for prior in (best, *alike))
        nearest = w.pick(
            f"按{label}，距离最小的先验是{names}{'（分不出高下）' if alike else ''}；",
            f"By {label} the smallest distance is under {names}"
            f"{' (which cannot be told apart)' if alike else ''}; ",
        )
        said.append(nearest + generators(w, dogs, label) + w.pick("。", "."))
    return w.pick("", " ").join(said)


def copies(w: Writer, dogs: DogsVae) -> str:
    """Returns the sentences on copies of training images, by the rank test."""
    label, pictures = main_label(dogs), dogs.pictures
    found = {row: of_label(one, label).copies for row, one in pictures.rows.items()}
    kinds = {row: copying(one) for row, one in found.items() if one is not None}

    def called(row: PriorRow) -> str:
        name = the_prior(w, row.prior)
        return w.pick(f"引导的{name}", f"{name} with guidance") if row.guided else name

    def names(kind: Copying) -> str:
        chosen = [called(row) for row, one in kinds.items() if one is kind]
        return w.pick("、", ", ").join(chosen)

    held_out = any(one is not None and one.reference == "held-out" for one in found.values())
    than = w.pick(*(
        ("测试图像", "test images are") if held_out
        else ("训练图像彼此", "these are to each other")
    ))
    parts = []
    if same := names(Copying.SAME):
        parts.append(w.pick(f"{same}下有与训练图像逐像素相同的图像",
                            f"under {same} some images are training images, pixel for pixel"))
    if nearer := names(Copying.NEARER):
        parts.append(w.pick(
            f"{nearer}下的图像比{than}更接近训练图像：可能记住了训练图像，也可能只因解码的图像都较模糊而彼此相似，应对照图像来看",
            f"images under {nearer} lie nearer to the training images than {than}: they may be "
            "memorised, or alike merely because decoded images are smooth; the pictures have to "
            "be looked at",
        ))
    if others := names(Copying.NOT_NEARER):
        parts.append(w.pick(
            f"{others}下没有发现图像比{than}更接近训练图像（不排除个别照抄）",
            f"under {others} the test does not find images nearer to the training images than "
            f"{than} (which does not exclude single copies)",
        ))
    if untested := names(Copying.UNTESTED):
        parts.append(w.pick(f"{untested}下不同的图像太少，无法检验",
                            f"under {untested} too few images are different for a test"))
    said = w.pick("；", "; ").join(parts)
    return w.pick(
        f"{said}。解码的编码本来就是训练图像的重建，接近训练图像不算记忆。GAN训练时不分训练与测试图像，"
        "可能用过这里的测试图像，所以对它的检验见第二部分。",
        f"{said[0].upper()}{said[1:]}. Decoded codes are reconstructions of training images: that "
        "they are near is not memory. The GAN was trained without this split and may "
        "have seen the test images, so the test of its images is that of the second part.",
    )


def cannot(w: Writer, facts: Facts, dogs: DogsVae) -> str:
    """Returns the sentences on what the numbers do not show."""
    n, distances = count(dogs.pictures.n), dogs.pictures.limit.distances
    by = [d.label for d in distances]
    said = w.pick(
        f"VAE与GAN各只训练了一次，网络、轮数与训练图像数（VAE {count(dogs.standard.train_images)}张，"
        f"GAN {count(facts.gan.images)}张）都不同，所以这不是两类方法的高下，只是这两个模型的比较；换随机种子引起的变化没有计入。"
        f"距离只用{n}张图像（{'、'.join(by)}），有偏大的偏差，换一个网络结论可能不同；两个生成器之间的标准误按独立计算。"
        "距离也不是似然：GAN没有似然可比，而VAE的ELBO不能说明图像是否清晰。",
        "VAE and GAN were trained once each, with different networks, epochs and numbers of "
        f"training images (the VAE {count(dogs.standard.train_images)}, the GAN "
        f"{count(facts.gan.images)}): these are two models compared, not two methods, and the "
        f"variation over seeds is not included. Distances of {n} images ({', '.join(by)}) are "
        "biased upwards, and another network may tell otherwise; errors between two generators "
        "are taken as independent. Nor is a distance a likelihood: the GAN has none to compare, and the ELBO of "
        "the VAE does not say whether images are sharp.",
    )
    pretrained = facts.gan.pretrained
    for d in distances:
        network = d.extractor.network
        if pretrained and plain(network) in plain(pretrained):
            said += w.pick(
                f"此外，GAN的判别器看到的正是{network}的特征，{d.label}也由它算出，因此对GAN有利。",
                f" Moreover, the GAN's discriminator sees features of {network}, by which {d.label} "
                "is measured: that favours the GAN.",
            )
    return said


def _distance(dogs: DogsVae, prior: str, label: str) -> Measured:
    return of_label(dogs.pictures.priors[prior], label).distance


def _limit(dogs: DogsVae, label: str) -> Measured:
    return of_label(dogs.pictures.limit, label).distance


def _gan(dogs: DogsVae, label: str) -> Measured:
    gan = dogs.pictures.gan
    assert gan is not None  # `read_facts` looks
    return of_label(gan, label).distance


def _nearest(dogs: DogsVae, label: str) -> list[str]:
    """Returns the prior of the smallest distance, and those not clearly farther."""
    best = min(dogs.vae, key=lambda prior: _distance(dogs, prior, label).value)
    lost = dogs.pictures.lost
    return [best] + [
        prior for prior in dogs.vae
        if prior != best and not _apart(lost[prior][label], lost[best][label]).clear
    ]


def _apart(a: Measured, b: Measured) -> Measured:
    """Returns a - b with the error of independent values; without one if either has none."""
    if a.error is None or b.error is None:
        return Measured(a.value - b.value)
    return Measured(a.value - b.value, like(math.hypot(a.error, b.error), a.error, b.error))
