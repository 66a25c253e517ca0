"""The report's second part: the GAN, its images, and their distance to the real ones."""

__all__ = ["gan_part"]

import re

from genlab.gan.designs import DESIGNS
from genlab.gan.designs.base import Equation
from genlab.gan.findings import findings
from genlab.lab.report.numbers.bound import plain
from genlab.lab.report.numbers.facts import PREPARATION, Facts
from genlab.lab.report.numbers.numbers import count, duration, number
from genlab.lab.report.text.data_words import data_name
from genlab.lab.report.text.excerpts import excerpt
from genlab.lab.report.text.fid_part import fid_part
from genlab.lab.report.writer import Image, Writer


def gan_part(w: Writer, facts: Facts) -> None:
    """Writes the part."""
    w.heading(1, "二、生成对抗网络（GAN）", "Part 2. A generative adversarial network")
    _task(w, facts)
    _description(w, facts)
    _common(w, facts)
    _settings(w, facts)
    _images(w, facts)
    fid_part(w, facts)


def _task(w: Writer, facts: Facts) -> None:
    data = facts.dogs
    w.heading(2, "2.1 任务与方法", "2.1 Task and method")
    epochs = w.pick("、", ", ").join(map(str, facts.gan.snapshots))
    size = facts.gan.size
    w.para(
        f"本题用{data_name(w, data)}（{count(facts.gan.images)}张，{size}×{size}像素）训练GAN"
        f"{w.cite('gan')}生成狗的图像，展示第{epochs}轮时的样本，并用自己实现的FID函数评价"
        f"{count(facts.fid.n_fake)}张生成图像。",
        f"This part trains a GAN{w.cite('gan')} on {data_name(w, data)} "
        f"({count(facts.gan.images)} images of {size}×{size} pixels) to generate images of "
        f"dogs, shows its samples after epochs {epochs}, and evaluates "
        f"{count(facts.fid.n_fake)} generated images with an FID function of our own.",
    )
    if data.stand_in:
        _stand_in(w, facts)
    if facts.gan_config.crop != "centre":
        _preparation(w, facts)


def _preparation(w: Writer, facts: Facts) -> None:
    """Writes which squares of photographs the GAN learned from."""
    data = facts.dogs
    if facts.gan_config.crop == "face":
        w.para(
            f"这些图像是整张照片。训练前在每张照片中寻找狗的头部（EfficientNet-Lite0特征上的线性分类器），"
            f"只取头部所在的正方形；另有{count(data.without_square)}张照片未找到头部，不参加训练（{w.fig('preparation')}）。"
            "本部分的“真实图像”都指这些正方形。",
            "These are whole photographs. Before training, the dog's head was looked for in each "
            "(by a linear classifier on features of EfficientNet-Lite0), and the square around it "
            f"was taken; in {count(data.without_square)} further photographs no head was found, "
            f"and they are left out ({w.fig('preparation')}). “Real images” are these squares "
            "throughout this part.",
        )
    elif facts.gan_config.crop == "boxes":
        w.para(
            f"训练所用的不是整张照片，而是数据集标注的矩形框周围的正方形；另有{count(data.without_square)}张照片没有标注，"
            f"不参加训练（{w.fig('preparation')}）。本部分的“真实图像”都指这些正方形。",
            "The training images are not the whole photographs, but the squares around the "
            f"rectangles that the data set gives; {count(data.without_square)} further photographs "
            f"have none, and are left out ({w.fig('preparation')}). “Real images” are these "
            "squares throughout this part.",
        )
    else:
        w.para(
            f"训练所用的不是整张照片，而是每张照片中主体（由EfficientNet-Lite0识别）所在的正方形（{w.fig('preparation')}）。"
            "本部分的“真实图像”都指这些正方形。",
            "The training images are not the whole photographs, but the square of each around "
            f"what EfficientNet-Lite0 recognises ({w.fig('preparation')}). “Real images” are "
            "these squares throughout this part.",
        )
    w.figure(
        "preparation",
        [Image(path=f"../gan/{PREPARATION}", zh="照片与所取的正方形",
               en="Photographs and the squares taken of them")],
        1, "随机抽取的照片（上，红框为所取的正方形）及所取的正方形（下）",
        "Photographs drawn at random, the square outlined in red (above), and the squares (below)",
    )


