"""Every reader of files of strangers, with honest files and the changes of its format."""

__all__ = ["OF_RUNS", "READERS", "WEIGHTS", "make_run"]

import gzip
import hashlib
import io
import zipfile

from collections.abc import Callable
from contextlib import redirect_stderr
from pathlib import Path

import numpy as np
import torch

from cases.fuzz import pictures, records
from cases.fuzz.bytes import any_change
from cases.fuzz.campaign import Reader
from cases.fuzz.inside import in_gzip, in_npy, in_safetensors, in_zip
from cases.small_data import FILES, idx_bytes, make_tiny_digits
from PIL import Image
from safetensors.torch import save

import genlab.data

from genlab.common import cache
from genlab.common.errors import InputError
from genlab.configs.vae import VaeConfig
from genlab.data.decode import decoding
from genlab.features.extractor import Provenance
from genlab.fid.statistics_file import Framing, load_statistics, save_statistics
from genlab.metrics.frechet_distance import Statistics
from genlab.networks.pretrained.inception import load_inception
from genlab.networks.pretrained.weights import read_pinned

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (12, 8, 8)).astype(np.uint8)
BLOCKS = GREY.repeat(2, 1).repeat(2, 2)
COLOUR = RNG.integers(0, 256, (4, 16, 20, 3)).astype(np.uint8)


