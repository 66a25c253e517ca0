"""The report's first part: VAEs under several priors, and what their numbers say.

Symbols as on the lab sheet: x image, z latent, q_phi(z|x) encoder, p_theta(x|z) decoder,
p_lambda(z) prior. All values in nats per test image.
"""

__all__ = ["vae_part"]

from collections.abc import Mapping

from genlab.lab.report.numbers.bound import like, plain
from genlab.lab.report.numbers.facts import Facts
from genlab.lab.report.numbers.numbers import count, duration
from genlab.lab.report.text.data_words import data_name
from genlab.lab.report.text.excerpts import excerpt
from genlab.lab.report.text.prior_words import PRIOR_WORDS, prior_name
from genlab.lab.report.text.vae_results import figure_of_priors, vae_results
from genlab.lab.report.text.vae_words import discuss
from genlab.lab.report.writer import Writer
from genlab.networks.mlp import WAVES
from genlab.priors import PRIORS
from genlab.priors.gaussian import GaussianMixture
from genlab.vae.likelihoods import LIKELIHOODS
from genlab.vae.model import VAE

MNIST = ("mnist", "mnist-5k")
"""The sources of the sheet's digits."""
DATA = r"\boldsymbol{x} \sim p_{\text{data}}(\boldsymbol{x})"
POSTERIOR = r"q_\phi(\boldsymbol{z} \mid \boldsymbol{x})"
RE = (
    rf"\text{{RE}} = \mathbb{{E}}_{{{DATA}}} \left[ \mathbb{{E}}_{{{POSTERIOR}}} \left[ "
    r"\ln p_\theta(\boldsymbol{x} \mid \boldsymbol{z}) \right] \right]"
)
OMEGA = (
    rf"\Omega = \mathbb{{E}}_{{{DATA}}} \left[ \mathbb{{E}}_{{{POSTERIOR}}} \left[ "
    rf"\ln p_\lambda(\boldsymbol{{z}}) - \ln {POSTERIOR} \right] \right]"
)
SPLIT = (
    r"\Omega = -\mathbb{CE} \left[ q_\phi(\boldsymbol{z}) \,\|\, p_\lambda(\boldsymbol{z}) "
    rf"\right] + \mathbb{{H}} \left[ {POSTERIOR} \right]"
)


def vae_part(w: Writer, facts: Facts) -> None:
    """Writes the part."""
    w.heading(1, "一、变分自编码器（VAE）", "Part 1. Variational auto-encoders")
    _model(w, facts)
    _priors(w, facts)
    _settings(w, facts)
    _measuring(w, facts)
    vae_results(w, facts)
    discuss(w, facts)


def _model(w: Writer, facts: Facts) -> None:
    one = facts.standard
    w.heading(2, "1.1 任务与模型", "1.1 Task and model")
    w.para(
        f"本题在{_digits(w, facts)}上训练隐变量维度为$D={one.latent}$的VAE{w.cite('vae')}，"
        f"比较{_count(facts)}种先验，并画出各自的聚合后验。VAE最大化对数似然的下界"
        r"$\text{ELBO} = \text{RE} + \Omega$，其中重建项与正则项为（式(1)至式(4)的编号与实验指导书一致）：",
        f"This part trains VAEs{w.cite('vae')} with a latent space of $D={one.latent}$ "
        f"dimensions on {_digits(w, facts)}, under {_count(facts)} priors, and plots their "
        "aggregated posteriors. A VAE maximises a lower bound on the log-likelihood, "
        r"$\text{ELBO} = \text{RE} + \Omega$, the sum of a reconstruction term and a regulariser "
        "(equations 1 to 4 are numbered as on the lab sheet):",
    )
    w.equation(RE, "1")
    w.equation(OMEGA, "2")
    w.para(
        r"先验不依赖于$\boldsymbol{x}$，所以$\ln p_\lambda(\boldsymbol{z})$先对后验、再对数据求期望，"
        r"就是对聚合后验$q_\phi(\boldsymbol{z}) = \mathbb{E}_{p_{\text{data}}(\boldsymbol{x})}["
        r"q_\phi(\boldsymbol{z} \mid \boldsymbol{x})]$求期望，正则项因此可写成交叉熵与条件熵两部分：",
        r"The prior does not depend on $\boldsymbol{x}$. The expectation of "
        r"$\ln p_\lambda(\boldsymbol{z})$ over the posterior and then over the data is therefore "
        r"its expectation over the aggregated posterior $q_\phi(\boldsymbol{z}) = "
        r"\mathbb{E}_{p_{\text{data}}(\boldsymbol{x})}[q_\phi(\boldsymbol{z} \mid \boldsymbol{x})]$, "
        "and the regulariser splits into a cross-entropy and a conditional entropy:",
    )
    w.equation(SPLIT, "3")
    w.para(
        r"编码器给出对角高斯后验，用重参数化$\boldsymbol{z} = \boldsymbol{\mu} + \boldsymbol{\sigma} "
        r"\odot \boldsymbol{\epsilon}$采样；像素为二值，解码器输出每个像素的logit $l_i$，似然取伯努利分布：",
        "The encoder returns a diagonal Gaussian posterior, which is sampled by the "
        "reparameterisation "
        r"$\boldsymbol{z} = \boldsymbol{\mu} + \boldsymbol{\sigma} \odot \boldsymbol{\epsilon}$. "
        "Pixels are binary. The decoder returns a logit $l_i$ for each, and the likelihood is "
        "a Bernoulli distribution:",
    )
    w.equation(
        r"q_\phi(\boldsymbol{z} \mid \boldsymbol{x}) = \mathcal{N}\left(\boldsymbol{z} \mid "
        r"\boldsymbol{\mu}(\boldsymbol{x}), \operatorname{diag}(\boldsymbol{\sigma}^2("
        r"\boldsymbol{x}))\right)"
    )
    w.equation(
        r"\ln p_\theta(\boldsymbol{x} \mid \boldsymbol{z}) = "
        r"\sum_i \left[ x_i l_i - \ln\left(1 + e^{l_i}\right) \right]"
    )
    w.para("计算RE与$\\Omega$的代码如下，返回逐图像的值：", "This code computes RE and $\\Omega$, one value for each image:")
    w.code(excerpt(VAE.terms))


