"""TOML of strangers: what is not TOML, or too much of it, is refused."""

import time
import tomllib

import pytest

from hypothesis import given, settings
from hypothesis import strategies as st

from genlab.common.errors import InputError
from genlab.common.formats.toml_text import read_table

REFUSED = {
    "no TOML": b"[", "no UTF-8": b'a = "\xff"', "a key twice": b"a = 1\na = 2",
    "arrays": b"a = " + b"[" * 5000 + b"]" * 5000, "open arrays": b"a = " + b"[" * 50_000,
    "tables": b"a = " + b"{b = " * 5000 + b"1" + b"}" * 5000, "dots": b"a." * 5000 + b"a = 1",
    "headers": b"[a" + b".a" * 30_000 + b"]", "a little too deep": b"a = " + b"[" * 32 + b"]" * 32,
    "digits": b"a = " + b"1" * 5000, "hexadecimal": b"a = 0x" + b"f" * 5000,
    "a large one": b"a = 9223372036854775808", "infinity": b"a = -inf", "NaN": b"a = [{b = nan}]",
    "overflow": b"a = 1e999", "a date": b"a = 2026-02-30", "bytes": b"#" * 70_000,
}  # fmt: skip


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_beyond_toml_or_its_limits_is_refused(kind: str) -> None:
    began = time.process_time()
    with pytest.raises(InputError, match=r"^lab\.toml: "):
        read_table(REFUSED[kind], "lab.toml")
    assert time.process_time() - began < 5


def test_toml_is_read() -> None:
    text = 'title = "实验五"\r\n[names]\ncode = "{name}.zip" # a note\nn = [[1, 2.5], 07:32:00]\n'
    assert read_table(text.encode(), "a") == tomllib.loads(text)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_any_damage_is_refused_or_read(data: st.DataObject) -> None:
    good = b'title = "t"\nn = [1, 0x1f, 1.5e3]\n[names]\ncode = \'{name}.zip\'\nd = 2026-01-02\n'
    at = data.draw(st.integers(0, len(good)))
    piece = data.draw(st.binary(max_size=4) | st.sampled_from([b"[" * 40, b"9" * 400, b".a" * 99]))
    text = good[:at] + piece + good[at + data.draw(st.integers(0, 4)) :]
    try:
        found = read_table(text, "a")
    except InputError:
        return
    assert found == tomllib.loads(text.decode())
