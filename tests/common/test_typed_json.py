"""Dataclasses go to JSON and come back; a value of another type is refused with its place."""

import json

from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import pytest

from genlab.common.errors import InputError
from genlab.common.quantities import Measured
from genlab.common.typed_json import fits, from_json, to_json


@dataclass(frozen=True)
class Inner:
    name: str
    sizes: tuple[int, ...] = ()


@dataclass(frozen=True)
class Outer:
    elbo: Measured
    inner: Inner
    rows: dict[str, Inner]
    several: list[float]
    kind: Literal["a", "b"]
    width: Annotated[int | None, "a remark"] = None
    on: bool = False
    nll_is: Measured | None = None
    either: int | Inner = 0
    free: Any = None
    aside: list[object] = field(default_factory=list, metadata={"json": False}, compare=False)


VALUE = Outer(
    elbo=Measured(-137.5, 0.5, "nats"), inner=Inner("x", (1, 2)), rows={"y": Inner("z")},
    several=[1.5, 2.0], kind="a", width=3, on=True, nll_is=None, either=Inner("w"),
    free={"anything": [None]}, aside=[object()],
)  # fmt: skip


def test_there_and_back() -> None:
    record = json.loads(json.dumps(to_json(VALUE)))
    assert record["elbo"] == {"value": -137.5, "error": 0.5}
    assert "aside" not in record
    assert from_json(Outer, record, "file.json") == VALUE


def test_the_unit_is_that_of_the_quantity() -> None:
    record = to_json(VALUE) | {"elbo": {"value": 1.0, "error": None}}
    assert from_json(Outer, record, "f").elbo == Measured(1.0, None, "nats")


def test_defaults_stand_for_what_is_missing() -> None:
    record = to_json(VALUE)
    del record["width"], record["on"]
    found = from_json(Outer, record, "f")
    assert (found.width, found.on) == (None, False)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"elbo": 3.0}, "file.json: `elbo` is no object"),
        ({"elbo": {"value": "3", "error": None}}, "file.json: `elbo.value` is '3'"),
        ({"elbo": {"error": 1.0}}, "file.json: lacks `elbo.value`"),
        ({"inner": {"name": "x", "sizes": [1, 2.5]}}, "file.json: `inner.sizes.1` is '2.5'"),
        ({"rows": {"y": {"name": 3}}}, "file.json: `rows.y.name` is '3'"),
        ({"rows": []}, r"file.json: `rows` is '\[\]'"),
        ({"several": [True]}, "file.json: `several.0` is 'True'"),
        ({"kind": 3}, "file.json: `kind` is '3'"),
        ({"width": "wide"}, "file.json: `width` is 'wide'"),
        ({"on": 1}, "file.json: `on` is '1'"),
        ({"either": "text"}, "file.json: `either` is no object"),
        ({"aside": []}, "file.json: unknown `aside`"),
    ],
)
def test_other_values_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        from_json(Outer, to_json(VALUE) | changes, "file.json")


def test_a_literal_may_be_the_name_of_a_row_from_outside() -> None:
    assert from_json(Outer, to_json(VALUE) | {"kind": "c"}, "f").kind == "c"
    assert not fits("c", Literal["a", "b"])


def test_a_missing_value_without_a_default_is_refused() -> None:
    record = to_json(VALUE)
    del record["kind"]
    with pytest.raises(InputError, match="file.json: lacks `kind`"):
        from_json(Outer, record, "file.json")
    with pytest.raises(InputError, match="file.json: `Outer` is no object"):
        from_json(Outer, [], "file.json")
