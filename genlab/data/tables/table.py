r"""Tables of numbers: rows of real values, standardised by the training rows.

    x = (v - m) / s,    ln p(v) = ln p(x) - sum_f ln s_f                                      (1)

v is a row in the table's own units, m and s are the means and standard deviations of the columns
over the training rows (the root of the mean squared deviation), x is what a model sees. The second
equation is the change of variables of a density; the log-determinant is the same for every row.

Both sums of m and s are exact until they are rounded once (Shewchuk, 1997), so they do not depend
on the machine.

References:
    | Adaptive Precision Floating-Point Arithmetic (Shewchuk, 1997), as in Python's `math.fsum`,
    | https://doi.org/10.1007/PL00009321

Shapes: N rows of F columns.
"""

__all__ = [
    "FILE", "Scale", "Table", "are_rows", "is_text_table", "rows_of_arrays", "rows_of_text",
    "table",
]  # fmt: skip

import math

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
import torch

from torch import Tensor

from genlab.common import atomic
from genlab.common.errors import InputError
from genlab.common.formats.delimited import MOST_COLUMNS, SUFFIXES, cut_command, read_delimited
from genlab.common.paths import exists
from genlab.common.progress import say_once
from genlab.common.text import many, one_line
from genlab.common.typed_json import to_json
from genlab.data.arrays.layout import FLAT, Array
from genlab.data.arrays.numpy_files import as_named, by_role, read_arrays, to_train_on
from genlab.data.identity import Identity, ImageCounts, Origin, digest
from genlab.data.image_splits import FEWEST, set_apart
from genlab.data.kinds import kind_at, pixels_words

FILE = "table.json"
"""The file of a run that keeps its table's `Scale`."""
LARGEST_VALUE = 1e100
"""The square of a value must be a floating-point number."""
SMALLEST_SPREAD = 1e-12
"""The standard deviation, as a share of the largest value, below which a column is constant but
for rounding."""
LEVELS = (784, 785)
"""Columns of images of 28 x 28 pixels, without and with a label."""
SHOWN = 5
"""Names of columns in a message."""


@dataclass(frozen=True, kw_only=True)
class Scale:
    """The columns of a table, and what standardises them, equation 1."""

    columns: tuple[str, ...]
    """Their names."""
    mean: tuple[float, ...]
    """The means m of the training rows."""
    std: tuple[float, ...]
    """Their standard deviations s."""

    def __post_init__(self) -> None:
        if not len(self.columns) == len(self.mean) == len(self.std):
            raise InputError("`columns`, `mean`, `std`: not one of each for every column")
        if not all(map(math.isfinite, (*self.mean, *self.std))) or min(self.std) <= 0:
            raise InputError("`mean`, `std`: not finite, or no scale")

    @property
    def log_volume(self) -> float:
        """Returns sum_f ln s_f of equation 1."""
        return math.fsum(map(math.log, self.std))

    def standardised(self, values: Tensor) -> Tensor:
        """Returns rows `(N, F)` in the table's units, float64, as a model sees them, float32."""
        mean, std = (torch.tensor(one, dtype=torch.float64) for one in (self.mean, self.std))
        return ((values - mean) / std).float()

    def own_units(self, rows: Tensor) -> Tensor:
        """Returns standardised rows `(N, F)` in the table's units, in float64."""
        mean, std = (torch.tensor(one, dtype=torch.float64) for one in (self.mean, self.std))
        return rows.double() * std + mean


@dataclass(frozen=True, kw_only=True, eq=False)
class Table:
    """Rows of numbers in two splits (three, if the source has a `valid` one).

    It has what a VAE asks of its data, as `ImageSplits` has.
    """

    train: Tensor
    """The rows to train on in the table's units, float64 with shape `(N, F)`."""
    test: Tensor
    """The rows to measure on, likewise."""
    valid: Tensor | None = None
    """The rows that decide which weights are kept."""
    scale: Scale
    """Names, means and standard deviations of the columns."""
    identity: Identity
    """The identity of all splits together: the SHA-256 of their values."""
    train_labels: ClassVar[None] = None
    test_labels: ClassVar[None] = None
    reals: ClassVar[bool] = True

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of a row, `(F,)`."""
        return tuple(self.train.shape[1:])

    @property
    def log_volume(self) -> float:
        """The sum of the logarithms of the columns' standard deviations."""
        return self.scale.log_volume

    def rows(self, split: Literal["train", "test", "valid"]) -> Tensor:
        """Returns the standardised rows of a split that is there, float32 with shape `(N, F)`."""
        return self.scale.standardised(getattr(self, split))

    def files(self) -> dict[str, bytes]:
        """Returns what a run keeps of it: the `Scale`, as a file."""
        return {FILE: atomic.json_bytes(to_json(self.scale))}

    def under(self, scale: Scale) -> "Table":
        """Returns the rows with the scale of another table, on which a model was trained.

        Raises:
            InputError: If its columns are others, or in another order.
        """
        ours, theirs = self.scale.columns, scale.columns
        unnamed = _unnamed(len(theirs))  # as those of arrays are
        if len(ours) != len(theirs) or not (ours == theirs or unnamed in (ours, theirs)):
            raise InputError(
                f"{self.identity.source}: its columns are {_listed(ours)}; this VAE was trained "
                f"on {_listed(theirs)}"
            )
        return replace(self, scale=scale)

    def class_name(self, label: int) -> str:
        """Returns the name of a class: rows have none."""
        return str(label)

    def counts(self) -> ImageCounts:
        """Counts the rows to train and to measure on, and the different ones among them."""
        return ImageCounts.of(self.train.numpy(), self.test.numpy())


