"""Residual networks without pretrained parts, trained with R1.

References:
    | The GAN is dead; long live the GAN! (Huang et al., 2024), https://arxiv.org/abs/2501.05441
    | Which Training Methods for GANs do actually Converge? (Mescheder et al., 2018), eq. 9,
    | https://arxiv.org/abs/1801.04406
    | Analyzing and Improving the Image Quality of StyleGAN (Karras et al., 2020), section 3.1,
    | https://arxiv.org/abs/1912.04958
"""

__all__ = ["Scratch"]

from torch import nn

from genlab.common.checks import require_at_least
from genlab.common.text import Title
from genlab.gan.designs.base import Design, Equation, Paragraph
from genlab.gan.losses import NON_SATURATING
from genlab.gan.networks.residual import ResidualDiscriminator, ResidualGenerator


class Scratch(Design):
    """Residual networks without normalisation, the non-saturating loss and the R1 penalty.

    The penalty is gamma / 2 (S / 64)^2 E ||grad D||^2: of an image of twice the side, each pixel
    counts a quarter and there are four times as many, so ||grad D||^2 is a quarter for the same D.
    It is computed "lazily" (Karras et al.): every few steps, and as many times as heavy.

    Arguments:
        width: Channels of the generator, in multiples of this.
        discriminator_width: Channels of the discriminator, in multiples of this.
        r1_gamma: The weight gamma of the R1 penalty for images of 64 pixels a side; it grows with
            the number of pixels.
        r1_every: Steps from one R1 penalty to the next.

    Raises:
        InputError: If a width, the weight or the number of steps is too small.
    """

    title = Title("从零训练的残差GAN", "residual GAN from scratch")
    losses = NON_SATURATING
    betas = (0.0, 0.99)

    def __init__(
        self, width: int = 8, discriminator_width: int = 8, r1_gamma: float = 0.5,
        r1_every: int = 4,
    ) -> None:
        require_at_least(1, width=width, discriminator_width=discriminator_width,
                         r1_every=r1_every)  # fmt: skip
        require_at_least(0, r1_gamma=r1_gamma)
        self.width, self.discriminator_width = width, discriminator_width
        self.r1_gamma, self.r1_every = r1_gamma, r1_every

    def generator(self, latent: int, size: int) -> nn.Module:
        """Builds the generator."""
        return ResidualGenerator(latent, self.width, size)

    def discriminator(self, size: int) -> nn.Module:
        """Builds the discriminator."""
        return ResidualDiscriminator(self.discriminator_width, size)

    def r1_weight(self, step: int, size: int) -> float:
        """Returns the weight of the penalty in a step's loss."""
        if step % self.r1_every:
            return 0.0
        return self.r1_every * self._gamma(size) / 2

    def numbers(self, size: int) -> dict[str, float]:
        """Returns the numbers in the description."""
        return {"r1_gamma": self._gamma(size), "r1_every": self.r1_every}

    def _gamma(self, size: int) -> float:
        return self.r1_gamma * (size / 64) ** 2

    description = (
        Paragraph(
            "**网络**：生成器与判别器都是不带归一化的残差网络，每级分辨率（4×4至{size}×{size}）一个残差块，"
            "末层卷积初始化为0；隐变量为球面上的{latent}维向量。**两者都从零开始训练，不使用任何预训练网络。**",
            "**The networks** are residual, without normalisation: one block for each resolution "
            "from 4×4 to {size}×{size}, the last convolution of each starting at zero; the latent "
            "is a vector of {latent} dimensions on a sphere. **Both are trained from scratch; no "
            "pretrained network is used.**",
        ),
        Paragraph(
            "**损失**为非饱和损失[@gan]加R1梯度惩罚[@r1]（$\\gamma={r1_gamma}$，每{r1_every}步计算一次），"
            "其中$\\sigma$为sigmoid，$T$为可微数据增强：",
            "**The losses** are the non-saturating ones[@gan] with the R1 gradient penalty[@r1] "
            "($\\gamma={r1_gamma}$, computed every {r1_every} steps), with sigmoid $\\sigma$ and "
            "differentiable augmentation $T$:",
        ),
        Equation(
            r"\mathcal{L}_D = -\mathbb{E}_{\boldsymbol{x}} \left[ \ln \sigma(D(T(\boldsymbol{x}))"
            r") \right] - \mathbb{E}_{\boldsymbol{z}} \left[ \ln \left(1 - \sigma(D(T(G("
            r"\boldsymbol{z}))))\right) \right] + \frac{\gamma}{2} \mathbb{E}_{\boldsymbol{x}} "
            r"\left\lVert \nabla_{\boldsymbol{x}} D(\boldsymbol{x}) \right\rVert^2"
        ),
        Equation(
            r"\mathcal{L}_G = -\mathbb{E}_{\boldsymbol{z}} \left[ \ln \sigma(D(T(G("
            r"\boldsymbol{z})))) \right]"
        ),
    )