def _priors(w: Writer, facts: Facts) -> None:
    w.heading(2, "1.2 先验分布", "1.2 Priors")
    for index, (prior, config) in enumerate(facts.vae_config.items(), 1):
        name, words = prior_name(w, prior), PRIOR_WORDS.get(prior)
        if words is None:
            w.para(f"**（{index}）{name}**。", f"**({index}) {name}**.")
            continue
        k = str(config.prior_options.get("components"))
        w.para(
            f"**（{index}）{name}**{w.cite(words.source)}。" + words.about_zh.replace("{K}", k),
            f"**({index}) {name}**{w.cite(words.source)}. " + words.about_en.replace("{K}", k),
        )
        w.equation(words.density)
    w.para(
        "混合密度须先在各维上求和得到每个分量的对数密度，再对分量求和；次序颠倒则成为一维混合的乘积，是另一个分布：",
        "The log-density of a mixture is summed over the dimensions first and over the components "
        "second. The other order gives a product of one-dimensional mixtures, which is a "
        "different distribution:",
    )
    w.code(excerpt(GaussianMixture.log_prob, GaussianMixture._diagonal))
    if "vamp" in facts.vae:
        w.code(excerpt(PRIORS["vamp"].forward))


def _settings(w: Writer, facts: Facts) -> None:
    one, config = facts.standard, facts.vae_config["standard"]
    hidden, d = config.hidden, one.latent
    pixels = 1
    for side in facts.digits.shape:
        pixels *= side
    widths = " – ".join(map(str, [pixels, *hidden, 2 * d]))
    scale = config.fourier
    inputs = f"{d} + {2 * WAVES}" if scale else d
    back = " – ".join(map(str, [inputs, *hidden[::-1], pixels]))
    w.heading(2, "1.3 网络与训练设置", "1.3 Networks and training")
    p = w.pick
    w.para(
        f"各先验下的网络结构与训练设置完全相同，见{w.tab('vae_settings')}；训练过程见{w.fig('curves')}。",
        f"The networks and the training are the same for every prior ({w.tab('vae_settings')}). "
        f"{w.fig('curves')} shows the training curves.",
    )
    components = {
        prior: config.prior_options.get("components")
        for prior, config in facts.vae_config.items()
    }
    parameters = {prior: r.parameters for prior, r in facts.vae.items()}
    rows = [
        [p("编码器（全连接，SiLU）", "Encoder (perceptron, SiLU)"), widths],
        [p("解码器（全连接，SiLU）", "Decoder (perceptron, SiLU)"), back],
        *([[
            p("解码器的傅里叶特征", "Fourier features of the decoder"),
            rf"$\sin \boldsymbol{{B}} \boldsymbol{{z}}$, $\cos \boldsymbol{{B}} \boldsymbol{{z}}$; "
            rf"$B_{{ij}} \sim \mathcal{{N}}(0, {scale:g}^2)$" + w.cite("fourier"),
        ]] if scale else []),
        [p("先验分量数$K$", "Components $K$"), _per_prior(w, components)],
        [p("参数量", "Parameters"), _per_prior(w, parameters)],
        [p("训练/测试图像", "Training / test images"),
         f"{count(one.train_images)} / {count(one.test_images)}"],
        [p("图像", "Images"), p(*LIKELIHOODS[one.likelihood].domain) + w.cite("binarise")],
        [p("优化器", "Optimiser"), f"Adam{w.cite('adam')}" + p(
            f"，学习率{config.learning_rate:g}（先升后按余弦降至0）",
            f", learning rate {config.learning_rate:g} (warm-up, then cosine decay to zero)")],
        [p("轮数 / 批大小", "Epochs / batch"), f"{one.epochs} / {config.batch}"],
        [p("随机种子", "Seed"), str(config.seed)],
        [p("训练用时", "Training time"),
         p("，", ", ").join(f"{prior_name(w, prior)} {duration(r.seconds, w.lang)}"
                           for prior, r in facts.vae.items())],
    ]
    w.table(
        "vae_settings", [p("项目", "Item"), p("取值", "Value")], rows,
        "VAE的网络与训练设置", "Networks and training of the VAEs", "ll",
    )
    figure_of_priors(
        w, facts, "curves", "curve", 1, 12.0, "训练过程：左为ELBO，右为训练集上的正则项",
        "Training curves: the ELBO (left) and the regulariser on the training images (right)",
    )


