"""Tables of numbers: reading, refusing, standardising, setting apart."""

import math
import re
import subprocess

from pathlib import Path

import numpy as np
import pytest
import torch

from cases.command import run_command

import genlab.data

from genlab.common.errors import InputError
from genlab.common.formats import delimited
from genlab.common.formats.delimited import read_delimited
from genlab.data.open import identity_of, splits_or_table
from genlab.data.tables.table import LARGEST_VALUE, Scale, Table

# Shapes: N rows of F columns.

ROWS = np.random.default_rng(0).normal([10.0, -3.0, 1e6], [2.0, 0.1, 50.0], (60, 3))
NAMES = ("width", "height", "weight, g")


def text_of(rows: np.ndarray, names: tuple[str, ...] = (), delimiter: str = ",") -> str:
    cells = [[f'"{name}"' if delimiter in name else name for name in names]] if names else []
    cells += [[repr(value) for value in row] for row in rows.tolist()]
    return "\n".join(delimiter.join(row) for row in cells) + "\n"


def all_rows(found: Table) -> np.ndarray:
    return np.concatenate([found.train.numpy(), found.test.numpy()])


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("names", [(), NAMES])
def test_text_is_read_exactly_whatever_parts_it(
    delimiter: str, names: tuple[str, ...], tmp_path: Path
) -> None:
    path = tmp_path / ("rows.tsv" if delimiter == "\t" else "rows.csv")
    path.write_text(text_of(ROWS, names, delimiter))
    found = read_delimited(path)
    assert (found.names, found.delimiter) == (names or None, delimiter)
    np.testing.assert_array_equal(found.values, ROWS)
    opened = genlab.data.table(path)
    assert opened.scale.columns == (names or ("x1", "x2", "x3"))
    np.testing.assert_array_equal(np.sort(all_rows(opened), axis=0), np.sort(ROWS, axis=0))
    assert opened.identity.sha256 == genlab.data.table(ROWS).identity.sha256


