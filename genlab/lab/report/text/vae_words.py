"""The discussion of the VAEs: every sentence follows from the measured numbers.

With I[x;z] the mutual information of q_phi(z|x) and the data (Hoffman & Johnson, 2016):

    ELBO = RE - I[x;z] - KL[q(z) || p(z)],    so    I[x;z] = -Omega - KL[q(z) || p(z)].
"""

__all__ = ["discuss", "elbo_verdict"]

from genlab.common.quantities import Measured
from genlab.lab.report.numbers.compare import Change, change, clear_of_noise, difference
from genlab.lab.report.numbers.facts import Facts
from genlab.lab.report.numbers.numbers import alike, number, plus_minus, scientific
from genlab.lab.report.text.prior_words import prior_name, the_prior
from genlab.lab.report.writer import Writer

KL = r"\text{KL}[q_\phi(\boldsymbol{z}) \,\|\, p_\lambda(\boldsymbol{z})]"
INFORMATION = r"I[\boldsymbol{x};\boldsymbol{z}]"
TERMS = {
    "re": r"$\text{RE}$", "mutual_information": f"$-{INFORMATION}$", "marginal_kl": r"$-\text{KL}$",
}
"""What each term of `Change` is called."""


def discuss(w: Writer, facts: Facts) -> None:
    """Writes the discussion."""
    w.heading(2, "1.7 讨论", "1.7 Discussion")
    _identity(w, facts)
    _elbo(w, facts)
    _parts(w, facts)
    _match(w, facts)
    _gap(w, facts)
    _exact(w, facts)


def elbo_verdict(w: Writer, facts: Facts) -> str:
    """Returns the sentence that says which prior has the best ELBO, as far as errors allow."""
    candidates = clear_of_noise(facts.vae, "elbo", lowest=False)
    best = candidates[0]
    value = plus_minus(facts.vae[best].elbo)
    name = the_prior(w, best)
    if len(candidates) == len(facts.vae):
        return w.pick(
            f"各先验的ELBO之差都在误差以内（不超过两倍标准误），本次实验分不出高下；数值上最高的是{name}"
            f"（{value}）",
            "the ELBOs of all priors differ by no more than two standard errors, so this "
            f"experiment cannot distinguish them; the highest value is that of {name} ({value})",
        )
    if len(candidates) == 1:
        return w.pick(
            f"ELBO最高的是{name}（{value}），比其余先验都高出两倍标准误以上",
            f"the highest ELBO is that of {name} ({value}), more than two standard errors above all "
            "others",
        )
    others = w.pick("、", ", ").join(the_prior(w, p) for p in candidates[1:])
    worse = w.pick("、", ", ").join(the_prior(w, p) for p in facts.vae if p not in candidates)
    return w.pick(
        f"ELBO最高的是{name}（{value}），但与{others}之差在两倍标准误以内，不能分出高下；{worse}明显较低",
        f"the highest ELBO is that of {name} ({value}); the difference to {others} is within two "
        f"standard errors, and that of {worse} is clearly lower",
    )


def _identity(w: Writer, facts: Facts) -> None:
    failed = [the_prior(w, p) for p, r in facts.vae.items() if not r.identity_holds]
    if failed:
        names = w.pick("、", ", ").join(failed)
        w.para(
            f"**式(3)的检验未通过**：{names}的$\\Omega$与两部分之和之差超出容许范围（{w.tab('identity')}），"
            "相应数值在查明原因之前不可采信。",
            f"**The check of equation 3 fails**: for {names} the difference between $\\Omega$ and "
            f"the sum of its parts exceeds the tolerance ({w.tab('identity')}). These numbers "
            "cannot be relied on until the cause is found.",
        )
        return
    gap = max(abs(r.identity_gap) for r in facts.vae.values())
    w.para(
        f"**式(3)成立。**{w.tab('identity')}中，各先验的$\\Omega$与独立算出的两部分之和最多相差"
        f"{number(gap, 4)} nat，都在由差的标准误定出的容许范围之内。",
        f"**Equation 3 holds.** In {w.tab('identity')}, $\\Omega$ and the independently computed "
        f"sum of its parts differ by at most {number(gap, 4)} nats. For every prior this is within "
        "the tolerance, which follows from the standard error of the difference.",
    )


