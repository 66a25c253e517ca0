"""JSON of strangers: what is not JSON, too much of it, or two things at once is refused."""

import json
import time

from pathlib import Path

import pytest

from hypothesis import example, given, settings
from hypothesis import strategies as st

from genlab.common import atomic
from genlab.common.errors import InputError
from genlab.common.formats import json_text
from genlab.common.formats.files import read_file
from genlab.common.formats.json_text import read_lines, read_object, read_value

MEGABYTE = 1 << 20

REFUSED = {
    "nothing": b"", "two values": b"1 2", "NaN": b"[NaN]", "infinity": b"-Infinity",
    "overflow": b'{"a": 1e999}', "a key twice": b'{"a": 1, "a": 1}', "no UTF-8": b'"\xff"',
    "UTF-16": '"a"'.encode("utf-16"), "a mark of byte order": b'\xef\xbb\xbf"a"',
    "a control character": b'"\x01"', "single quotes": b"{'a': 1}", "a comment": b"[1] // one",
    "arrays": b"[" * 100_000, "objects": b'{"a":' * 100_000, "closed": b"[" * 50 + b"]" * 50,
    "digits": b"1" * 5000, "fewer digits": b"1" * 65, "a long fraction": b"0." + b"1" * 5000,
    "a long exponent": b"1e" + b"0" * 5000 + b"1", "values": b"[" + b"[]," * 400_000 + b"0]",
    "bytes": b'"' + b"a" * 8 * MEGABYTE + b'"',
}  # fmt: skip


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_beyond_json_or_its_limits_is_refused(kind: str) -> None:
    with pytest.raises(InputError, match=r"^config\.json: "):
        read_value(REFUSED[kind], "config.json")


SLOW = {
    "open strings": b'"' + b'\\"' * 3 * MEGABYTE, "backslashes": b"\\" * 8 * MEGABYTE,
    "quotes": b'"' * 8 * MEGABYTE, "brackets": b"[]" * 4 * MEGABYTE,
    "closing": b"]" * 8 * MEGABYTE, "a cut escape": b'"' + b'\\"' * 3 * MEGABYTE + b"\\",
}


@pytest.mark.parametrize("kind", SLOW)
def test_a_text_is_refused_in_time_that_grows_as_its_length_does(kind: str) -> None:
    began = time.process_time()
    with pytest.raises(InputError):
        read_value(SLOW[kind], "a")
    assert time.process_time() - began < 5  # some 0.5 s; hours if it grew as the square


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(10**60), 10**60) | st.text()
        | st.floats(allow_nan=False, allow_infinity=False),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20,
    )
)  # fmt: skip
@example({"brackets": "[[[[{{{{" * 20, 'quote"': '\\"["', "\\": ["\\\\", "\\"]})
def test_what_genlab_writes_is_read(value: object) -> None:
    assert read_value(atomic.json_bytes(value), "a") == value


def test_names_of_files_that_are_no_utf_8_come_back() -> None:
    name = b"caf\xe9.png".decode(errors="surrogateescape")
    data = atomic.json_bytes({"file": name})
    assert rb"caf\udce9.png" in data
    assert read_object(data, "a") == {"file": name}


@settings(max_examples=500)
@given(st.data())
def test_any_damage_is_refused_or_read(data: st.DataObject) -> None:
    good = json.dumps({"kind": "vae", "config": {"rates": [400, 1.5e-3], "b\\": '"'}}).encode()
    at = data.draw(st.integers(0, len(good)))
    piece = data.draw(st.binary(max_size=4) | st.sampled_from([b"[" * 40, b"9" * 400, b'"']))
    text = good[:at] + piece + good[at + data.draw(st.integers(0, 4)) :]
    try:
        found = read_value(text, "a")
    except InputError:
        return
    assert found == json.loads(text)


def test_objects_of_lines_name_their_line() -> None:
    assert read_lines(b'{"a": 1}\n\n{"a": 2}', "log") == [{"a": 1}, {"a": 2}]
    with pytest.raises(InputError, match="^log, line 2: not a JSON object"):
        read_lines(b'{"a": 1}\n[]\n', "log")
    with pytest.raises(InputError, match="not a JSON object"):
        read_object(b"[]", "a")
    line = json.dumps({"a": "b" * 1000}).encode() + b"\n"
    count = json_text.LARGEST // 1000  # limits are those of a line
    assert len(read_lines(line * count, "log")) == count


def test_files_are_measured_before_they_are_read(tmp_path: Path) -> None:
    path = tmp_path / "a"
    with path.open("wb") as file:
        file.truncate(1 << 40)  # a terabyte that takes no room on the disk
    with pytest.raises(InputError, match="1,099,511,627,776 bytes; at most 5"):
        read_file(path, 5)
    path.write_bytes(b"12345")
    assert read_file(path, 5) == b"12345"
    for other in (tmp_path, Path("/dev/zero")):
        if other.exists():
            with pytest.raises(InputError, match="not a plain file"):
                read_file(other, 5)
    with pytest.raises(FileNotFoundError):
        read_file(tmp_path / "none", 5)
