"""The end of the report: conclusion, reproducibility, what is handed in, references."""

__all__ = ["end_part"]

from genlab.common.identity import Identity
from genlab.configs.lab import LabConfig, seed_of
from genlab.lab.report.numbers.bound import plain
from genlab.lab.report.numbers.facts import Facts
from genlab.lab.report.numbers.numbers import count, duration
from genlab.lab.report.text.data_words import data_name
from genlab.lab.report.text.dogs_part import dogs_verdict
from genlab.lab.report.text.fid_part import fid_verdict
from genlab.lab.report.text.vae_words import elbo_verdict
from genlab.lab.report.writer import Writer


def end_part(w: Writer, facts: Facts) -> None:
    """Writes the part."""
    w.heading(1, "三、结论", "Part 3. Conclusion")
    verdict = elbo_verdict(w, facts)
    w.para(
        f"（1）VAE：在{data_name(w, facts.digits)}的测试集上，{verdict}。",
        f"(1) VAE: on the test set of {data_name(w, facts.digits)}, {verdict}.",
    )
    n, epochs = count(facts.fid.n_fake), facts.gan.epochs
    w.para(
        f"（2）GAN：在{data_name(w, facts.dogs)}上训练{epochs}轮后生成的{n}张图像，{fid_verdict(w, facts)}。",
        f"(2) GAN: for {n} images generated after {epochs} epochs on "
        f"{data_name(w, facts.dogs)}, {fid_verdict(w, facts)}.",
    )
    if facts.dogs_vae is not None:
        name, told = data_name(w, facts.dogs_vae.data), dogs_verdict(w, facts.dogs_vae)
        w.para(
            f"（3）狗的VAE与GAN：在{name}上，{told}。",
            f"(3) VAE and GAN of dogs: on {name}, {told}.",
        )
    _reproduce(w, facts)
    w.heading(1, "参考文献", "References")
    w.references()


def _reproduce(w: Writer, facts: Facts) -> None:
    p = w.pick
    first, last = facts.env.sessions[0], facts.env.sessions[-1]
    w.heading(1, "四、可复现性", "Part 4. Reproducibility")
    w.para(
        "本报告的全部数值与图像来自同一次运行的记录，由程序写入报告；训练中的一切随机性由种子决定。"
        f"运行环境、命令与用时见{w.tab('environment')}。",
        "All numbers and pictures of this report come from the records of one run and were "
        "written into it by the program. All randomness of the training follows from the seed. "
        f"{w.tab('environment')} gives the machine, the command and the training time.",
    )
    further = {} if facts.dogs_vae is None else facts.dogs_vae.vae
    runs = (*facts.vae.values(), *further.values())
    total = facts.gan.seconds + sum(r.seconds for r in runs)
    check = p("`genlab verify`加上提交的全部文件", "`genlab verify`, with all the files handed in")
    rows = [
        [p("命令", "Command"), f"`{first.command}`"],
        [p("随机种子", "Seed"), _seed(w, facts.config)],
        [p("开始时间", "Started"), f"{first.started}"],
        [p("软件版本", "Versions"),
         f"genlab {last.genlab}, Python {last.python}, "
         f"PyTorch {last.torch}, NumPy {last.numpy}"],
        [p("硬件", "Hardware"), f"{last.processor}, {last.system}" + p(
            f"，{last.cores}核，使用{last.threads}线程（{last.capability}）",
            f", {last.cores} cores, threads used: {last.threads} ({last.capability})")],
        [p("训练总用时", "Training time"), duration(total, w.lang)],
        [p("校验命令", "To verify"), check],
    ]
    w.table("environment", [p("项目", "Item"), p("内容", "Content")], rows,
            "运行环境", "Environment of the run", "ll")
    w.para(
        "数据的身份（SHA-256按图像内容计算）与特征网络权重如下：",
        "The data (the SHA-256 is of the images' content) and the weights of the feature networks:",
    )
    weights = [
        (f"{d.extractor.network}的权重（用于{d.label}）：SHA-256 `{d.extractor.sha256}`",
         f"weights of {d.extractor.network} (for {d.label}): SHA-256 "
         f"`{d.extractor.sha256}`")
        for d in facts.fid.distances
    ]
    data = [facts.digits, facts.dogs]
    if facts.dogs_vae is not None and facts.dogs_vae.data.sha256 != facts.dogs.sha256:
        data.append(facts.dogs_vae.data)
    w.bullets([*map(_data, data), *weights])
    w.para(
        "完整代码与训练好的模型在代码压缩包中，GAN的全部图像在支撑材料压缩包中；"
        "两个压缩包解压后都可用`sha256sum -c manifest-sha256.txt`校验，三个文件一起可用`genlab verify`检验。",
        "The code archive holds all source code and the trained models; the archive of supporting "
        "material holds all images of the GAN. Once unpacked, both can be checked with "
        "`sha256sum -c manifest-sha256.txt`; `genlab verify` checks the three files together.",
    )


def _seed(w: Writer, config: LabConfig) -> str:
    """The seed, and whether it is the student number's."""
    seed, student_id = config.seed, config.id
    if student_id is None or plain(seed) != seed_of(plain(student_id)):
        return str(seed)
    return w.pick(f"{seed}（由学号得出）", f"{seed} (from the student number)")


def _data(identity: Identity) -> tuple[str, str]:
    shape = "×".join(map(str, identity.shape))
    name, source = identity.name, identity.source
    known = f"SHA-256 `{identity.sha256}`"
    return (
        f"{name}（来源`{source}`）：{count(identity.count)}张，{shape}，许可："
        f"{identity.licence}，{known}",
        f"{name} (source `{source}`): {count(identity.count)} images of {shape}, licence: "
        f"{identity.licence}, {known}",
    )


