"""The textbook's GAN: transposed convolutions, batch-norm, binary cross-entropy.

References:
    | Unsupervised Representation Learning with Deep Convolutional GANs (Radford et al., 2015),
    | https://arxiv.org/abs/1511.06434
"""

__all__ = ["Dcgan"]

from torch import nn

from genlab.common.checks import require_at_least
from genlab.common.text import Title
from genlab.gan.designs.base import Design, Equation, Paragraph
from genlab.gan.losses import NON_SATURATING
from genlab.gan.networks.dcgan import DcganDiscriminator, DcganGenerator


class Dcgan(Design):
    """DCGAN's networks, initial weights, loss and betas.

    Arguments:
        width: Channels of the generator at half the image's side.
        discriminator_width: Channels of the discriminator at half the image's side.

    Raises:
        InputError: If a width is below 1.
    """

    title = Title("DCGAN", "DCGAN")
    losses = NON_SATURATING  # of logits, softplus is the binary cross-entropy
    betas = (0.5, 0.999)  # Radford et al., section 4
    joint_batches = False  # batch-norm: reals and fakes have statistics of their own

    def __init__(self, width: int = 64, discriminator_width: int = 64) -> None:
        require_at_least(1, width=width, discriminator_width=discriminator_width)
        self.width, self.discriminator_width = width, discriminator_width

    def generator(self, latent: int, size: int) -> nn.Module:
        """Builds the generator."""
        return DcganGenerator(latent, self.width, size)

    def discriminator(self, size: int) -> nn.Module:
        """Builds the discriminator."""
        return DcganDiscriminator(self.discriminator_width, size)

    description = (
        Paragraph(
            "**网络**采用DCGAN[@dcgan]：生成器由球面上的{latent}维隐变量出发，用步长为2的转置卷积由4×4逐级放大到"
            "{size}×{size}，每级后为批归一化与ReLU，末层为tanh；判别器用步长为2的卷积逐级缩小，"
            "配批归一化与LeakyReLU，真实图像与生成图像各成一批。**不使用任何预训练网络。**",
            "**The networks** are those of DCGAN[@dcgan]: from a latent of {latent} dimensions on "
            "a sphere, transposed convolutions of stride 2 lead from 4×4 to {size}×{size} pixels, "
            "each followed by batch normalisation and ReLU, the last by tanh. The discriminator "
            "halves the side by convolutions of stride 2 with batch normalisation and LeakyReLU, "
            "on real and generated images in batches of their own. **No pretrained network is "
            "used.**",
        ),
        Paragraph(
            "**损失**为非饱和损失[@gan]（即二元交叉熵），其中$\\sigma$为sigmoid，$T$为可微数据增强：",
            "**The losses** are the non-saturating ones[@gan] (binary cross-entropy), with "
            "sigmoid $\\sigma$ and differentiable augmentation $T$:",
        ),
        Equation(
            r"\mathcal{L}_D = -\mathbb{E}_{\boldsymbol{x}} \left[ \ln \sigma(D(T(\boldsymbol{x}))"
            r") \right] - \mathbb{E}_{\boldsymbol{z}} \left[ \ln \left(1 - \sigma(D(T(G("
            r"\boldsymbol{z}))))\right) \right]"
        ),
        Equation(
            r"\mathcal{L}_G = -\mathbb{E}_{\boldsymbol{z}} \left[ \ln \sigma(D(T(G("
            r"\boldsymbol{z})))) \right]"
        ),
    )