@pytest.mark.parametrize("text", [
    "\ufeffa,b\r\n1,2\r\n\r\n3,4.5e-1\r\n", ' a , "b" \n 1 ,"2"\n3,.45', "a\tb\n1\t2\n3\t0.45\n",
])  # fmt: skip
def test_marks_line_ends_spaces_and_quotes(text: str, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(text.replace(', "b" ', ',"b"'), encoding="utf-8", newline="")
    found = read_delimited(tmp_path / "a.csv")
    assert found.names == ("a", "b")
    np.testing.assert_array_equal(found.values, [[1, 2], [3, 0.45]])


def test_a_column_alone(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a\n1\n2\n3\n")
    np.testing.assert_array_equal(read_delimited(tmp_path / "a.csv").values, [[1], [2], [3]])


REFUSED = {
    "empty file": ("", "an empty file"),
    "blank lines": ("\n\n", "an empty file"),
    "names only": ("a,b\n", "names of columns, and no rows"),
    "empty cell": ("a,b\n1,2\n3,\n", r"row 3, column 2 \(b\): an empty cell"),
    "text cell": ("a,b\n1,2\n3,4\nNA,5\n", r"row 4, column 1 \(a\): 'NA' is no number; correct"),
    "nan": ("a,b\n1,nan\n", r"row 2, column 2 \(b\): 'nan' is not finite"),
    "infinity": ("1,2\n3,-inf\n", r"row 2, column 2: '-inf' is not finite"),
    "overflow": ("1,2\n3,1e999\n", "row 2, column 2: '1e999' is not finite"),
    "Python's number": ("1,2\n3,1_000\n", "row 2, column 2: '1_000' is no number"),
    "text column": (
        "a,kind,b,c\n1,x,2,3\n",
        r"row 2, column 2 \(kind\): 'x' is no number; leave the column out, for example with: "
        r"cut -d, -f1,3- \S+a\.csv > numbers\.csv",
    ),
    "two text columns": ("a,b,c,d\nx,1,2,y\n", "the columns that are not numbers out.* -f2-3 "),
    "no names": ("1,2,Iris\n3,4,Iris\n", "row 1, column 3: 'Iris' is no number; leave .* -f1-2 "),
    "numbers of rows": (",a\n0,1\n1,2\n", "row 1, column 1: no name; if the column .* -f2 "),
    "a name twice": ("a,b,a\n1,2,3\n", "row 1, column 3: a second 'a'"),
    "short row": ("a,b\n1,2\n3\n", "row 3 has 1 cells, the first row 2"),
    "long row": ("a,b\n1,2\n\n3,4,5\n", "row 4 has 3 cells"),
    "decimal commas": ("a;b\n1,5;2,5\n", r"column 1 \(a\): '1,5' is no number; write decimals"),
    "open quote": ('a,b\n1,2\n"3,4\n', "row 3: unexpected end of data"),
    "NUL": ("a,b\n1,2\n3,\0\n", "row 3, column 2"),
    "long cell": ("a,b\n1," + "2" * 200_000 + "\n", "row 2: field larger than field limit"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_damaged_text_is_refused_in_one_line(case: str, tmp_path: Path) -> None:
    text, words = REFUSED[case]
    path = tmp_path / "a.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=words) as caught:
        genlab.data.table(path)
    assert str(path) in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_the_command_that_is_advised_leaves_the_column_out(tmp_path: Path) -> None:
    path = tmp_path / "a b.csv"
    path.write_text("a;kind;b\n" + "".join(f"{i};x;{i * i}\n" for i in range(9)))
    with pytest.raises(InputError) as caught:
        genlab.data.table(path)
    advised = re.search(r"(cut .* > numbers\.csv)", str(caught.value))
    assert advised is not None
    subprocess.run(advised[1], shell=True, check=True, cwd=tmp_path)
    found = read_delimited(tmp_path / "numbers.csv")
    assert found.names == ("a", "b")
    np.testing.assert_array_equal(found.values, [[i, i * i] for i in range(9)])


def test_what_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes("a,b\n1,2\n".encode("utf-16"))
    with pytest.raises(InputError, match="not UTF-8"):
        genlab.data.table(path)
    with pytest.raises(InputError, match="no such file"):
        genlab.data.table(tmp_path / "b.csv")
    with pytest.raises(InputError, match="no table of numbers"):
        genlab.data.table(tmp_path)


def test_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.csv"
    path.write_text("a,b,c\n" + "1,2,3\n" * 5)
    for name, most, words in (
        ("LARGEST", 20, "36 bytes of text, at most 20"), ("MOST_COLUMNS", 2, "3 columns; at most"),
        ("MOST_VALUES", 12, "more than 12 numbers"), ("LONGEST_LINE", 3, "more than 3 characters"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(delimited, name, most)
            with pytest.raises(InputError, match=words):
                read_delimited(path)


def test_rows_are_standardised_by_those_of_training() -> None:
    found = genlab.data.table({"train": ROWS[:50], "test": ROWS[50:]})
    mean, std = ROWS[:50].mean(0), ROWS[:50].std(0)
    np.testing.assert_allclose(found.scale.mean, mean, rtol=1e-14)
    np.testing.assert_allclose(found.scale.std, std, rtol=1e-12)
    assert found.log_volume == pytest.approx(np.log(std).sum(), rel=1e-14)
    for split, rows in (("train", ROWS[:50]), ("test", ROWS[50:])):
        x = found.rows(split)  # pyright: ignore[reportArgumentType]
        assert x.dtype == torch.float32
        np.testing.assert_allclose(x, (rows - mean) / std, atol=1e-6)
        np.testing.assert_allclose(found.scale.own_units(x), rows, rtol=1e-7)


def test_the_mean_is_exact_where_sums_cancel() -> None:
    column = np.tile([1e16, 1.0, -1e16], 4)[:, None]
    found = genlab.data.table({"train": column, "test": column[:2]})
    assert found.scale.mean == (1 / 3,)


def test_copies_of_a_row_lie_on_one_side() -> None:
    rows = np.repeat(np.arange(40.0)[:, None] ** [1, 2], 5, axis=0)
    rows[::2] *= -1.0
    rows[:2] = [[0.0, -0.0], [-0.0, 0.0]]
    found = genlab.data.table(rows)
    counts = found.counts()
    assert counts.test_in_train == 0
    assert 10 <= counts.test <= 20
    assert counts.train + counts.test == 200
    few = genlab.data.table(np.repeat([[1.0, 2.0], [3.0, 4.0]], 5, axis=0))
    assert (few.counts().test, few.counts().test_in_train) == (2, 2)  # nothing else can be


def test_the_split_and_the_identity_follow_from_the_values(tmp_path: Path) -> None:
    first, again = genlab.data.table(ROWS), genlab.data.table(torch.from_numpy(ROWS))
    assert first.identity == again.identity
    assert torch.equal(first.test, again.test)
    other = ROWS.copy()
    other[7, 1] = np.nextafter(other[7, 1], 0)
    assert genlab.data.table(other).identity.sha256 != first.identity.sha256
    np.save(tmp_path / "rows.npy", ROWS)
    assert identity_of(str(tmp_path / "rows.npy")).sha256 == first.identity.sha256
    assert first.identity.shape == first.shape == (3,)
    assert first.identity.count == 60


def test_constant_columns_are_refused(tmp_path: Path) -> None:
    rows = ROWS.copy()
    rows[:, 1] = 0.1
    with pytest.raises(InputError, match=r"column 2 \(x2\): 0.1 in every training row"):
        genlab.data.table(rows)
    (tmp_path / "a.csv").write_text(text_of(rows, ("a", "b", "c")))
    with pytest.raises(InputError, match=r"column 2 \(b\).* cut -d, -f1,3 "):
        genlab.data.table(tmp_path / "a.csv")


@pytest.mark.parametrize("value", [math.nan, math.inf, 1e300])
def test_arrays_with_what_is_no_value_are_refused(value: float) -> None:
    rows = ROWS.copy()
    rows[4, 2] = value
    with pytest.raises(InputError, match=r"train\[4, 2\] \(x3\) is"):
        genlab.data.table(rows)
    assert LARGEST_VALUE**2 < math.inf


def test_few_rows_and_other_arrays_are_refused() -> None:
    for arrays, words in (
        ({"train": ROWS[:3]}, "3 rows to train and 0 to test"),
        ({"train": ROWS, "test": ROWS[:, :2]}, "do not fit"),
        ({"train": ROWS[:, 0]}, r"rows of numbers have shape \(N, F\)"),
        ({"train": ROWS.astype(complex)}, "rows of numbers"),
        ({"train": ROWS[:, :0]}, "0 columns"),
        ({"test": ROWS}, "no rows to train on"),
    ):
        with pytest.raises(InputError, match=words):
            genlab.data.table(arrays)


def test_arrays_of_rows_are_tables_and_those_of_images_are_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    np.save(tmp_path / "rows.npy", ROWS.astype(np.float32))
    found = splits_or_table(tmp_path / "rows.npy")
    assert isinstance(found, Table)
    said = capsys.readouterr().err
    assert "float32 (60, 3), is taken as a table of 60 rows and 3 columns" in said
    np.savez(tmp_path / "rows.npz", train=ROWS[:40], test=ROWS[40:50], valid=ROWS[50:])
    found = splits_or_table(tmp_path / "rows.npz")
    assert isinstance(found, Table)
    assert (len(found.train), len(found.test), len(found.rows("valid"))) == (40, 10, 10)
    levels = np.random.default_rng(1).integers(0, 256, (40, 784))
    for images in (levels, levels.astype(np.uint8), levels / 255):
        assert splits_or_table(images).shape == (28, 28)
    bits = np.random.default_rng(1).integers(0, 256, (40, 98), np.uint8)
    assert splits_or_table(bits).shape == (28, 28)
    with pytest.raises(InputError, match=r"images have shape|are channels"):
        genlab.data.splits(ROWS)
    with pytest.raises(InputError, match="`size` and `crop` are for images"):
        splits_or_table(tmp_path / "rows.npy", 32)


@pytest.mark.parametrize("columns", [784, 785])
def test_tables_of_pixels_are_told_from_tables_of_numbers(columns: int, tmp_path: Path) -> None:
    values = np.random.default_rng(2).integers(0, 256, (12, columns))
    names = [f"pixel{i}" for i in range(columns)]
    names[0] = "label" if columns == 785 else names[0]
    path = tmp_path / "digits.csv"
    np.savetxt(path, values, "%d", ",", header=",".join(names), comments="")
    words = "a table of images, a pixel in each column.*skiprows=1.*np.savez"
    for use in (splits_or_table, genlab.data.table, genlab.data.images):
        with pytest.raises(InputError, match=words):
            use(path)
    np.savetxt(path, values + 0.5, "%g", ",", header=",".join(names), comments="")
    assert splits_or_table(path).shape == (columns,)


def test_where_images_are_needed_a_table_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(text_of(ROWS))
    for use in (genlab.data.splits, genlab.data.images):
        with pytest.raises(InputError, match="a table of text with 3 columns.*no images"):
            use(path)


def test_a_scale_of_other_columns_is_refused() -> None:
    found = genlab.data.table(ROWS)
    named = Scale(columns=("a", "b", "c"), mean=(0.0,) * 3, std=(1.0,) * 3)
    assert torch.equal(found.under(named).rows("train"), found.train.float())
    with pytest.raises(InputError, match="its columns are x1, x2, x3; this VAE was trained on a"):
        found.under(Scale(columns=("a",), mean=(0.0,), std=(1.0,)))
    for changes in ({"std": (1.0, 0.0)}, {"mean": (0.0, math.nan)}, {"columns": ("a",)}):
        with pytest.raises(InputError):
            Scale(**({"columns": ("a", "b"), "mean": (0.0, 0.0), "std": (1.0, 1.0)} | changes))


def test_the_command_line_identifies_a_table(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text(text_of(ROWS, NAMES))
    ended = run_command("data", "--get", "rows.csv", cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr
    assert "rows.csv: 60 rows of 3 numbers, SHA-256 " in ended.stdout