def _stand_in(w: Writer, facts: Facts) -> None:
    name = data_name(w, facts.dogs)
    w.note(
        f"注意：本部分的图像与数值来自内置的替代数据（{name}），不是真实的狗照片。"
        "用真实图像重做：`genlab lab --preset full --dogs 图像文件夹`（或`--dogs imagewoof-160`，见`genlab data`）。",
        f"Note: the images and numbers of this part are of the embedded stand-in ({name}), "
        "not of photographs of dogs. To repeat them on photographs: `genlab lab --preset full --dogs FOLDER` "
        "(or `--dogs imagewoof-160`; see `genlab data`).",
    )


def _description(w: Writer, facts: Facts) -> None:
    """Writes what the design says of itself, and its losses' source."""
    gan, c = facts.gan, facts.gan_config
    numbers = {"size": gan.size, "latent": c.latent, **gan.design_numbers}
    design = DESIGNS[plain(gan.design)]
    for block in design.description:
        if isinstance(block, Equation):
            w.equation(block.tex)
        else:
            w.para(*(_filled(w, text, numbers) for text in block))
    if clip := c.clip:
        w.para(
            f"任一网络的梯度若长于其平常长度的{clip:g}倍，则缩短至该长度{w.cite('adafactor')}，以免一次尖峰毁掉训练。",
            f"A gradient of either network that is longer than {clip:g} times its usual length is "
            f"shortened to that length{w.cite('adafactor')}, so that a single spike does not ruin "
            "the training.",
        )
    w.code(excerpt(*design.losses))


def _filled(w: Writer, text: str, numbers: dict[str, float]) -> str:
    """Returns a text with its citations `[@key]` and its numbers `{name}` filled in."""
    text = re.sub(r"\[@(\w+)\]", lambda found: w.cite(found[1]), text)
    for name, value in numbers.items():
        text = text.replace(f"{{{name}}}", f"{value:g}")
    return text


AUGMENTS = {
    "colour": ("颜色（亮度、饱和度、对比度）", "colour"),
    "translation": ("平移", "translation"),
    "cutout": ("遮挡", "cutout"),
}


def _common(w: Writer, facts: Facts) -> None:
    if facts.gan_config.augment:
        w.para(
            f"为防止判别器记住少量训练图像，真实与生成图像在进入判别器前都做同样的可微数据增强{w.cite('diffaugment')}，"
            "梯度穿过增强传回生成器。",
            "To keep the discriminator from memorising the few training images, real and "
            "generated images pass through the same differentiable augmentation"
            f"{w.cite('diffaugment')} before the discriminator. Gradients pass through it to "
            "the generator.",
        )
    else:
        w.para(
            "本次训练不做数据增强，即$T$为恒等映射。",
            "This training uses no data augmentation, so $T$ is the identity.",
        )
    w.para(
        f"采样所用的是生成器权重的指数滑动平均{w.cite('ema')}。",
        "Images are sampled with an exponential moving average of the generator's weights"
        f"{w.cite('ema')}.",
    )


