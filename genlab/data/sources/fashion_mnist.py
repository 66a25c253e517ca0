"""Fashion-MNIST: 70,000 articles of clothing, in the form of MNIST.

References:
    | Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine Learning Algorithms
    | (Xiao et al., 2017), https://arxiv.org/abs/1708.07747
"""

__all__ = ["FashionMnist"]

from genlab.data.sources.idx_source import IdxSource


class FashionMnist(IdxSource):
    """All of Fashion-MNIST."""

    name = "fashion-mnist"
    zh = en = "Fashion-MNIST"
    contents = "60,000 + 10,000 articles of clothing, 30 MB"
    megabytes = 30
    licence = "MIT (Zalando SE)"
    how = (
        "put the four idx files into DIR/fashion-mnist and set GENLAB_DATA=DIR, or: "
        "genlab data --get fashion-mnist; or on Debian and Ubuntu apt install "
        "dataset-fashion-mnist and set GENLAB_DATA=/usr/share/datasets"
    )
    md5 = {
        "train images": "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
        "train labels": "25c81989df183df01b3e8a0aad5dffbe",
        "test images": "bef4ecab320f06d8554ea6380940ec79",
        "test labels": "bb300cfdad3c16e7a12a480ee83cd310",
    }
    mirrors = (
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
    )
    classes = (
        "T-shirt", "trouser", "pullover", "dress", "coat",
        "sandal", "shirt", "sneaker", "bag", "boot",
    )  # fmt: skip