def table(source: str | Path | Array | Mapping[str, Array]) -> Table:
    """Opens a table of numbers, in splits for training and testing.

    Arguments:
        source: A `.csv` or `.tsv` with or without names in the first row; a `.npy` or `.npz`; or
            arrays by name, "train", "test" and "valid", of which only "train" is needed. A single
            array stands for "train". Arrays have shape `(N, F)`. Without "test" a tenth of the
            rows is set apart by a fixed seed, copies of a row together.

    Returns:
        The rows in the table's units, with what standardises them.

    Raises:
        InputError: If the source is missing or damaged, holds what is no finite number, or a
            column of which all training rows have one value; the row and the column are named.

    Example:
        >>> import numpy as np
        >>> import genlab
        >>> rows = np.random.default_rng(0).normal([10.0, -3.0], [2.0, 0.1], (200, 2))
        >>> found = genlab.data.table(rows)
        >>> tuple(found.train.shape), tuple(found.test.shape), found.shape
        ((180, 2), (20, 2), (2,))
        >>> bool(found.rows("train").mean().abs() < 1e-6)
        True
    """
    if not isinstance(source, str | Path):
        return rows_of_arrays(as_named(source), Origin("arrays", "arrays"))
    path = Path(source)
    if not exists(path):
        raise InputError(f"{source}: no such file; give a table: .csv, .tsv, .npy or .npz")
    if is_text_table(path):
        return rows_of_text(path)
    if kind_at(path) != "arrays":
        raise InputError(f"{source}: no table of numbers; give a .csv, .tsv, .npy or .npz")
    return rows_of_arrays(read_arrays(path), Origin(str(source), f"arrays of {path.name}"))


def is_text_table(path: Path) -> bool:
    """Returns whether a path is that of a table of text, by its name."""
    return path.suffix.lower() in SUFFIXES and exists(path) and not path.is_dir()


def rows_of_text(path: Path) -> Table:
    """Reads a `.csv` or `.tsv`.

    Raises:
        InputError: As of `table`; or if it holds images with a pixel in each column.
    """
    found = read_delimited(path)
    values, count = found.values, found.values.shape[1]
    names = found.names or _unnamed(count)
    if count in LEVELS and _are_levels(values):
        raise InputError(f"{path}: {pixels_words(path, count, found.names is not None)}")
    where = f"names in row 1: {_listed(names)}" if found.names else "no names in row 1"
    say_once(f"note: {path} is taken as a table of {_size(values)} ({where})")
    origin = Origin(str(path), f"rows of {path.name}")

    def advice(places: Sequence[int]) -> str:
        return f", for example with: {cut_command(path, places, count, found.delimiter)}"

    return _table({"train": values}, names, origin, advice)


def _are_levels(values: np.ndarray) -> bool:
    return bool(((values >= 0) & (values <= 255) & (values == np.floor(values))).all())


def are_rows(arrays: Mapping[str, np.ndarray], name: str) -> bool:
    """Returns whether a user's arrays are of rows of numbers, and not of images in rows.

    Arrays `(N, 784)` and packed bits, uint8 `(N, 98)`, are images.
    """
    roles = by_role(arrays, name)
    found = next((roles[key] for key in ("train", "whole") if key in roles), None)
    if found is None or found.ndim != 2 or found.dtype.kind not in "iuf":
        return False
    return found.shape[1] not in FLAT and not (found.shape[1] == 98 and found.dtype == np.uint8)


