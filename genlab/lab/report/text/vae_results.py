"""The results of the VAEs: the table of the bound's terms, the check of equation 3, the figures."""

__all__ = ["figure_of_priors", "vae_results"]

from collections.abc import Sequence

from genlab.common.quantities import QUANTITIES
from genlab.lab.report.numbers.facts import Facts
from genlab.lab.report.numbers.numbers import count, number, plus_minus
from genlab.lab.report.text.data_words import data_name
from genlab.lab.report.text.prior_words import prior_name
from genlab.lab.report.writer import Image, Writer
from genlab.priors import PRIORS
from genlab.vae.findings import copies, findings

REMARKS = {
    "re": ("（式1）", " (eq. 1)"),
    "omega": ("（式2）", " (eq. 2)"),
    "cross_entropy": ("（式3）", " (eq. 3)"),
    "conditional_entropy": ("（式3）", " (eq. 3)"),
    "elbo": (r"（$\text{RE} + \Omega$）", r" ($\text{RE} + \Omega$)"),
    "marginal_kl": ("", ""),
    "prior_gap": ("（训练图像的边缘KL）", " (marginal KL, training images)"),
    "mutual_information": ("", ""),
    "nll_exact": ("", ""),
    "nll_is": ("", ""),
}
"""The quantities of the table, and what follows their names there."""


def vae_results(w: Writer, facts: Facts) -> None:
    """Writes the tables and figures."""
    _numbers(w, facts)
    _figures(w, facts)


def _numbers(w: Writer, facts: Facts) -> None:
    w.heading(2, "1.5 结果", "1.5 Results")
    data = facts.digits
    if data.stand_in:
        w.note(
            f"注意：下列数值来自内置的替代数据（{data_name(w, data)}），"
            "不是完整的MNIST。用完整MNIST重做：`genlab lab --preset full --mnist mnist`"
            "（数据的获取方法见`genlab data`）。",
            f"Note: the numbers below are of the embedded stand-in ({data_name(w, data)}), "
            "not of the whole MNIST data set. To repeat them on all of MNIST: "
            "`genlab lab --preset full --mnist mnist` (`genlab data` says how to get it).",
        )
    w.para(
        f"{w.tab('vae_results')}列出各先验下的全部结果，{w.tab('identity')}是式(3)的检验。",
        f"{w.tab('vae_results')} lists all results under each prior; {w.tab('identity')} is the "
        "check of equation 3.",
    )
    header = [w.pick("量（nat/图像）", "Quantity (nats per image)"),
              *(prior_name(w, prior) for prior in facts.vae)]
    rows = {key: [_label(w, key), *_row(facts, key)] for key in REMARKS}
    rows["nll_is"][1:] = map("".join, zip(rows["nll_is"][1:], _draws(w, facts)))
    w.table(
        "vae_results", header, list(rows.values()),
        f"不同先验下VAE在测试集（{count(facts.standard.test_images)}张）上的结果",
        f"Results of the VAEs on the test set ({count(facts.standard.test_images)} images)",
        "l" + "c" * len(facts.vae),
    )
    rows = [
        [prior_name(w, prior), number(r.omega.value, 4),
         number(r.conditional_entropy.value - r.cross_entropy.value, 4),
         number(r.identity_gap, 4, sign=True), number(r.identity_tolerance, 4),
         w.pick("通过", "holds") if r.identity_holds else w.pick("**不通过**", "**fails**")]
        for prior, r in facts.vae.items()
    ]
    w.table(
        "identity",
        [w.pick("先验", "Prior"), r"$\Omega$", r"$-\mathbb{CE} + \mathbb{H}$",
         w.pick("差", "Difference"), w.pick("容许", "Tolerance"), w.pick("检验", "Check")],
        rows, r"式(3)的检验：$\Omega$与其两部分之和",
        r"Check of equation 3: $\Omega$ and the sum of its parts", "lccccc",
    )
    for prior, r in facts.vae.items():
        for one in findings(r, number, plus_minus):
            name = prior_name(w, prior)
            w.note(f"注意（{name}）：{one.zh}。", f"Note ({name}): {one.en}.")
    for one in copies(facts.standard.images):
        w.note(f"注意：{one.zh}。", f"Note: {one.en}.")


def _figures(w: Writer, facts: Facts) -> None:
    w.heading(2, "1.6 聚合后验及生成结果", "1.6 Aggregated posteriors and samples")
    w.para(
        f"{w.fig('priors')}即实验指导书要求的图：等高线得自标准高斯先验，黑点是采自聚合后验的样本，"
        f"各图坐标范围相同，极少数样本可能落在图外。{_coordinates(w, facts)}各先验自己的密度与原坐标下的编码见{w.fig('own')}。"
        f"{w.fig('manifold')}至{w.fig('samples')}依次是隐空间网格的解码结果、测试图像的重建"
        f"（{w.fig('reconstructions')}）和由先验生成的图像。",
        f"{w.fig('priors')} is the figure that the lab sheet asks for: the contours are those of "
        "the standard Gaussian prior, the black dots are samples of the aggregated posterior, and "
        "all panels have the same scale, outside which a few samples may lie. "
        f"{_coordinates(w, facts)} {w.fig('own')} shows each "
        "prior's own density with the codes in the model's own coordinates. "
        f"{w.fig('manifold')} to {w.fig('samples')} show what a grid over the latent plane "
        f"decodes to, reconstructions of test images ({w.fig('reconstructions')}), and images "
        "generated from each prior.",
    )
    w.figure(
        "priors",
        [Image(path="../vae/priors.png", zh="各先验下聚合后验的样本与标准高斯的等高线",
               en="Samples of the aggregated posteriors over contours of the standard Gaussian")],
        1, "不同先验下聚合后验的样本（黑点）与标准高斯的等高线；可训练的先验用标准坐标"
        r"$\boldsymbol{z}' = \boldsymbol{S}^{-1/2} (\boldsymbol{z} - \boldsymbol{m})$",
        "Samples of the aggregated posterior (dots) under each prior, over contours of the "
        "standard Gaussian; for learned priors in the standard coordinates "
        r"$\boldsymbol{z}' = \boldsymbol{S}^{-1/2} (\boldsymbol{z} - \boldsymbol{m})$",
    )
    for key, file, per_row, width, zh, en in FIGURES:
        figure_of_priors(w, facts, key, file, per_row, width, zh, en)


