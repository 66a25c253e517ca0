"""Findings: what a reader should know of a GAN's training, in sentences.

Each follows from an event of the run's results (`gan/training/state.py`), and quotes its numbers.
"""

__all__ = ["findings"]

from collections.abc import Callable, Sequence

from genlab.common.quantities import fixed
from genlab.common.text import Title
from genlab.gan.results import Event


def findings(
    events: Sequence[Event], number: Callable[[float, int], str] = fixed
) -> list[Title]:
    """Returns what went wrong with a GAN's training, in both languages; nothing with most.

    Arguments:
        events: The events of its results.
        number: Writes a number with so many decimal places.
    """
    return [said for event in events if (said := _said(event, number)) is not None]


def _said(event: Event, number: Callable[[float, int], str]) -> Title | None:
    epoch = "" if event.epoch is None else number(event.epoch, 0)
    if event.failed is not None:
        what = Title("出现了非有限的数", "numbers were not finite")
        if event.kind == "collapse":
            what = Title("生成器坍塌", "the generator had collapsed")
        failed, step = number(event.failed, 0), number(event.step, 0)
        return Title(
            f"训练到第{failed}步时{what.zh}，于是退回第{step}步，学习率减半后继续",
            f"at step {failed} {what.en}; training went back to step {step} and on with half the "
            "learning rates",
        )
    if event.variety is not None:
        share = number(100 * event.variety, 0)
        return Title(
            f"第{epoch}轮时生成图像的多样性只有真实图像的{share}%，其中许多彼此相像",
            f"after epoch {epoch} the generated images have {share} % of the real ones' variety: "
            "many of them are alike",
        )
    if event.p is not None:
        p = number(event.p, 4)
        return Title(
            f"第{epoch}轮时生成图像比留出图像更接近训练图像（p = {p}）：可能是训练图像的复制",
            f"after epoch {epoch} the generated images are nearer to the training images than "
            f"held-out images are (p = {p}): they may be copies",
        )
    if event.levels is not None:
        levels = number(event.levels, 2)
        return Title(
            f"生成的图像几乎是同一幅：各像素的标准差平均只有{levels}级（共255级）",
            "the generated images are nearly one picture: the standard deviation of their pixels "
            f"is {levels} of 255 levels",
        )
    if event.share is not None:
        share = number(100 * event.share, 2)
        return Title(
            f"判别器完全占优：最后一轮的损失只有恒定评分时的{share}%",
            "the discriminator has won: its loss in the last epoch is "
            f"{share} % of that of a constant score",
        )
    return None
