"""What the levels do not check: the further part of a lab, if it was handed in."""

__all__ = ["unchecked"]

from pathlib import Path

from genlab.configs.lab import DOGS_VAE
from genlab.lab.verify.results.findings import Finding, Verdict, Words

NOT_DONE = {
    "recompute": Words(
        "没有重算：只核对了报告与这些记录是否一致；模型、图像与距离没有由权重重新得到",
        "not recomputed: the report was compared with these records, but neither images nor "
        "numbers were made again from the weights"),
    "replay": Words("没有重放训练", "its training is not repeated"),
}


def unchecked(level: str, run: Path) -> list[Finding]:
    """Returns a row that says so where a run has the part; nothing where it has not.

    Arguments:
        level: "recompute" or "replay".
        run: The run, rebuilt from the archives.
    """
    if not (run / DOGS_VAE).exists():
        return []
    name = Words("狗的VAE与先验的比较", "the priors compared on the dogs")
    return [Finding(level, name, Verdict.LOOK, NOT_DONE[level])]
