"""The report's words on the lab's priors: density, source, and what is learned."""

__all__ = ["PRIOR_WORDS", "PriorWords", "prior_name", "the_prior"]

from dataclasses import dataclass

from genlab.lab.report.writer import Writer
from genlab.priors import PRIORS


@dataclass(frozen=True, kw_only=True)
class PriorWords:
    """The words on one prior; `{K}` stands for its number of components."""

    density: str
    """p(z) in LaTeX."""
    source: str
    """A key of `REFERENCES`."""
    about_zh: str
    about_en: str


PRIOR_WORDS = {
    "standard": PriorWords(
        density=r"p_\lambda(\boldsymbol{z}) = \mathcal{N}(\boldsymbol{z} \mid \boldsymbol{0}, "
        r"\mathbf{I})",
        source="vae",
        about_zh="没有可训练的参数，是其余先验的对照。",
        about_en="It has no parameters and is the baseline for the others.",
    ),
    "mixture": PriorWords(
        density=r"p_\lambda(\boldsymbol{z}) = \sum_{k=1}^{K} w_k\, \mathcal{N}\left("
        r"\boldsymbol{z} \mid \boldsymbol{\mu}_k, \operatorname{diag}(\boldsymbol{\sigma}_k^2)"
        r"\right), \qquad \sum_{k=1}^{K} w_k = 1",
        source="vamp",
        about_zh="共$K={K}$个分量，权重$w_k$（由softmax保证为正且和为1）、均值"
        r"$\boldsymbol{\mu}_k$与方差$\boldsymbol{\sigma}_k^2$全部可训练；初始时方差为1、"
        "均值在原点附近、权重相等，近似于标准高斯。",
        about_en="It has $K={K}$ components. The weights $w_k$ (by a softmax, positive and with "
        r"sum 1), the means $\boldsymbol{\mu}_k$ and the variances $\boldsymbol{\sigma}_k^2$ are "
        "all trained. At the start the variances are one, the means are near the origin and the "
        "weights are equal, which is nearly the standard Gaussian.",
    ),
    "vamp": PriorWords(
        density=r"p_\lambda(\boldsymbol{z}) = \frac{1}{K} \sum_{k=1}^{K} "
        r"q_\phi(\boldsymbol{z} \mid \boldsymbol{u}_k)",
        source="vamp",
        about_zh="对固定的编码器，最优先验就是聚合后验本身，即全部训练样本后验的混合；VampPrior只保留"
        r"$K={K}$个分量，把其中的样本换成可训练的伪输入$\boldsymbol{u}_k$（由训练图像初始化，"
        "经sigmoid保持在0与1之间）。",
        about_en="For a fixed encoder the best prior is the aggregated posterior itself, the "
        "mixture of the posteriors of all training images. The VampPrior has only $K={K}$ "
        r"components, at trainable pseudo-inputs $\boldsymbol{u}_k$ in place of the images (they "
        "start as training images, and a sigmoid keeps them between 0 and 1).",
    ),
}
"""By the prior's name in `PRIORS`. Of any other prior the report gives the name alone."""


AS_ADJECTIVES = {"exemplar": "exemplar", "diffusion": "diffusion"}
"""By the prior's name, what stands before the word prior where the English title is no name."""


def prior_name(w: Writer, prior: str) -> str:
    """Returns a prior's name as it stands alone, in the report's language."""
    return w.pick(*PRIORS[prior].title.capitalised())


def the_prior(w: Writer, prior: str) -> str:
    """Returns a prior's name as it stands inside a sentence."""
    title = PRIORS[prior].title
    adjective = AS_ADJECTIVES.get(prior)
    return w.pick(title.zh, f"the {adjective} prior" if adjective else f"the {title.en}")
