"""The report's second part: the GAN, its images, and their distance to the real ones."""

__all__ = ["gan_part"]

from genlab.lab.report.numbers.facts import Facts
from genlab.lab.report.numbers.numbers import count, duration, number
from genlab.lab.report.text.data_words import data_name
from genlab.lab.report.text.excerpts import excerpt
from genlab.lab.report.text.fid_part import fid_part
from genlab.lab.report.writer import Image, Writer, escape


def gan_part(w: Writer, facts: Facts) -> None:
    """Writes the part."""
    w.heading(1, "二、生成对抗网络（GAN）", "Part 2. A generative adversarial network")
    _task(w, facts)
    MODELS[facts.gan["recipe"]](w, facts)
    _common(w, facts)
    _settings(w, facts)
    _images(w, facts)
    fid_part(w, facts)


def _task(w: Writer, facts: Facts) -> None:
    data = facts.dogs
    w.heading(2, "2.1 任务与方法", "2.1 Task and method")
    epochs = w.pick("、", ", ").join(map(str, facts.gan["snapshots"]))
    size = facts.gan["size"]
    w.para(
        f"本题用{data_name(w, data)}（{count(facts.gan['images'])}张，{size}×{size}像素）训练GAN"
        f"{w.cite('gan')}生成狗的图像，展示第{epochs}轮时的样本，并用自己实现的FID函数评价"
        f"{count(facts.fid['n_fake'])}张生成图像。",
        f"A GAN{w.cite('gan')} is trained on {data_name(w, data)} "
        f"({count(facts.gan['images'])} images of {size}×{size} pixels) to make images of dogs. "
        f"Its samples at epochs {epochs} are shown, and {count(facts.fid['n_fake'])} generated "
        "images are judged by an FID function of our own.",
    )
    if data["stand_in"]:
        _stand_in(w, facts)


def _stand_in(w: Writer, facts: Facts) -> None:
    name = data_name(w, facts.dogs)
    w.note(
        f"注意：本部分的图像与数值来自内置的替代数据（{name}），不是真实的狗照片。"
        "用真实图像重做：`genlab lab --preset full --dogs 图像文件夹`（或`--dogs imagewoof-160`，见`genlab data`）。",
        f"Note: the images and numbers of this part are from the embedded stand-in ({name}), "
        "not from photographs of dogs. For the real thing: `genlab lab --preset full --dogs FOLDER` "
        "(or `--dogs imagewoof-160`; see `genlab data`).",
    )


def _projected(w: Writer, facts: Facts) -> None:
    c, size = facts.gan_config, facts.gan["size"]
    w.para(
        f"**判别器**采用投影GAN{w.cite('projected')}的结构：图像先放大到{c['feature_size']}像素，经在ImageNet上"
        f"预训练并冻结的EfficientNet-Lite0{w.cite('efficientnet')}提取4个尺度（步长4、8、16、32）的特征，再由冻结的"
        "随机卷积跨通道、跨尺度混合，记为$P_l(\\boldsymbol{x})$；每个尺度有一个可训练的小判别头$D_l$，带谱归一化"
        f"{w.cite('spectral')}。需要说明，**判别器是透过ImageNet特征来看图像的**，而ImageNet含有118个狗类："
        "这是本方法在数据少、轮数少时仍然有效的重要原因，也使基于ImageNet网络的距离偏于乐观。",
        f"**The discriminator** is that of Projected GANs{w.cite('projected')}: images are "
        f"brought to {c['feature_size']} pixels and looked at by a frozen EfficientNet-Lite0"
        f"{w.cite('efficientnet')} trained on ImageNet; its features at four scales (strides 4, "
        "8, 16 and 32) are mixed across channels and scales by frozen random convolutions, "
        "which gives $P_l(\\boldsymbol{x})$; each scale has a small trainable head $D_l$ with "
        f"spectral normalisation{w.cite('spectral')}. Note that **this discriminator sees "
        "through ImageNet features**, and 118 classes of ImageNet are dogs: a main reason why it "
        "works with few images and epochs, and one why distances taken with ImageNet networks "
        "flatter it.",
    )
    w.para(
        f"**生成器**仿照FastGAN{w.cite('fastgan')}：从球面上的{c['latent']}维隐变量出发，由4×4逐级放大到{size}×{size}，每级为"
        "最近邻放大、3×3卷积、批归一化与门控线性单元（GLU）；跳层激励用低分辨率特征给高分辨率特征的各通道加权。",
        f"**The generator** follows FastGAN{w.cite('fastgan')}: from a latent of {c['latent']} "
        f"dimensions on a sphere it goes from 4×4 to {size}×{size} pixels, each stage a nearest-neighbour "
        "enlargement, a 3×3 convolution, batch normalisation and a gated linear unit; skip-layer "
        "excitation lets coarse maps weigh the channels of fine ones.",
    )
    w.para(
        f"**损失**为各判别头上的铰链损失{w.cite('hinge')}之和，其中$T$为可微数据增强：",
        f"**The losses** are hinge losses{w.cite('hinge')} summed over the heads, with "
        "differentiable augmentation $T$:",
    )
    w.equation(
        r"\mathcal{L}_D = \sum_{l} \left( \mathbb{E}_{\boldsymbol{x}} \left[ \max\left(0, 1 - "
        r"D_l(P_l(T(\boldsymbol{x})))\right) \right] + \mathbb{E}_{\boldsymbol{z}} \left[ \max"
        r"\left(0, 1 + D_l(P_l(T(G(\boldsymbol{z}))))\right) \right] \right)"
    )
    w.equation(
        r"\mathcal{L}_G = -\sum_{l} \mathbb{E}_{\boldsymbol{z}} \left[ "
        r"D_l(P_l(T(G(\boldsymbol{z})))) \right]"
    )
    w.code(excerpt("hinge"))


