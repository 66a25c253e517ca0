"""NumPy's files are read as NumPy reads them, and refused where size and header disagree."""

import io
import zipfile

from pathlib import Path

import numpy as np
import pytest

from genlab.common.errors import InputError
from genlab.common.formats.numpy_arrays import read_npy, read_npz

RNG = np.random.default_rng(0)
TYPES = ["?", "i1", "<i2", ">i4", "u1", ">u8", "<f2", ">f4", "f8", "g"]
SHAPES = [(), (1,), (7,), (3, 4), (2, 3, 4, 5), (0,), (3, 0)]


def saved(array: np.ndarray, version: tuple[int, int] = (1, 0)) -> bytes:
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, array, version)
    return buffer.getvalue()


@pytest.mark.parametrize("dtype", TYPES)
def test_every_plain_type_shape_order_and_version_is_read_as_numpy_reads_it(
    dtype: str, tmp_path: Path
) -> None:
    for shape in SHAPES:
        for order in ("C", "F"):
            array = np.asarray(100 * RNG.random(shape)).astype(dtype, order=order)
            for version in ((1, 0), (2, 0), (3, 0)):
                data = saved(array, version)
                (tmp_path / "a.npy").write_bytes(data)
                with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED) as archive:
                    archive.writestr("x.npy", data)
                mapped = read_npy(tmp_path / "a.npy")
                loaded = read_npz(tmp_path / "a.npz", "A")["x"]
                for read in (mapped, loaded):
                    assert read.shape == shape
                    assert read.dtype.name == array.dtype.name
                    np.testing.assert_array_equal(read, array)
                assert mapped.dtype.byteorder == np.load(tmp_path / "a.npy").dtype.byteorder
                assert loaded.dtype.isnative
                assert loaded.flags.writeable


def test_what_lies_on_the_disk_stays_there(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((3, 4)))
    assert isinstance(read_npy(tmp_path / "a.npy"), np.memmap)


def test_text_is_read_where_it_is_wanted(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", a=np.array(["one", "三"]), b=np.zeros(3), c=np.str_("x"))
    read = read_npz(tmp_path / "a.npz", "A", text=True)
    assert read["a"].tolist() == ["one", "三"]
    assert str(read["c"]) == "x"
    assert list(read_npz(tmp_path / "a.npz", "A", only=("b", "d"))) == ["b"]
    with pytest.raises(InputError, match="A: a: not a NumPy file.*type '<U3'"):
        read_npz(tmp_path / "a.npz", "A")


HONEST = saved(np.arange(12, dtype="<i4").reshape(3, 4))


def header(text: str, size: int = 48) -> bytes:
    return b"\x93NUMPY\1\0" + len(text).to_bytes(2, "little") + text.encode() + bytes(size)


BAD = {
    "cut": (HONEST[:-1], "it has 47"),
    "too long": (HONEST + b"x", "it has 49"),
    "cut in the header": (HONEST[:40], "cut short"),
    "other magic": (b"\x93NUMPX" + HONEST[6:], "it starts with"),
    "other version": (HONEST[:6] + b"\4\0" + HONEST[8:], "it starts with"),
    "nothing": (b"", "it starts with nothing"),
    "huge shape": (HONEST.replace(b"(3, 4), }", b"(3, 9999999999999999999), }"), "an array of sh"),
    "larger shape": (HONEST.replace(b"(3, 4)", b"(3, 5)"), "says 60 bytes"),
    "negative": (HONEST.replace(b"(3, 4)", b"(3,-4)"), "as NumPy writes"),
    "objects": (HONEST.replace(b"'<i4'", b"'|O' "), "Python objects, which are never"),
    "unknown type": (HONEST.replace(b"'<i4'", b"'<i3'"), "type '<i3'"),
    "complex": (HONEST.replace(b"'<i4'", b"'<c8'"), "type '<c8'"),
    "dates": (HONEST.replace(b"'<i4'", b"'<M8[s]'"), r"type '<M8\[s\]'"),
    "structured": (saved(np.zeros(3, "i2,f4")), "structured type"),
    "deep": (header("(" * 9000), "as NumPy writes"),
    "call": (header("{'descr': exit(), 'fortran_order': False, 'shape': (12,), }"), "as NumPy wr"),
    "escape": (header(r"{'descr': '\x3c', 'fortran_order': False, 'shape': (12,), }"), "as NumPy"),
    "twice": (header("{'descr': '<i4', 'descr': '<i4', 'fortran_order': False, 'shape': (12,), }"),
              "as NumPy writes"),
    "digits": (header("{'descr': '<i4', 'fortran_order': False, 'shape': (%s,), }" % ("1" * 5000)),
               "as NumPy writes"),
    "long header": (b"\x93NUMPY\2\0\xff\xff\xff\x7f" + bytes(99), "a header of 2,147,483,647"),
    "many axes": (header("{'descr': '<i4', 'fortran_order': False, 'shape': (%s), }" % ("1," * 9),
                         4), "an array of shape"),
    "no bytes a value": (header("{'descr': '|S0', 'fortran_order': False, 'shape': (9,), }", 0),
                         "type"),
    "booleans": (saved(np.zeros(4, bool))[:-1] + b"\2", "neither 0 nor 1"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_a_header_that_is_odd_or_disagrees_is_refused_in_one_line(
    case: str, tmp_path: Path
) -> None:
    data, words = BAD[case]
    (tmp_path / "a.npy").write_bytes(data)
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("a.npy", data)
    for read in (read_npy, lambda path: read_npz(path, "A", text=True)):
        file = tmp_path / ("a.npy" if read is read_npy else "a.npz")
        with pytest.raises(InputError, match=f"not a NumPy file of plain arrays .*{words}") as got:
            read(file)
        assert str(got.value).isprintable()


def test_a_zip_that_is_damaged_encrypted_doubled_or_a_bomb_is_refused(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "a.npz", a=np.arange(999), b=np.arange(9))
    honest = (tmp_path / "a.npz").read_bytes()
    place = honest.index(b"PK\1\2")
    encrypted = honest[: place + 8] + b"\1" + honest[place + 9 :]
    damaged = honest[:60] + bytes([honest[60] ^ 255]) + honest[61:]
    cases = {encrypted: "A/a.npy: encrypted", damaged: "A/a.npy: damaged", honest[:-9]: "zip"}
    doubled = tmp_path / "doubled"
    with zipfile.ZipFile(doubled, "w") as archive:
        archive.writestr("a.npy", HONEST)
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("a.npy", HONEST)
    bomb, lzma = tmp_path / "bomb", tmp_path / "lzma"
    np.savez_compressed(bomb, a=np.zeros(5_000_000))
    with zipfile.ZipFile(lzma, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("a.npy", HONEST)
    cases |= {
        doubled.read_bytes(): "two arrays a", lzma.read_bytes(): "packed in an unusual way",
        bomb.with_suffix(".npz").read_bytes(): "that unpack to 40,000,128: refused",
    }
    for data, words in cases.items():
        with pytest.raises(InputError, match=words):
            read_npz(data, "A")
