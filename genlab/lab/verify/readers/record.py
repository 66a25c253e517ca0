"""Records of submissions, read with the types that their use needs."""

__all__ = ["SubmittedRecord"]

from pathlib import Path
from typing import Any

from genlab.lab.verify.results.findings import Refused
from genlab.runs.records import read_json


class SubmittedRecord:
    """A JSON object from a submission, read with the types that its use needs."""

    def __init__(self, path: Path, value: Any = None) -> None:
        self.name = path.name
        self.value: dict[str, Any] = read_json(path) if value is None else value

    def number(self, *keys: str) -> float:
        """Returns a number; raises `Refused` if there is none."""
        value = self.at(*keys)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise Refused(f"{self.name}: {'.'.join(keys)} is no number")
        return float(value)

    def whole(self, *keys: str) -> int:
        """Returns a whole number; raises `Refused` if there is none."""
        value = self.at(*keys)
        if type(value) is not int:
            raise Refused(f"{self.name}: {'.'.join(keys)} is no whole number")
        return value

    def text(self, *keys: str) -> str:
        """Returns a text; raises `Refused` if there is none."""
        value = self.at(*keys)
        if not isinstance(value, str):
            raise Refused(f"{self.name}: {'.'.join(keys)} is no text")
        return value

    def at(self, *keys: str) -> Any:
        """Returns what lies under these keys; raises `Refused` if nothing does."""
        value: Any = self.value
        for key in keys:
            if not isinstance(value, dict) or key not in value:
                raise Refused(f"{self.name}: has no {'.'.join(keys)}")
            value = value[key]
        return value