def _scratch(w: Writer, facts: Facts) -> None:
    c, size = facts.gan_config, facts.gan["size"]
    w.para(
        f"**网络**：生成器与判别器都是不带归一化的残差网络，每级分辨率（4×4至{size}×{size}）一个残差块，末层卷积初始化为0；"
        f"隐变量为球面上的{c['latent']}维向量。**两者都从零开始训练，不使用任何预训练网络。**",
        "**The networks** are residual, without normalisation: one block for each resolution "
        f"from 4×4 to {size}×{size}, the last convolution of each starting at zero; the latent is a "
        f"vector of {c['latent']} dimensions on a sphere. **Both learn from the images alone; no "
        "pretrained network is used.**",
    )
    w.para(
        f"**损失**为非饱和损失{w.cite('gan')}加R1梯度惩罚{w.cite('r1')}（$\\gamma={c['r1_gamma']:g}$，"
        f"每{c['r1_every']}步计算一次），其中$\\sigma$为sigmoid，$T$为可微数据增强：",
        f"**The losses** are the non-saturating ones{w.cite('gan')} with the R1 gradient "
        f"penalty{w.cite('r1')} ($\\gamma={c['r1_gamma']:g}$, taken every {c['r1_every']} "
        "steps), with sigmoid $\\sigma$ and differentiable augmentation $T$:",
    )
    w.equation(
        r"\mathcal{L}_D = -\mathbb{E}_{\boldsymbol{x}} \left[ \ln \sigma(D(T(\boldsymbol{x}))) "
        r"\right] - \mathbb{E}_{\boldsymbol{z}} \left[ \ln \left(1 - \sigma(D(T(G(\boldsymbol{z}"
        r"))))\right) \right] + \frac{\gamma}{2} \mathbb{E}_{\boldsymbol{x}} \left\lVert "
        r"\nabla_{\boldsymbol{x}} D(\boldsymbol{x}) \right\rVert^2"
    )
    w.equation(
        r"\mathcal{L}_G = -\mathbb{E}_{\boldsymbol{z}} \left[ \ln \sigma(D(T(G(\boldsymbol{z}))))"
        r" \right]"
    )
    if clip := c.get("clip"):
        w.para(
            f"任一网络的梯度若长于其平常长度的{clip:g}倍，则缩短至该长度{w.cite('adafactor')}，以免一次尖峰毁掉训练。",
            f"A gradient of either network that is longer than {clip:g} times its usual length is "
            f"shortened to that{w.cite('adafactor')}, so that one spike does not end the training.",
        )
    w.code(excerpt("softplus"))


MODELS = {"projected": _projected, "scratch": _scratch}
AUGMENTS = {
    "colour": ("颜色（亮度、饱和度、对比度）", "colour"),
    "translation": ("平移", "translation"),
    "cutout": ("遮挡", "cutout"),
}


def _common(w: Writer, facts: Facts) -> None:
    w.para(
        f"为防止判别器记住少量训练图像，真实与生成图像在进入判别器前都做同样的可微数据增强{w.cite('diffaugment')}，"
        f"梯度穿过增强传回生成器；采样所用的是生成器权重的指数滑动平均{w.cite('ema')}。",
        "Lest the discriminator learn the few images by heart, real and generated ones go "
        f"through the same differentiable augmentation{w.cite('diffaugment')} before it sees "
        "them, and gradients pass through it to the generator. Samples are drawn from an "
        f"exponential moving average of the generator's weights{w.cite('ema')}.",
    )


