"""Files without what depends on the clock, so that those of two runs can be compared."""

import json
import zipfile

from collections.abc import Set
from io import BytesIO
from pathlib import Path
from typing import Any

TIMES = {"seconds", "images_per_second", "measure_seconds", "sessions", "started"}
"""Keys of JSON whose values depend on the clock."""


def timeless(path: Path, keys: Set[str]) -> bytes:
    """The content of a file, of JSON without these keys, of Word without its properties.

    Of DONE the names: it has digests of files with times. The last line of a log may be torn.
    """
    data = path.read_bytes()
    if path.name == "DONE":
        return json.dumps(sorted(json.loads(data)["files"])).encode()
    if path.suffix == ".json":
        return json.dumps(_without(json.loads(data), keys)).encode()
    if path.suffix == ".jsonl":
        *lines, torn = data.split(b"\n")
        return json.dumps([_without(json.loads(line), keys) for line in lines]).encode() + torn
    if path.suffix == ".docx" and zipfile.is_zipfile(path):
        with zipfile.ZipFile(BytesIO(data)) as archive:
            names = sorted({*archive.namelist()} - {"docProps/core.xml"})
            return b"".join(archive.read(name) for name in names)
    return data


def _without(value: Any, keys: Set[str]) -> Any:
    if isinstance(value, dict):
        return {key: _without(one, keys) for key, one in value.items() if key not in keys}
    return [_without(one, keys) for one in value] if isinstance(value, list) else value
