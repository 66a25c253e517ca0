"""Kuzushiji-MNIST: 70,000 characters of cursive Japanese, in the form of MNIST.

References:
    | Deep Learning for Classical Japanese Literature (Clanuwat et al., 2018)
    | https://arxiv.org/abs/1812.01718
"""

__all__ = ["Kmnist"]

from genlab.data.sources.idx_source import IdxSource


class Kmnist(IdxSource):
    """All of Kuzushiji-MNIST."""

    name = "kmnist"
    zh = en = "Kuzushiji-MNIST"
    contents = "60,000 + 10,000 Japanese characters, 20 MB"
    megabytes = 20
    licence = "CC BY-SA 4.0 (CODH, NIJL, Clanuwat et al.)"
    how = (
        "put the four idx files into DIR/kmnist and set GENLAB_DATA=DIR, or: "
        "genlab data --get kmnist"
    )
    md5 = {
        "train images": "bdb82020997e1d708af4cf47b453dcf7",
        "train labels": "e144d726b3acfaa3e44228e80efcd344",
        "test images": "5c965bf0a639b31b8f53240b1b52f4d7",
        "test labels": "7320c461ea6c1c855c0b718fb2a4b134",
    }
    mirrors = ("http://codh.rois.ac.jp/kmnist/dataset/kmnist/",)
    classes = ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo")