def _elbo(w: Writer, facts: Facts) -> None:
    best = clear_of_noise(facts.vae, "elbo", lowest=False)[0]
    lines = []
    for prior in facts.vae:
        if prior == best:
            continue
        d = difference(facts.vae[best], facts.vae[prior], "elbo")
        verdict = w.pick(*(("明显", "clear") if d.clear else ("在误差以内", "within noise")))
        value = plus_minus(d)
        lines.append(w.pick(
            f"比{the_prior(w, prior)}高{value}（{verdict}）",
            f"{value} nats above that of {the_prior(w, prior)} ({verdict})",
        ))
    verdict = elbo_verdict(w, facts)
    joined = w.pick("，", ", ").join(lines)
    w.para(
        f"**哪种先验更好？**{verdict}。具体地，{the_prior(w, best)}{joined}。"
        "标准误由同一批测试图像上逐图配对的差算出；每种先验只训练了一次，训练随机性造成的波动没有计入。",
        f"**Which prior is better?** {verdict[0].upper()}{verdict[1:]}. In numbers, the ELBO of "
        f"{the_prior(w, best)} is {joined}. The standard errors are those of differences taken "
        "image by image over the same test images. Each prior was trained once, so the variation "
        "over seeds is not included.",
    )


def _parts(w: Writer, facts: Facts) -> None:
    changes = {p: change(r, facts.standard) for p, r in facts.vae.items() if p != "standard"}
    header = [w.pick("先验", "Prior"), r"$\Delta\text{RE}$",
              r"$-\Delta I[\boldsymbol{x};\boldsymbol{z}]$", r"$-\Delta\text{KL}$",
              r"$\Delta\text{ELBO}$"]
    rows = [
        [prior_name(w, prior), *(alike(v, c.elbo, sign=True) for v in c.terms.values()),
         plus_minus(c.elbo, sign=True)]
        for prior, c in changes.items()
    ]
    w.para(
        f"**差别从何而来？**编码$\\boldsymbol{{z}}$与图像$\\boldsymbol{{x}}$的互信息为${INFORMATION}$时，"
        f"$\\text{{ELBO}} = \\text{{RE}} - {INFORMATION} - {KL}${w.cite('surgery')}：重建得多好，为此编码要带多少信息，"
        f"先验与聚合后验差多少。{w.tab('change')}按这三项分解ELBO相对标准高斯的变化。"
        + "".join(_part_zh(w, p, c) for p, c in changes.items())
        + "这里不用式(3)的两部分，因为它们不宜单独比较：若把隐空间连同先验整体放大$a$倍，交叉熵与条件熵同时增加"
        "$D\\ln a$，而$\\Omega$不变；可训练的先验正有这一自由。上述三项则都不随之改变。",
        "**Where do the differences come from?** With the mutual information "
        f"${INFORMATION}$ of code and image, $\\text{{ELBO}} = \\text{{RE}} - {INFORMATION} - "
        f"{KL}${w.cite('surgery')}. The three terms say how good the reconstructions are, how much "
        "information the codes carry for that, and how far the prior is from the aggregated "
        f"posterior. {w.tab('change')} splits the difference to the standard Gaussian's ELBO into "
        "these terms. "
        + " ".join(_part_en(w, p, c) for p, c in changes.items())
        + " The two parts of equation 3 cannot be compared one by one: if the latent space and the "
        "prior are scaled by $a$, both parts grow by $D \\ln a$ while $\\Omega$ stays the same, and "
        "a learned prior has this freedom. The three terms used here do not depend on the scale.",
    )
    w.table(
        "change", header, rows,
        "ELBO相对标准高斯的变化及其组成（nat/图像）",
        "Difference to the ELBO of the standard Gaussian, and its parts (nats per image)", "lcccc",
    )


def _part_zh(w: Writer, prior: str, c: Change) -> str:
    word = "高" if c.elbo.value >= 0 else "低"
    noise = "" if c.elbo.clear else "（在误差以内）"
    return (
        f"{the_prior(w, prior)}的ELBO{word}{alike(abs(c.elbo.value), c.elbo)}{noise}，"
        f"朝这一方向作用最大的是{TERMS[c.largest]}（{alike(c.terms[c.largest], c.elbo, sign=True)}）。"
    )