def _settings(w: Writer, facts: Facts) -> None:
    gan, c, p = facts.gan, facts.gan_config, w.pick
    design = DESIGNS[plain(gan.design)]
    betas = ", ".join(f"{beta:g}" for beta in gan.betas)
    augment = p("、", ", ").join(p(*AUGMENTS[name]) for name in c.augment) or p("无", "none")
    if c.mirror:
        augment += p("；训练图像随机左右翻转", "; training images mirrored at random")
    half_life = min(c.average_images, c.average_share * gan.epochs * gan.images)
    rows = [
        [p("设计", "Design"), p(*design.title) + (
            p(f"（判别器透过{gan.pretrained}）",
              f" (the discriminator sees features of {gan.pretrained})")
            if gan.pretrained else p("（无预训练网络）", " (no pretrained network)"))],
        [p("参数量（生成器/判别器）", "Parameters (generator / discriminator)"),
         f"{count(gan.parameters_generator)} / {count(gan.parameters_discriminator)}"],
        [p("训练图像", "Training images"), p(
            f"{count(gan.images)}张，{gan.size}×{gan.size}",
            f"{count(gan.images)} of {gan.size}×{gan.size}")],
        [p("轮数 / 批大小", "Epochs / batch"), f"{gan.epochs} / {gan.batch}"],
        [p("优化器", "Optimiser"), f"Adam{w.cite('adam')}" + p(
            f"，$\\beta = ({betas})$，学习率：生成器{c.learning_rate:g}，判别器{c.discriminator_rate:g}",
            f", $\\beta = ({betas})$, learning rates {c.learning_rate:g} (generator), "
            f"{c.discriminator_rate:g} (discriminator)")],
        [p("数据增强", "Augmentation"), augment],
        [p("权重平均的半衰期", "Half-life of the weight average"),
         p(f"已见图像数的{c.average_share:.0%}，训练结束时为{count(round(half_life))}张图像",
           f"{c.average_share:.0%} of the images seen so far; {count(round(half_life))} images "
           "at the end")],
        [p("随机种子", "Seed"), str(c.seed)],
        [p("训练用时", "Training time"), p(
            f"{duration(gan.seconds, w.lang)}（每秒{number(gan.images_per_second, 1)}张图像）",
            f"{duration(gan.seconds, w.lang)} ({number(gan.images_per_second, 1)} images "
            "per second)")],
    ]
    w.heading(2, "2.2 训练设置", "2.2 Training settings")
    w.para(
        f"网络与训练设置见{w.tab('gan_settings')}，损失与判别器得分的变化见{w.fig('gan_curve')}。",
        f"{w.tab('gan_settings')} lists the networks and the settings; {w.fig('gan_curve')} shows "
        "the losses and the discriminator's scores during training.",
    )
    w.table(
        "gan_settings", [p("项目", "Item"), p("取值", "Value")], rows,
        "GAN的网络与训练设置", "Networks and training of the GAN", "ll",
    )
    w.figure(
        "gan_curve",
        [Image(path="../gan/curve.png", zh="GAN的损失与判别器得分随轮数的变化",
               en="Losses and discriminator scores over the epochs")],
        1, "训练过程：损失，以及判别器对真实与生成图像的平均得分",
        "Training curves: the losses, and the discriminator's mean scores of real and generated "
        "images",
        12.0,
    )
    for one in findings(facts.gan.events, number):
        w.note(f"注意：{one.zh}。", f"Note: {one.en}.")


def _images(w: Writer, facts: Facts) -> None:
    epochs = w.pick("、", ", ").join(map(str, facts.gan.snapshots))
    fakes, shown = count(facts.fid.n_fake), min(60, facts.fid.n_fake)
    w.heading(2, "2.3 不同轮数的生成图像", "2.3 Generated images over the epochs")
    w.para(
        f"{w.fig('progress')}为第{epochs}轮时随机生成的10张图像。隐变量随机抽取一次后固定，同一列始终是同一个隐变量，"
        f"因而可以逐列比较质量的变化；数值上的变化见{w.tab('epochs')}。"
        f"作为对照，{w.fig('real')}是真实的训练图像，{w.fig('generated')}是训练结束后生成的图像。",
        f"{w.fig('progress')} shows 10 images drawn at random after each of the epochs {epochs}. "
        "The latents were drawn once and then kept, so each column shows one latent over the "
        f"epochs; {w.tab('epochs')} gives the change in numbers. For comparison, {w.fig('real')} "
        f"shows real training images, and {w.fig('generated')} shows images generated after "
        "training.",
    )
    w.figure(
        "progress",
        [Image(path="../gan/progress.png", zh=f"第{epochs}轮的生成图像，每行10张",
               en=f"Generated images after epochs {epochs}, ten in a row")],
        1, f"第{epochs}轮时随机生成的10张图像（各行的隐变量相同）",
        f"Ten random images after each of the epochs {epochs} (the same latents in every row)",
    )
    w.figure(
        "real",
        [Image(path="../gan/real.png", zh="部分真实训练图像", en="Some real training images")],
        1, "部分真实训练图像，用于对照", "Some real training images, for comparison", 14.0,
    )
    w.figure(
        "generated",
        [Image(path="../gan/generated.png", zh="训练结束后生成的部分图像",
               en="Some of the images generated after training")],
        1, f"训练结束后生成的{fakes}张图像中的前{shown}张（未经挑选）",
        f"The first {shown} of the {fakes} images generated after training (not selected)", 14.0,
    )
