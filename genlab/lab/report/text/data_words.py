"""What a report calls a data set, in Chinese and in English."""

__all__ = ["data_name"]

from typing import Any

from genlab.lab.report.numbers.numbers import count
from genlab.lab.report.writer import Writer, escape

DATA_WORDS = {
    "mnist": ("MNIST", "MNIST"),
    "mnist-5k": ("MNIST的{count}张子集", "{count} digits of MNIST"),
    "toydogs": ("程序绘制的玩具狗图像", "drawn toy dogs"),
    "dogs": ("狗图像数据集", "the data set of dogs"),
    "imagewoof-160": ("狗照片数据集Imagewoof", "Imagewoof, photographs of dogs"),
}
"""By the SOURCE's name; what is given as a folder or file keeps its own name."""


def data_name(w: Writer, identity: dict[str, Any]) -> str:
    """Returns the data set's name as Markdown."""
    words = DATA_WORDS.get(identity["source"].partition(":")[0])
    if words is None:
        return escape(identity["name"])
    return w.pick(*words).replace("{count}", count(identity["count"]))