def _part_en(w: Writer, prior: str, c: Change) -> str:
    word = "higher" if c.elbo.value >= 0 else "lower"
    noise = "" if c.elbo.clear else " (within noise)"
    return (
        f"With {the_prior(w, prior)} the ELBO is {alike(abs(c.elbo.value), c.elbo)} {word}{noise}; "
        f"the term that contributes most in this direction is {TERMS[c.largest]} "
        f"({alike(c.terms[c.largest], c.elbo, sign=True)})."
    )


def _match(w: Writer, facts: Facts) -> None:
    closest = clear_of_noise(facts.vae, "marginal_kl", lowest=True)
    best = clear_of_noise(facts.vae, "elbo", lowest=False)
    joined = w.pick("，", ", ").join(
        f"{the_prior(w, p)} {plus_minus(r.marginal_kl)}"
        for p, r in facts.vae.items()
    )
    names = w.pick("、", ", ").join(the_prior(w, p) for p in closest)
    if len(best) == len(facts.vae):
        agree = w.pick(
            "由于各先验的ELBO在误差内不可区分，本次实验尚不能说明更小的边缘KL带来了更高的ELBO。",
            "As the ELBOs cannot be distinguished, this experiment does not show that a smaller "
            "marginal KL leads to a higher ELBO.",
        )
    elif set(closest) & set(best):
        agree = w.pick(
            "它也在ELBO最高（或与最高者不可区分）之列，与“先验越贴近聚合后验，下界越高”的预期一致。",
            "This prior is also among those whose ELBO is the highest or within two standard errors "
            "of it, as one expects if a prior that fits the aggregated posterior raises the bound.",
        )
    else:
        agree = w.pick(
            "但它并不是ELBO最高的：先验与聚合后验的匹配只是ELBO的一部分，重建项与互信息的变化超过了它。",
            "Yet its ELBO is not the highest: the match of prior and aggregated posterior is only one "
            "part of the ELBO, and the changes of reconstruction and information outweigh it.",
        )
    w.para(
        f"**先验与聚合后验的匹配。**先验只通过最后一项直接影响下界。这一项（边缘KL）为：{joined}。最小的是{names}"
        f"{'（两倍标准误内不可区分）' if len(closest) > 1 else ''}。{agree}"
        f"标准高斯不可训练，只能由聚合后验去迁就它（{w.fig('priors')}）；可训练的先验还可以反过来去贴合聚合后验，"
        f"是否做到，由上面的数值和{w.fig('own')}来看。",
        "**Match of prior and aggregated posterior.** Of the three terms only the last, the marginal "
        f"KL, contains the prior. Its values are: {joined}. The smallest is that of {names}"
        f"{' (equal within two standard errors)' if len(closest) > 1 else ''}. "
        f"{agree} The standard Gaussian is fixed, so the aggregated posterior has to adapt to it "
        f"({w.fig('priors')}). A learned prior can also adapt to the aggregated posterior; these "
        f"values and {w.fig('own')} show how far it does.",
    )


def _gap(w: Writer, facts: Facts) -> None:
    """Writes how much of the gain over the standard Gaussian its prior gap explains."""
    candidates = clear_of_noise(facts.vae, "elbo", lowest=False)
    gap = plus_minus(facts.standard.prior_gap)
    if "standard" in candidates:
        told = w.pick(
            "然而本次实验中，没有哪种先验的ELBO明显高于标准高斯，这一余地并没有换来更好的下界",
            "in this experiment, however, no prior has an ELBO clearly above the standard "
            "Gaussian's, so this potential gain was not realised",
        )
    else:
        told = _gained(w, facts, candidates[0])
    left = w.pick("，", ", ").join(
        f"{the_prior(w, p)} {plus_minus(r.prior_gap)}"
        for p, r in facts.vae.items() if p != "standard"
    )
    w.para(
        "**先验间隙能解释多少？**保持编码器与解码器不变、只把先验换成训练图像的聚合后验（此时的最优先验），训练集上的"
        f"ELBO恰好提高先验间隙那么多，测试集上也大致如此。标准高斯的先验间隙为{gap}，{told}。其余先验剩下的先验间隙为："
        f"{left}；这就是再换先验还能换来的好处。",
        "**How much does the prior gap explain?** If the encoder and the decoder are kept and the "
        "prior is replaced by the aggregated posterior of the training images, which is then the "
        "best prior, the ELBO on the training images rises by exactly the prior gap, and the ELBO "
        f"on test images by about as much. The standard Gaussian's prior gap is {gap}; {told}. The "
        f"prior gaps of the other priors are: {left}. This is what yet another prior could still "
        "gain.",
    )