def _coordinates(w: Writer, facts: Facts) -> str:
    """Returns the sentences on the coordinates in which the learned priors' planes are drawn."""
    moments = {
        prior: r.aggregated for prior, r in facts.vae.items()
        if prior != "standard" and r.aggregated is not None
    }
    said = w.pick("；", "; ").join(
        f"{prior_name(w, prior)} $\\boldsymbol{{m}}$ = ({_row_of(m.mean)}), "
        f"$\\boldsymbol{{S}}$ = ({_row_of(m.covariance[0])}; {_row_of(m.covariance[1])})"
        for prior, m in moments.items()
    )
    return w.pick(
        "标准高斯没有参数，坐标因此固定。先验可训练时，隐空间的坐标只确定到一个可逆仿射变换：换坐标后，"
        "先验、编码器与解码器随之改写，似然、ELBO与KL散度都不变。因此这些图画在标准坐标"
        r"$\boldsymbol{z}' = \boldsymbol{S}^{-1/2} (\boldsymbol{z} - \boldsymbol{m})$下，"
        r"其中$\boldsymbol{m}$与$\boldsymbol{S}$是训练图像聚合后验的均值与协方差"
        f"（{said}），变换后分别为零向量与单位阵。",
        "The standard Gaussian has no parameters and fixes the coordinates. Under a learned prior "
        "the coordinates of the latent space are free up to an invertible affine map: with prior, "
        "encoder and decoder rewritten accordingly, the likelihood, the ELBO and the KL "
        "divergence stay the same. These planes are therefore drawn in the standard coordinates "
        r"$\boldsymbol{z}' = \boldsymbol{S}^{-1/2} (\boldsymbol{z} - \boldsymbol{m})$, in which "
        r"the aggregated posterior of the training images, of mean $\boldsymbol{m}$ and "
        f"covariance $\\boldsymbol{{S}}$ ({said}), has mean zero and unit covariance.",
    )


def _row_of(values: Sequence[float]) -> str:
    return ", ".join(number(value, 2) for value in values)


def figure_of_priors(
    w: Writer, facts: Facts, key: str, file: str, per_row: int, width: float, zh: str, en: str
) -> None:
    """Writes a figure with one picture per prior, `figures/FILE.png`; arguments as `Writer.figure`."""
    images = [
        Image(path=f"../vae/{prior}/figures/{file}.png",
              zh=f"{title.zh}：{zh}", en=f"{title.en}: {en}")
        for prior in facts.vae for title in [PRIORS[prior].title.capitalised()]
    ]
    names = w.pick("、", ", ").join(prior_name(w, prior) for prior in facts.vae)
    order = (w.pick("从左至右", "left to right") if per_row > 1
             else w.pick("从上至下", "top to bottom"))
    w.figure(key, images, per_row, f"{zh}；{order}为{names}", f"{en}; {order}: {names}", width)


FIGURES = (
    ("own", "prior", 2, 16.0, "模型自己的先验密度（灰度）与按类别着色的聚合后验样本",
     "Each model's own prior density (grey) and samples of the aggregated posterior, coloured by class"),
    ("manifold", "manifold", 3, 16.0, "隐空间平面上等距网格点的解码结果",
     "Images decoded from a regular grid over the latent plane"),
    ("reconstructions", "reconstructions", 1, 12.0, "测试图像与其重建",
     "Test images and their reconstructions"),
    ("samples", "samples", 3, 16.0, "从先验采样后解码得到的图像", "Images decoded from samples of each prior"),
)


def _row(facts: Facts, key: str) -> list[str]:
    """Returns the cells of a quantity."""
    found = [getattr(results, key) for results in facts.vae.values()]
    return ["—" if one is None else plus_minus(one) for one in found]


def _label(w: Writer, key: str) -> str:
    """Returns the name of a quantity for the first cell of its row."""
    name = QUANTITIES[key].tex_label(w.lang)
    return name[0].upper() + name[1:] + w.pick(*REMARKS[key])


def _draws(w: Writer, facts: Facts) -> list[str]:
    """What the importance-sampled likelihoods say of their draws: nothing, where all have as many
    (one measured again may have others), for with more of them the estimate is lower.
    """
    draws = [r.importance_draws for r in facts.vae.values()]
    if len(set(draws)) == 1:
        return [""] * len(draws)
    return [
        "" if n is None else w.pick(f"（{count(n)}次抽样）", f" ({count(n)} draws)") for n in draws
    ]