def _measuring(w: Writer, facts: Facts) -> None:
    draws = facts.vae_config["standard"].draws
    w.heading(2, "1.4 各量的计算", "1.4 How the quantities are computed")
    w.para(
        f"所有数值都在测试集上计算，单位为纳特（nat）每图像，±后为对测试图像求平均的标准误。"
        f"RE与$\\Omega$按式(1)、式(2)用每图{draws}次采样的蒙特卡罗估计；式(3)的两部分则另行计算："
        r"条件熵用高斯熵的解析式，交叉熵在每个后验上用Gauss–Hermite求积。两条路线相互独立，因此$\Omega$等于"
        "两部分之和是一次真正的检验。",
        "All values are means over the test set, in nats per image; the number after ± is the "
        "standard error of the mean over the test images. RE and $\\Omega$ are estimated as in "
        f"equations 1 and 2, by Monte Carlo with {draws} draws per image. The two parts of "
        "equation 3 are computed independently of that: the conditional entropy in closed form, "
        "the cross-entropy by Gauss–Hermite quadrature over each posterior. Their sum is "
        r"therefore a genuine check of $\Omega$.",
    )
    w.equation(
        r"\mathbb{H}\left[q_\phi(\boldsymbol{z} \mid \boldsymbol{x})\right] = \mathbb{E}_{"
        r"\boldsymbol{x}} \left[ \frac{D}{2} \left(1 + \ln 2\pi\right) + \sum_{d=1}^{D} \ln "
        r"\sigma_d(\boldsymbol{x}) \right]"
    )
    w.equation(
        r"\mathbb{CE}\left[q_\phi(\boldsymbol{z}) \,\|\, p_\lambda(\boldsymbol{z})\right] = -\mathbb{E}_{\boldsymbol{x}} "
        r"\left[ \mathbb{E}_{q_\phi(\boldsymbol{z} \mid \boldsymbol{x})} \left[ \ln "
        r"p_\lambda(\boldsymbol{z}) \right] \right]"
    )
    w.para(
        "为看清先验与聚合后验匹配的程度，另算边缘KL散度，它是交叉熵超出聚合后验自身熵的部分"
        f"{w.cite('surgery')}：",
        "The marginal KL divergence measures how well the prior matches the aggregated posterior. "
        "It is the part of the cross-entropy that exceeds the entropy of the aggregated posterior"
        f"{w.cite('surgery')}:",
    )
    w.equation(
        r"\text{KL}\left[q_\phi(\boldsymbol{z}) \,\|\, p_\lambda(\boldsymbol{z})\right] = "
        r"\mathbb{CE}\left[q_\phi(\boldsymbol{z}) \,\|\, p_\lambda(\boldsymbol{z})\right] - "
        r"\mathbb{H}\left[q_\phi(\boldsymbol{z})\right]"
    )
    w.equation(
        r"q_\phi(\boldsymbol{z}) = "
        r"\frac{1}{N} \sum_{n=1}^{N} q_\phi(\boldsymbol{z} \mid \boldsymbol{x}_n)"
    )


def _digits(w: Writer, facts: Facts) -> str:
    """Names the images: they are digits of MNIST, or what the user gave in their place."""
    name = data_name(w, facts.digits)
    if plain(facts.digits.source) in MNIST:
        cite = w.cite("mnist")
        return w.pick(f"手写数字数据集（{name}{cite}）", f"handwritten digits ({name}{cite})")
    return w.pick(f"灰度图像（{name}）", f"grey images ({name})")


def _count(facts: Facts) -> str:
    """How many priors there are: each result says of which it is."""
    return f"{like(len(facts.vae), *(r.prior for r in facts.vae.values()))}"


def _per_prior(w: Writer, values: Mapping[str, int | None]) -> str:
    return w.pick("，", ", ").join(
        f"{prior_name(w, prior)} {'—' if value is None else count(value)}"
        for prior, value in values.items()
    )