def _npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def _npz(**arrays: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def _quietly(read: Callable[[Path], object], file: Path) -> Callable[[bytes], object]:
    """Returns a function that writes bytes into a file and reads it, its notes unheard."""
    def of(data: bytes) -> object:
        file.write_bytes(data)
        with redirect_stderr(io.StringIO()):
            return read(file)
    return of


def _all_images(path: Path) -> object:
    with decoding():
        images = genlab.data.images(path, 16)
        return [images.read(index) for index in range(len(images))]


def npy(folder: Path) -> Reader:
    """Images in one array."""
    honest = [_npy(COLOUR), _npy(COLOUR.transpose(0, 3, 1, 2) / 255), _npy(BLOCKS > 99),
              _npy(np.asfortranarray(BLOCKS.astype(">u2")))]  # fmt: skip
    return Reader("npy", honest, _quietly(_all_images, folder / "a.npy"), [in_npy])


def npz(folder: Path) -> Reader:
    """Digits in splits, with labels."""
    labels = np.arange(12) % 10
    honest = [
        _npz(train=GREY[:9], train_labels=labels[:9], test=GREY[9:], test_labels=labels[9:]),
        _npz(x_train=GREY / 255, y_train=labels[:, None], names=np.array(["a", "b"])),
    ]
    return Reader("npz", honest, _quietly(genlab.data.splits, folder / "a.npz"),
                  [in_zip((".npy", in_npy))])  # fmt: skip


def idx_plain(folder: Path) -> Reader:
    """The labels of MNIST's four files, beside images that are honest."""
    return _idx(folder, "train labels", "plain")


def idx_gzip(folder: Path) -> Reader:
    """The gzipped images of MNIST's four files."""
    return _idx(folder, "train images", "gzip")


def _idx(folder: Path, changed: str, kind: str) -> Reader:
    parts = {"train images": GREY[:8], "train labels": np.arange(8).astype(np.uint8),
             "test images": GREY[8:], "test labels": np.arange(4).astype(np.uint8)}  # fmt: skip
    for part, name in FILES.items():
        (folder / name).write_bytes(idx_bytes(parts[part]))
    (folder / FILES[changed]).unlink()
    data, suffix = idx_bytes(parts[changed]), ".gz" if kind == "gzip" else ""
    honest = [gzip.compress(data) if suffix else data]
    read = _quietly(lambda _: genlab.data.splits(folder), folder / (FILES[changed] + suffix))
    return Reader(f"idx {kind}", honest, read, [in_gzip(any_change)] if suffix else [])


def idx_zip(folder: Path) -> Reader:
    """MNIST's four files in a zip, some gzipped."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for part, array in {"train images": GREY[:8], "train labels": np.arange(8, dtype=np.uint8),
                            "test images": GREY[8:], "test labels": np.arange(4, dtype=np.uint8)
                            }.items():  # fmt: skip
            packed = part.startswith("test")
            data = idx_bytes(array)
            archive.writestr(f"raw/{FILES[part]}{'.gz' if packed else ''}",
                             gzip.compress(data) if packed else data)  # fmt: skip
    return Reader("idx zip", [buffer.getvalue()], _quietly(genlab.data.splits, folder / "a.zip"),
                  [in_zip((".gz", in_gzip(any_change)))])  # fmt: skip


def statistics(folder: Path) -> Reader:
    """Mean and covariance of features, ours and another tool's."""
    x = RNG.standard_normal((30, 8))
    mu, sigma = x.mean(0), np.cov(x.T)
    known = Provenance(network="n", sha256="0" * 64, layer="pool", preprocessing="p")
    save_statistics(folder / "own.npz", Statistics(torch.tensor(mu), torch.tensor(sigma), 30),
                    known, "dogs", Framing(64, "centre"), 29)  # fmt: skip
    small = np.asfortranarray(sigma.astype(np.float32))
    honest = [(folder / "own.npz").read_bytes(), _npz(mu=mu, sigma=sigma),
              _npz(mu=mu.astype(np.float32), sigma=small)]  # fmt: skip
    read = _quietly(load_statistics, folder / "a.npz")
    return Reader("statistics", honest, read, [in_zip((".npy", in_npy)), records.in_provenance])


def _refused(read: Callable[[Path], object]) -> Callable[[Path], object]:
    """Returns a reader of files that even honest ones are too small for."""
    def of(path: Path) -> object:
        try:
            return read(path)
        except InputError as error:
            if "not FID Inception's weights" not in str(error):
                raise
            return None
    return of


FIRST = {"Conv2d_1a_3x3.weight": (4, 3, 3, 3), "Conv2d_1a_3x3.bias": (4,)}


def inception_npz(folder: Path) -> Reader:
    """FID Inception's weights; the honest file has too few, which is found last."""
    arrays = {name: RNG.standard_normal(shape).astype(np.float32) for name, shape in FIRST.items()}
    read = _quietly(_refused(load_inception), folder / "a.npz")
    return Reader("inception npz", [_npz(**arrays)], read, [in_zip((".npy", in_npy))])


def inception_safetensors(folder: Path) -> Reader:
    """The same as safetensors."""
    honest = save({name: torch.randn(shape) for name, shape in FIRST.items()})
    read = _quietly(_refused(load_inception), folder / "a.safetensors")
    return Reader("inception safetensors", [honest], read, [in_safetensors])


def pinned(folder: Path) -> Reader:
    """A pickle that is read only if its SHA-256 is known."""
    buffer = io.BytesIO()
    torch.save({"a": torch.zeros(3)}, buffer)
    honest = buffer.getvalue()
    digest = hashlib.sha256(honest).hexdigest()
    read = _quietly(lambda path: read_pinned(path, digest), folder / "a.pth")
    return Reader("pinned pth", [honest], read)


def kept_tensors(folder: Path) -> Reader:
    """An entry of the cache, whose digest agrees; a damaged one is made again."""
    honest = save({"images": torch.zeros(3, 4), "digests": torch.zeros(2, dtype=torch.uint8)})

    def read(data: bytes) -> object:
        (folder / "k-a.safetensors").write_bytes(data)
        (folder / "k-a.sha256").write_text(hashlib.sha256(data).hexdigest())
        return cache.Parts(folder, "k").read("a")

    return Reader("cache", [honest], read, [in_safetensors])


def sources(folder: Path) -> Reader:
    """A file of any kind where a SOURCE is wanted."""
    honest = [b"label,a,b\n1,2,3\n", _npy(COLOUR), _npz(images=COLOUR), pictures.PNGS[0],
              idx_bytes(GREY)]  # fmt: skip
    suffixes = (".npy", ".npz", ".zip", ".csv", ".pkl", ".png", "", ".heic", ".tga", ".gz")

    def read(data: bytes) -> object:
        file = folder / f"a{suffixes[len(data) % len(suffixes)]}"
        file.write_bytes(data)
        try:
            with redirect_stderr(io.StringIO()):
                return genlab.data.images(file, 16)
        finally:
            file.unlink()

    def honest_too(data: bytes) -> object:
        try:
            return read(data)
        except InputError:
            if data in honest:
                return None
            raise

    return Reader("source", honest, honest_too)


VOC = b"""<annotation><filename>a.png</filename><size><width>20</width><height>16</height></size>
<object><name>dog</name><bndbox><xmin>1</xmin><ymin>2</ymin><xmax>12</xmax><ymax>9.5</ymax></bndbox>
</object><object><bndbox><xmin>3</xmin><ymin>0</ymin><xmax>5</xmax><ymax>4</ymax></bndbox></object>
</annotation>"""
BOXES = b"""filename,class,xmin,ymin,xmax,ymax
a.png,"dog, brown",1,2,12,9.5

sub\\a.png,dog,3,0,5,4
b.png,dog,0,0,5,4
"""


def rectangles_xml(folder: Path) -> Reader:
    """The rectangles of a picture, as Pascal VOC's XML."""
    return _rectangles(folder, "rectangles xml", "a.xml", VOC)


def rectangles_csv(folder: Path) -> Reader:
    """The rectangles of pictures, in a table."""
    return _rectangles(folder, "rectangles csv", "boxes.csv", BOXES)


def _rectangles(folder: Path, name: str, file: str, honest: bytes) -> Reader:
    Image.fromarray(COLOUR[0]).save(folder / "a.png")

    def read(_: Path) -> object:
        with decoding():
            images = genlab.data.images(folder, 16, "boxes")
            return [images.read(index) for index in range(len(images))]

    return Reader(name, [honest], _quietly(read, folder / file))


def text_table(folder: Path) -> Reader:
    """A table of numbers as text."""
    rows = [f"{i},{i * i},{0.5 * i}" for i in range(12)]
    honest = ["\n".join(["a,b,c", *rows]).encode(), "\r\n".join(rows).replace(",", ";").encode()]
    return Reader("table", honest, _quietly(genlab.data.table, folder / "a.csv"))


def make_run(folder: Path) -> Path:
    """Trains the VAE that the readers of runs read."""
    from genlab.vae.train import train_vae

    config = VaeConfig(data=str(make_tiny_digits(folder / "tiny.npz")), hidden=(8,), epochs=2,
                       batch=60, draws=2, importance=0)  # fmt: skip
    with redirect_stderr(io.StringIO()):
        train_vae(config, folder / "vae")
    return folder / "vae"


READERS: dict[str, Callable[[Path], Reader]] = {
    make.__name__: make
    for make in (
        npy, npz, idx_plain, idx_gzip, idx_zip, statistics, inception_npz, inception_safetensors,
        pinned, kept_tensors, sources, text_table, rectangles_xml, rectangles_csv,
        *pictures.READERS, *records.READERS,
    )
}  # fmt: skip
"""What makes each reader in a folder of its own."""

OF_RUNS = ("run_config", "run_env", "run_results", "run_metrics", "model", "model_weights")
"""Those that read the run of `make_run`, a folder beside theirs."""
WEIGHTS = {
    "inception_npz": 0.3, "inception_safetensors": 0.3, "avif": 0.5, "tga": 0.5, "dib": 0.5,
    "qoi": 0.5, "jpeg": 0.5, "picture_zip": 0.5, "run_env": 0.2, "run_results": 0.4,
    "run_metrics": 0.4, "run_config": 0.4, "model": 0.2, "model_weights": 0.2, "word": 0.2,
    "reference": 0.05, "pinned": 0.5,
    "json_record": 2, "json_lines": 2, "weights": 2, "npy": 2, "npz": 2,
}  # fmt: skip
"""How many cases a reader gets, relative to others: fewer where a case takes long."""
