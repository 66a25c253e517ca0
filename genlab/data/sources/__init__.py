"""The sources of data by name: one class each, and one row in `SOURCES`."""

__all__ = ["SOURCES", "at_hand", "named"]

from genlab.common.errors import InputError
from genlab.common.progress import say
from genlab.data.sources.animal_silhouettes import AnimalSilhouettes
from genlab.data.sources.base import Source
from genlab.data.sources.dogs import Dogs
from genlab.data.sources.emnist import EmnistBalanced, EmnistLetters
from genlab.data.sources.fashion_mnist import FashionMnist
from genlab.data.sources.imagewoof import Imagewoof
from genlab.data.sources.kmnist import Kmnist
from genlab.data.sources.mnist import Mnist
from genlab.data.sources.mnist_5k import Mnist5k
from genlab.data.sources.toydogs import ToyDogs

SOURCES: dict[str, Source] = {
    source.name: source
    for source in (
        Mnist(), Mnist5k(), FashionMnist(), Kmnist(), EmnistLetters(), EmnistBalanced(),
        AnimalSilhouettes(), Dogs(), Imagewoof(), ToyDogs(),
    )
}
"""Every source by its name."""


def named(source: str) -> tuple[Source | None, int | None]:
    """Returns the row that NAME or NAME:COUNT names, and the count; None for what is not given.

    Raises:
        InputError: If the count is no whole number above 0.
    """
    name, colon, count = source.partition(":")
    row = SOURCES.get(name)
    if row is None or not colon:
        return row, None
    if not (count.isdecimal() and int(count) > 0):
        raise InputError(
            f"{name}: give the count as a whole number above 0, as in {name}:500, not "
            f"{count[:20]!r}"
        )
    return row, int(count)


def at_hand(source: str) -> str:
    """Returns a SOURCE, or what stands in for it where it cannot be had, and then says so."""
    row, _ = named(source)
    if row is None or row.fallback is None or row.locate():
        return source
    try:
        row.check()
    except InputError as error:
        say(f"note: {source} is not at hand; {row.fallback} stands in for it. {error}")
        return at_hand(row.fallback)
    return source