def _gained(w: Writer, facts: Facts, best: str) -> str:
    """Returns a clause that compares the gain of the best prior with the standard's prior gap."""
    gain = difference(facts.vae[best], facts.standard, "elbo")
    gap = facts.standard.prior_gap.value
    shown, name = plus_minus(gain), the_prior(w, best)
    if not Measured(gain.value - gap, gain.error).clear:
        return w.pick(
            f"而{name}下ELBO实际高出{shown}，与它在两倍标准误内相符：收获可以由先验贴合聚合后验来解释",
            f"with {name} the ELBO is in fact {shown} higher, which agrees with the gap within two "
            "standard errors: a prior that fits the aggregated posterior accounts for the gain",
        )
    if gain.value > gap:
        return w.pick(
            f"而{name}下ELBO实际高出{shown}，超过了它：多出的部分只能来自编码器与解码器随先验一起改变",
            f"with {name} the ELBO is in fact {shown} higher, which is more than the gap: the rest "
            "can only come from changes of the encoder and the decoder, which were trained with the "
            "prior",
        )
    return w.pick(
        f"而{name}下ELBO实际只高出{shown}，不及它：换先验的好处有一部分被编码器与解码器的改变抵消了",
        f"with {name} the ELBO is in fact only {shown} higher, which is less than the gap: changes "
        "of the encoder and the decoder undo part of what the prior gains",
    )


def _exact(w: Writer, facts: Facts) -> None:
    """Writes about the exact likelihood and the inference gap."""
    gaps = {p: r.inference_gap for p, r in facts.vae.items() if r.inference_gap is not None}
    errors = [r.nll_exact_error for r in facts.vae.values() if r.nll_exact_error is not None]
    if len(gaps) < len(facts.vae):  # more than two latent dimensions
        return
    best = clear_of_noise(facts.vae, "nll_exact", lowest=True)
    losses = w.pick("，", ", ").join(f"{the_prior(w, p)} {plus_minus(g)}" for p, g in gaps.items())
    worst = max(errors)
    names = w.pick("、", ", ").join(the_prior(w, p) for p in best)
    alike = w.pick("（两倍标准误内不可区分）", " (equal within two standard errors)") if len(best) > 1 else ""
    w.para(
        r"**精确似然。**ELBO只是下界。隐空间只有两维，可以在平面上直接求积得到"
        r"$\ln p(\boldsymbol{x}) = \ln \int p(\boldsymbol{x} \mid \boldsymbol{z})\, "
        r"p(\boldsymbol{z})\, d\boldsymbol{z}$"
        f"（平均求积误差不超过{scientific(worst)} nat）。负对数似然最低的是{names}{alike}。"
        f"下界与真值之差（推断间隙）为：{losses}；它就是编码器的高斯后验"
        "与真实后验之差。",
        r"**The exact likelihood.** The ELBO is only a bound. With two latent dimensions "
        r"$\ln p(\boldsymbol{x}) = \ln \int p(\boldsymbol{x} \mid \boldsymbol{z})\, "
        r"p(\boldsymbol{z})\, d\boldsymbol{z}$ can be computed by quadrature over the plane (mean "
        f"error at most {scientific(worst)} nats). The lowest negative log-likelihood is that of "
        f"{names}{alike}. The difference between the likelihood and the bound (the inference gap) "
        f"is: {losses}. It is the divergence of the encoder's Gaussian posteriors from the true "
        "posteriors.",
    )
