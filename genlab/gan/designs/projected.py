"""A light-weight generator against heads on a frozen ImageNet network's features.

References:
    | Projected GANs Converge Faster (Sauer et al., 2021), https://arxiv.org/abs/2111.01007
    | Towards Faster and Stabilized GAN Training for High-fidelity Few-shot Image Synthesis
    | (Liu et al., 2021), https://arxiv.org/abs/2101.04775
"""

__all__ = ["Projected"]

from typing import Literal

from torch import nn

from genlab.common.checks import require_at_least
from genlab.common.text import Title
from genlab.gan.designs.base import Design, Equation, Paragraph
from genlab.gan.losses import HINGE
from genlab.gan.networks.conditional import ClassHeads
from genlab.gan.networks.fastgan import FastGanGenerator
from genlab.gan.networks.projected import Heads, Projection
from genlab.networks.pretrained.efficientnet_lite0 import load_efficientnet_lite0

FEATURE_SIZES = {
    "large": {32: 64, 64: 96, 128: 160, 256: 224, 512: 224},
    "small": {32: 32, 64: 64, 128: 128, 256: 160, 512: 224},
}
"""Sides to which images of each size are brought: at most what the network was trained on (which
Sauer et al. take for all), and multiples of its stride 32."""


class Projected(Design):
    """FastGAN's generator, a projected discriminator and the hinge loss.

    Measured on 1,507 dog faces at 64 pixels: recognisable dogs after 10 epochs.

    Arguments:
        width: Channels of the generator, in multiples of this.
        discriminator_width: Channels of the mixed features and of the heads.
        feature_size: The side, in pixels, to which images are brought for the ImageNet network;
            large: 64, 96, 160, 224, 224 for images of 32, 64, 128, 256, 512 pixels; small: 32,
            64, 128, 160, 224.

    Raises:
        InputError: If a width or the side is too small.
    """

    title = Title("投影GAN", "projected GAN")
    pretrained = "EfficientNet-Lite0 (ImageNet)"
    losses = HINGE
    betas = (0.0, 0.99)

    def __init__(
        self, width: int = 16, discriminator_width: int = 64,
        feature_size: int | Literal["large", "small"] = "large",
    ) -> None:
        require_at_least(1, width=width, discriminator_width=discriminator_width)
        if not isinstance(feature_size, str):
            require_at_least(32, feature_size=feature_size)
        self.width, self.discriminator_width = width, discriminator_width
        self.feature_size: int | Literal["large", "small"] = feature_size

    def generator(self, latent: int, size: int) -> nn.Module:
        """Builds the generator."""
        return FastGanGenerator(latent, self.width, size)

    def discriminator(self, size: int) -> nn.Module:
        """Builds the heads on the features."""
        del size
        return Heads(self.discriminator_width)

    def conditional_discriminator(self, size: int, classes: int) -> nn.Module:
        """Builds the heads of K classes."""
        del size
        return ClassHeads(self.discriminator_width, classes)

    def projection(self, size: int) -> nn.Module:
        """Builds the frozen network; its random convolutions are drawn from torch's generator."""
        network, side = load_efficientnet_lite0(), self.feature_side(size)
        return Projection(network, side, self.discriminator_width)

    def feature_side(self, size: int) -> int:
        """Returns the side to which images of a side are brought for the ImageNet network."""
        side = self.feature_size
        return FEATURE_SIZES[side][size] if isinstance(side, str) else side

    def numbers(self, size: int) -> dict[str, float]:
        """Returns the numbers in the description."""
        return {"feature_size": self.feature_side(size)}

    description = (
        Paragraph(
            "**判别器**采用投影GAN[@projected]的结构：图像先放大到{feature_size}像素，经在ImageNet上"
            "预训练并冻结的EfficientNet-Lite0[@efficientnet]提取4个尺度（步长4、8、16、32）的特征，再由冻结的"
            "随机卷积跨通道、跨尺度混合，记为$P_l(\\boldsymbol{x})$；每个尺度有一个可训练的小判别头$D_l$，"
            "带谱归一化[@spectral]。需要说明，**判别器是透过ImageNet特征来看图像的**，而ImageNet含有118个狗类："
            "这是本方法在数据少、轮数少时仍然有效的重要原因，也使基于ImageNet网络的距离偏于乐观。",
            "**The discriminator** is that of Projected GANs[@projected]: images are brought to "
            "{feature_size} pixels, and a frozen EfficientNet-Lite0[@efficientnet] trained on "
            "ImageNet computes features at four scales (strides 4, 8, 16 and 32). Frozen random "
            "convolutions mix them across channels and scales, which gives "
            "$P_l(\\boldsymbol{x})$; each scale has a small trainable head $D_l$ with spectral "
            "normalisation[@spectral]. Note that **this discriminator sees through ImageNet "
            "features**, and 118 classes of ImageNet are dogs: a main reason why the method works "
            "with few images and epochs, and why distances by ImageNet networks flatter it.",
        ),
        Paragraph(
            "**生成器**仿照FastGAN[@fastgan]：从球面上的{latent}维隐变量出发，由4×4逐级放大到{size}×{size}，"
            "每级为最近邻放大、3×3卷积、批归一化与门控线性单元（GLU）；跳层激励用低分辨率特征给高分辨率特征的各通道加权。",
            "**The generator** follows FastGAN[@fastgan]: from a latent of {latent} dimensions on "
            "a sphere it goes from 4×4 to {size}×{size} pixels. Each stage is a nearest-neighbour "
            "enlargement, a 3×3 convolution, batch normalisation and a gated linear unit; "
            "skip-layer excitation weights the channels of fine maps by coarse ones.",
        ),
        Paragraph(
            "**损失**为各判别头上的铰链损失[@hinge]之和，其中$T$为可微数据增强：",
            "**The losses** are hinge losses[@hinge] summed over the heads, with differentiable "
            "augmentation $T$:",
        ),
        Equation(
            r"\mathcal{L}_D = \sum_{l} \left( \mathbb{E}_{\boldsymbol{x}} \left[ \max\left(0, 1 - "
            r"D_l(P_l(T(\boldsymbol{x})))\right) \right] + \mathbb{E}_{\boldsymbol{z}} \left[ \max"
            r"\left(0, 1 + D_l(P_l(T(G(\boldsymbol{z}))))\right) \right] \right)"
        ),
        Equation(
            r"\mathcal{L}_G = -\sum_{l} \mathbb{E}_{\boldsymbol{z}} \left[ "
            r"D_l(P_l(T(G(\boldsymbol{z})))) \right]"
        ),
    )
