"""MNIST: 70,000 handwritten digits.

References:
    | Gradient-based learning applied to document recognition (LeCun et al., 1998)
"""

__all__ = ["Mnist"]

from genlab.data.sources.idx_source import IdxSource


class Mnist(IdxSource):
    """All of MNIST."""

    name = "mnist"
    zh = en = "MNIST"
    contents = "60,000 + 10,000 digits, 12 MB"
    megabytes = 12
    licence = "CC BY-SA 3.0 (LeCun, Cortes, Burges)"
    how = (
        "put the four idx files into DIR/mnist and set GENLAB_DATA=DIR, or: "
        "genlab data --get mnist"
    )
    fallback = "mnist-5k"
    md5 = {
        "train images": "f68b3c2dcbeaaa9fbdd348bbdeb94873",
        "train labels": "d53e105ee54ea40749a09fcbcd1e9432",
        "test images": "9fb629c4189551a2d022fa330f9573f3",
        "test labels": "ec29112dd5afa0611ce80d1b7f02629c",
    }
    mirrors = (
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
    )