def rows_of_arrays(arrays: Mapping[str, np.ndarray], origin: Origin) -> Table:
    """Makes a table of arrays by name; what they are taken for is said.

    Raises:
        InputError: As of `table`.
    """
    name = origin.source
    roles = to_train_on(arrays, name, "rows")
    parts = {key: roles[key] for key in ("train", "test", "valid") if key in roles}
    if left := [key for key in roles if key not in parts]:
        say_once(f"note: {name}: left out: {', '.join(left)}; a table has no labels")
    for key, array in parts.items():
        if array.ndim != 2 or array.dtype.kind not in "iuf":
            raise InputError(f"{name}: {key!r} is {array.dtype} {array.shape}; rows of numbers "
                             "have shape (N, F)")  # fmt: skip
        if array.shape[1] != parts["train"].shape[1]:
            raise InputError(
                f"{name}: train {parts['train'].shape} and {key} {array.shape} do not fit"
            )
    train = parts["train"]
    if not 1 <= train.shape[1] <= MOST_COLUMNS:
        raise InputError(f"{name}: {train.shape[1]:,} columns; from 1 to {MOST_COLUMNS:,}")
    say_once(f"note: {name}: {train.dtype} {train.shape}, is taken as a table of {_size(train)}")
    values = {key: np.array(array, np.float64, order="C") for key, array in parts.items()}
    return _table(values, _unnamed(train.shape[1]), origin)


def _table(
    splits: dict[str, np.ndarray], names: tuple[str, ...], origin: Origin,
    advice: Callable[[Sequence[int]], str] = lambda places: "",
) -> Table:
    """Makes a table of float64 arrays `(N, F)` of its splits.

    `advice` says how to leave columns out, by their places.
    """
    name = origin.source
    splits = {key: values + 0.0 for key, values in splits.items()}  # -0.0 is 0.0
    for key, values in splits.items():
        bad = np.argwhere(~(np.abs(values) <= LARGEST_VALUE))
        if len(bad):
            row, place = bad[0].tolist()
            raise InputError(
                f"{name}: {key}[{row}, {place}] ({names[place][:40]}) is {values[row, place]}; "
                f"values are finite, and at most {LARGEST_VALUE:g}"
            )
    if "test" not in splits:
        apart = set_apart(splits["train"])
        splits["train"], splits["test"] = splits["train"][~apart], splits["train"][apart]
    train, test = splits["train"], splits["test"]
    if min(len(train), len(test)) < FEWEST:
        raise InputError(
            f"{name}: {many(len(train), 'row')} to train and {len(test)} to test; two each at "
            "least, for a mean of one has no standard error"
        )
    parts = [splits[key] for key in ("train", "test", "valid") if key in splits]
    identity = Identity(
        name=origin.name, source=origin.source, count=sum(map(len, parts)),
        shape=(len(names),), sha256=digest(*parts), licence=origin.licence,
    )
    valid = splits.get("valid")
    return Table(
        train=torch.from_numpy(train), test=torch.from_numpy(test),
        valid=None if valid is None else torch.from_numpy(valid),
        scale=_scale_of(train, names, name, advice), identity=identity,
    )


def _scale_of(
    train: np.ndarray, names: tuple[str, ...], source: str,
    advice: Callable[[Sequence[int]], str],
) -> Scale:
    """Returns what standardises the columns of training rows.

    Raises:
        InputError: If a column has one value, but for rounding.
    """
    means, stds, constant = [], [], []
    for place, column in enumerate(np.ascontiguousarray(train.T)):
        mean = math.fsum(column) / len(column)
        std = math.sqrt(math.fsum(np.square(column - mean)) / len(column))
        if std <= SMALLEST_SPREAD * float(np.abs(column).max()):
            constant.append(place)
        means.append(mean)
        stds.append(std)
    if constant:
        place = constant[0]
        more = f" (and {len(constant) - 1} more columns)" if constant[1:] else ""
        raise InputError(
            f"{source}: column {place + 1} ({names[place][:40]}): {train[0, place]:.9g} in every "
            f"training row{more}; a constant column has no scale: leave it out{advice(constant)}"
        )
    return Scale(columns=names, mean=tuple(means), std=tuple(stds))


def _unnamed(count: int) -> tuple[str, ...]:
    """Returns the names of columns that have none."""
    return tuple(f"x{place + 1}" for place in range(count))


def _size(values: np.ndarray) -> str:
    return f"{many(len(values), 'row')} and {many(values.shape[1], 'column')}"


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(one_line(name)[:40] for name in names[:SHOWN])
    return shown if len(names) <= SHOWN else f"{shown}, ... ({len(names)} columns)"
