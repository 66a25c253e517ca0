r"""The further part of a report: priors learned for a VAE of the dogs, and the images they draw.

With D(p) the Fréchet distance of the images under the prior p, and L that of decoded codes,

    closed(p) = (D(standard) - D(p)) / (D(standard) - L).

The numbers are in `dogs-vae/` of a lab run (`genlab.fid.prior_pictures`).
"""

__all__ = ["dogs_part", "dogs_verdict"]

from genlab.fid.results import Distance, Measurement
from genlab.lab.report.numbers.bound import like, plain
from genlab.lab.report.numbers.facts import DogsVae, Facts
from genlab.lab.report.numbers.numbers import count, number, plus_minus, scientific
from genlab.lab.report.text.data_words import data_name
from genlab.lab.report.text.dogs_words import (
    agreement,
    best_prior,
    cannot,
    copies,
    generators,
    guided,
    main_label,
    of_label,
    other_networks,
    shares_mean_something,
)
from genlab.lab.report.text.fid_words import kinds
from genlab.lab.report.text.prior_words import the_prior
from genlab.lab.report.writer import Image, Writer
from genlab.vae.findings import findings
from genlab.vae.likelihoods import LIKELIHOODS

SMALLEST_P = 1e-3
"""Probabilities below it are written as powers of ten."""
NONE = "—"


def dogs_part(w: Writer, facts: Facts) -> None:
    """Writes the part; nothing if the lab was not asked for it."""
    dogs = facts.dogs_vae
    if dogs is None:
        return
    w.heading(
        1, "附加部分：从图像看哪种先验更好；以同一数值比较VAE与GAN",
        "Further part. Which prior, in pictures; VAE against GAN, by one number",
    )
    _done(w, dogs)
    _measured(w, dogs)
    _figure(w, dogs)
    _table(w, dogs)
    _findings(w, facts, dogs)


def dogs_verdict(w: Writer, dogs: DogsVae) -> str:
    """Returns the result in one clause."""
    return f"{best_prior(w, dogs)}{w.pick('；', '; ')}{generators(w, dogs, main_label(dogs))}"


def _done(w: Writer, dogs: DogsVae) -> None:
    one, options = dogs.standard, dogs.settings
    name, shape = data_name(w, dogs.data), options["latent"]
    if dogs.data.stand_in:
        w.note(
            f"注意：本部分的图像与数值来自内置的替代数据（{name}），不是真实的狗照片。",
            f"Note: the images and numbers of this part are of the embedded stand-in ({name}), "
            "not of photographs of dogs.",
        )
    as_map = isinstance(plain(shape), str)
    sides = like(plain(shape).replace("x", "×"), shape) if as_map else shape
    latent = w.pick(
        f"形状为{sides}的特征图，共$D={one.latent}$维" if as_map else f"$D={one.latent}$维的向量",
        f"a map of {sides}, in all $D={one.latent}$ dimensions" if as_map
        else f"a vector of $D={one.latent}$ dimensions",
    )
    net = NETS[plain(options["net"])]
    domain = LIKELIHOODS[plain(one.likelihood)].domain
    likelihood = LIKELIHOOD_WORDS[plain(one.likelihood)]
    w.para(
        f"实验指导书没有要求这一部分：它像第一部分那样比较先验，但用第二部分的数据。在{name}上训练一个{net[0]}VAE"
        f"（{count(one.train_images)}张训练图像，另有{count(one.test_images)}张测试图像；{one.epochs}轮），"
        f"隐变量为{latent}；似然取{likelihood[0]}（{domain.zh}）。训练时的先验是标准高斯；训练结束后编码器与解码器不再改变，"
        f"再为它们逐一学习其余{_others(dogs)}种先验（{options['refit_epochs']}轮{_longer(w, dogs)}，训练数据是训练图像的编码；"
        "混合类的先验用期望最大化拟合）。",
        "The lab sheet does not ask for this part. It compares priors, as the first part does, on "
        f"the data of the second. One {net[1]} VAE is trained on {name} "
        f"(training images: {count(one.train_images)}, set apart for tests: "
        f"{count(one.test_images)}; epochs: {one.epochs}). Its latent is {latent}, its likelihood "
        f"{likelihood[1]} ({domain.en}). It is trained under the standard Gaussian. Encoder and "
        "decoder then stay as they are, and further priors are learned for them, one after the "
        f"other, from the codes of the training images (priors: {_others(dogs)}; epochs: "
        f"{options['refit_epochs']}{_longer(w, dogs)}; mixtures are fitted by expectation-maximisation).",
    )
    w.para(
        r"编码器与解码器相同，所以式(1)的RE与式(3)的条件熵对各先验都一样，不同的只有式(3)中聚合后验与先验的交叉熵"
        r"$\mathbb{CE}[q_\phi(\boldsymbol{z}) \,\|\, p_\lambda(\boldsymbol{z})]$：先验之间ELBO相差多少，"
        "交叉熵就相差多少。先验间隙是交叉熵超出聚合后验自身的熵的部分。",
        "As encoder and decoder are the same, RE of equation 1 and the conditional entropy of "
        "equation 3 are the same under every prior. All that differs is the cross-entropy of "
        r"aggregated posterior and prior in equation 3, "
        r"$\mathbb{CE}[q_\phi(\boldsymbol{z}) \,\|\, p_\lambda(\boldsymbol{z})]$: ELBOs differ by "
        "as much as it does. The prior gap is the part of it that exceeds the aggregated "
        "posterior's own entropy.",
    )
    failed = [the_prior(w, prior) for prior, r in dogs.vae.items() if not r.identity_holds]
    if failed:
        names = w.pick("、", ", ").join(failed)
        w.note(
            f"注意：{names}下式(3)的检验未通过，相应数值在查明原因之前不可采信。",
            f"Note: the check of equation 3 fails under {names}; these numbers cannot be relied on "
            "until the cause is found.",
        )
    for found in findings(one, number, plus_minus):
        w.note(f"注意：{found.zh}。", f"Note: {found.en}.")