def _settings(w: Writer, facts: Facts) -> None:
    gan, c, p = facts.gan, facts.gan_config, w.pick
    augment = p("、", ", ").join(p(*AUGMENTS[name]) for name in c["augment"]) or p("无", "none")
    if c["mirror"]:
        augment += p("；训练图像随机左右翻转", "; training images mirrored at random")
    half_life = min(c["average_images"], c["average_share"] * gan["epochs"] * gan["images"])
    rows = [
        [p("方案", "Recipe"), gan["recipe"] + (
            p(f"（判别器透过{escape(gan['looks_through'])}）",
              f" (the discriminator looks through {escape(gan['looks_through'])})")
            if gan["looks_through"] else p("（无预训练网络）", " (no pretrained network)"))],
        [p("参数量（生成器/判别器）", "Parameters (generator / discriminator)"),
         f"{count(gan['parameters_generator'])} / {count(gan['parameters_discriminator'])}"],
        [p("训练图像", "Training images"), p(
            f"{count(gan['images'])}张，{gan['size']}×{gan['size']}",
            f"{count(gan['images'])} of {gan['size']}×{gan['size']}")],
        [p("轮数 / 批大小", "Epochs / batch"), f"{gan['epochs']} / {gan['batch']}"],
        [p("优化器", "Optimiser"), f"Adam{w.cite('adam')}" + p(
            f"，$\\beta = (0, 0.99)$，学习率：生成器{c['learning_rate']:g}，判别器{c['discriminator_rate']:g}",
            f", $\\beta = (0, 0.99)$, learning rates {c['learning_rate']:g} (generator), "
            f"{c['discriminator_rate']:g} (discriminator)")],
        [p("数据增强", "Augmentation"), augment],
        [p("权重平均的半衰期", "Half-life of the average"),
         p(f"已见图像数的{c['average_share']:.0%}，训练结束时为{count(round(half_life))}张图像",
           f"{c['average_share']:.0%} of the images seen so far; {count(round(half_life))} images "
           "at the end")],
        [p("随机种子", "Seed"), str(c["seed"])],
        [p("训练用时", "Training time"), p(
            f"{duration(gan['seconds'], w.lang)}（每秒{number(gan['images_per_second'], 1)}张图像）",
            f"{duration(gan['seconds'], w.lang)} ({number(gan['images_per_second'], 1)} images "
            "per second)")],
    ]
    w.heading(2, "2.2 训练设置", "2.2 Training")
    w.para(
        f"网络与训练设置见{w.tab('gan_settings')}，损失与判别器得分的变化见{w.fig('gan_curve')}。",
        f"{w.tab('gan_settings')} has the networks and the settings, {w.fig('gan_curve')} the "
        "losses and the discriminator's scores.",
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
        "Training: the losses, and the discriminator's mean scores of real and generated images",
        12.0,
    )


def _images(w: Writer, facts: Facts) -> None:
    epochs = w.pick("、", ", ").join(map(str, facts.gan["snapshots"]))
    fakes, shown = count(facts.fid["n_fake"]), min(60, facts.fid["n_fake"])
    w.heading(2, "2.3 不同轮数的生成图像", "2.3 Generated images over the epochs")
    w.para(
        f"{w.fig('progress')}为第{epochs}轮时随机生成的10张图像。隐变量随机抽取一次后固定，同一列始终是同一个隐变量，"
        f"因而可以逐列比较质量的变化；数值上的变化见{w.tab('epochs')}。"
        f"作为对照，{w.fig('real')}是真实的训练图像，{w.fig('generated')}是训练结束后生成的图像。",
        f"{w.fig('progress')} shows 10 images drawn at random at epochs {epochs}. The latents "
        "were drawn once and kept, so each column follows one latent; the change in numbers is "
        f"in {w.tab('epochs')}. For comparison {w.fig('real')} has real training images, and "
        f"{w.fig('generated')} images generated after training.",
    )
    w.figure(
        "progress",
        [Image(path="../gan/progress.png", zh=f"第{epochs}轮的生成图像，每行10张",
               en=f"Generated images at epochs {epochs}, ten a row")],
        1, f"第{epochs}轮时随机生成的10张图像（各行的隐变量相同）",
        f"Ten random images at epochs {epochs} (the same latents in each row)",
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