def _longer(w: Writer, dogs: DogsVae) -> str:
    """Names the priors that learned for longer than the others, with their epochs."""
    usual = plain(dogs.settings["refit_epochs"])
    found = [
        w.pick(f"，{the_prior(w, prior)}{r.epochs}轮", f", {the_prior(w, prior)} {r.epochs}")
        for prior, r in dogs.vae.items() if prior != "standard" and plain(r.epochs) > usual
    ]
    return "".join(found)


def _others(dogs: DogsVae) -> str:
    """How many priors there are beside the standard Gaussian."""
    names = [r.prior for prior, r in dogs.vae.items() if prior != "standard"]
    return f"{like(len(names), *names)}"


NETS = {
    "mlp": ("全连接", "perceptron"), "conv": ("卷积", "convolutional"),
    "resnet": ("残差卷积", "residual convolutional"),
}
LIKELIHOOD_WORDS = {
    "bernoulli": ("伯努利分布", "a Bernoulli distribution"),
    "binomial": ("二项分布", "a binomial distribution"),
    "continuous-bernoulli": ("连续伯努利分布", "a continuous Bernoulli distribution"),
    "gaussian": ("高斯分布", "a Gaussian"),
}


def _measured(w: Writer, dogs: DogsVae) -> None:
    pictures, label = dogs.pictures, main_label(dogs)
    n, n_real = count(pictures.n), _n_real(dogs)
    w.para(
        f"**怎样测量。**从每种先验抽取{n}个隐变量，解码（取各像素的均值）得到同样多的图像，测它们与{n_real}张训练图像的"
        f"Fréchet距离$D(p)$。作为对照，把训练图像的编码（从$q_\\phi(\\boldsymbol{{z}} \\mid \\boldsymbol{{x}})$"
        "抽样）解码，其距离记为$L$：这相当于从聚合后验抽样，而聚合后验是对此编码器最优的先验，不能指望哪种先验更近；"
        "$L$由解码器决定，换先验不能使它变小。$D(p) - L$是先验$p$失去的，闭合的比例是",
        f"**How it is measured.** From each prior {n} latents are drawn and decoded (the mean of "
        "each pixel) to as many images, and their Fréchet distance $D(p)$ to the "
        f"{n_real} training images is taken. For comparison, codes of training images, draws of "
        r"$q_\phi(\boldsymbol{z} \mid \boldsymbol{x})$, are decoded, and their distance is called "
        "$L$. These are draws of the aggregated posterior, the best prior that there is for this "
        "encoder, so that no prior can be expected to come nearer; $L$ is the decoder's, and no "
        "other prior makes it smaller. The prior $p$ loses $D(p) - L$, and the share of the gap "
        "that it closes is",
    )
    w.equation(
        r"\frac{D(p_{\text{std}}) - D(p)}{D(p_{\text{std}}) - L}, \qquad "
        r"p_{\text{std}} = \mathcal{N}(\boldsymbol{0}, \mathbf{I})"
    )
    distances = pictures.limit.distances
    main = ""
    if len(distances) > 1:
        main = w.pick(
            f"{w.fig('prior_pictures')}与{w.tab('prior_pictures')}按{label}，"
            f"{w.tab('prior_distances')}列出各网络的距离。",
            f" {w.fig('prior_pictures')} and {w.tab('prior_pictures')} are by {label}; "
            f"{w.tab('prior_distances')} lists the distances by every network.",
        )
    w.para(
        f"GAN是第二部分所训练的，也抽取{n}张图像，与同一组训练图像比较；{w.tab('fid')}以另一组图像为参照，"
        f"所以数值不同。{kinds(w, distances)}。{main}",
        f"The GAN is that of the second part, and {n} of its images are compared with the same "
        f"training images. The reference of {w.tab('fid')} is another set of images, so the "
        f"values differ. {kinds(w, distances)}.{main}",
    )


def _n_real(dogs: DogsVae) -> str:
    n_real = dogs.pictures.limit.n_real
    assert n_real is not None  # `read_facts` looks
    return count(n_real)


def _figure(w: Writer, dogs: DogsVae) -> None:
    names = w.pick("、", ", ").join(
        w.pick(*row.title.capitalised()) for row in dogs.pictures.rows
    )
    w.para(
        f"图像见{w.fig('prior_pictures')}，数值见{w.tab('prior_pictures')}。",
        f"{w.fig('prior_pictures')} shows the images, {w.tab('prior_pictures')} the numbers.",
    )
    w.figure(
        "prior_pictures",
        [Image(path="../dogs-vae/pictures.png",
               zh="各先验下的图像，每种先验一行，上有训练图像与解码的编码，下有GAN的图像",
               en="Images under each prior, a row each, below training images and decoded codes, "
               "above images of the GAN")],
        1,
        f"训练图像、解码的编码、各先验下随机抽取的图像（{names}，未经挑选）与GAN的图像；行首为到训练图像的距离",
        "Training images, decoded codes, random images under each prior "
        f"({names}; not selected), and images of the GAN; each row with its distance to the "
        "training images", 15.0,
    )


def _table(w: Writer, dogs: DogsVae) -> None:
    pictures, p, label = dogs.pictures, w.pick, main_label(dogs)
    shares = shares_mean_something(dogs)
    rows = []
    for row, measured in pictures.rows.items():
        share = NONE
        if row.prior != "standard" and shares:
            share = f"{number(100 * pictures.closed[row.name][label], 0)}%"
        one, r = of_label(measured, label), dogs.vae[row.prior]
        # What is known of the prior is not known of its guided draws.
        known = [NONE, NONE] if row.guided else [
            number(-r.omega.value, 1), plus_minus(r.prior_gap)
        ]
        rows.append([
            w.pick(*row.title.capitalised()), *known, plus_minus(one.distance),
            plus_minus(pictures.lost[row.name][label]), share, _p(one),
        ])
    limit, gan = (of_label(one, label) for one in _besides(dogs))
    codes = p("解码的编码", "Decoded codes")
    rows += [
        [codes, NONE, NONE, plus_minus(limit.distance), NONE, NONE, _p(limit)],
        ["GAN", NONE, NONE, plus_minus(gan.distance), NONE, NONE, NONE],
    ]
    n = count(pictures.n)
    w.table(
        "prior_pictures",
        [p("先验", "Prior"), r"$-\Omega$", p("先验间隙", "Prior gap"), label, r"$D(p) - L$",
         p("闭合", "Closed"), p("记忆检验*p*", "Memorisation *p*")],
        rows,
        rf"各先验下{n}张图像到{_n_real(dogs)}张训练图像的距离；$-\Omega$与先验间隙的单位为nat/图像，"
        r"$D(p) - L$的标准误由配对的差算出",
        f"Distances of {n} images under each prior to the {_n_real(dogs)} training images. "
        r"$-\Omega$ and the prior gap are in nats per image; the standard errors of $D(p) - L$ "
        "are those of paired differences", "lcccccc",
    )
    distances = pictures.limit.distances
    if len(distances) == 1:
        return
    named = [(p(*row.title.capitalised()), one) for row, one in pictures.rows.items()]
    named += zip((codes, "GAN"), _besides(dogs))
    w.table(
        "prior_distances", [p("图像", "Images"), *(d.label for d in distances)],
        [[name, *(plus_minus(d.distance) for d in one.distances)] for name, one in named],
        "同一批图像按各网络的距离", "Distances of the same images by every network",
        "l" + "c" * len(distances),
    )


def _besides(dogs: DogsVae) -> tuple[Measurement, Measurement]:
    """Returns what is measured of decoded codes and of the GAN."""
    gan = dogs.pictures.gan
    assert gan is not None  # `read_facts` looks
    return dogs.pictures.limit, gan


def _p(one: Distance) -> str:
    """Returns the probability of the test of memorisation."""
    assert one.copies is not None  # `read_facts` looks
    p = one.copies.p
    if p is None:
        return NONE
    return scientific(p) if 0 < p < SMALLEST_P else number(p, 3)


def _findings(w: Writer, facts: Facts, dogs: DogsVae) -> None:
    label = main_label(dogs)
    which, like_bound = best_prior(w, dogs), agreement(w, dogs)
    w.para(
        f"**哪种先验？**{which}。{like_bound}",
        f"**Which prior?** {which[0].upper()}{which[1:]}. {like_bound}",
    )
    for row in dogs.pictures.rows:
        if row.guided:
            said = guided(w, dogs, row)
            w.para(f"**引导的抽样。**{said}", f"**Guided draws.** {said}")
    against = generators(w, dogs, label)
    w.para(
        f"**VAE还是GAN？**{against}。{other_networks(w, dogs)}",
        f"**VAE or GAN?** {against[0].upper()}{against[1:]}. {other_networks(w, dogs)}".rstrip(),
    )
    w.para(
        f"**记住了训练图像吗？**{copies(w, dogs)}",
        f"**Were training images memorised?** {copies(w, dogs)}",
    )
    w.para(
        f"**不能由此断定的。**{cannot(w, facts, dogs)}",
        f"**What does not follow.** {cannot(w, facts, dogs)}",
    )
