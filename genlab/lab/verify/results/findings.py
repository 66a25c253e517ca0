"""What a check says: a verdict and words, in Chinese and in English.

    pass       it is as it should be
    look       the machine cannot decide; a person should look (it changes no exit code)
    fail       what is claimed does not hold
    tampered   a file was changed, is missing, unreadable or hostile
    cannot     it cannot be judged here: data, weights or a version are missing

The exit code is that of the worst verdict, over all checks and all submissions, in the order

    tampered (2)  >  fail (1)  >  cannot (3)  >  look, pass (0)
"""

__all__ = [
    "LEVELS", "Finding", "Refused", "Verdict", "Words", "exit_code", "judged", "refusing", "worst",
]  # fmt: skip

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from enum import Enum
from typing import NamedTuple

from genlab.common.errors import InputError, TrainingError

LEVELS = ("integrity", "consistency", "recompute", "replay")
"""The levels, cheapest first."""


class Words(NamedTuple):
    """One text in two languages."""

    zh: str
    en: str

    def of(self, lang: str) -> str:
        """Returns the text in a language, "zh" or "en"."""
        return self.zh if lang == "zh" else self.en


class Verdict(Enum):
    """A verdict; the later, the worse."""

    PASS = "pass"
    LOOK = "look"
    CANNOT = "cannot"
    FAIL = "fail"
    TAMPERED = "tampered"

    @property
    def rank(self) -> int:
        """How bad it is, from 0."""
        return list(Verdict).index(self)

    @property
    def words(self) -> Words:
        """What a person reads."""
        return {
            "pass": Words("通过", "pass"), "look": Words("请看", "look"),
            "cannot": Words("无法判断", "cannot judge"), "fail": Words("不符", "fail"),
            "tampered": Words("被改动或不完整", "tampered or incomplete"),
        }[self.value]


class Finding(NamedTuple):
    """One row of a submission's table."""

    level: str
    """One of `LEVELS`, or "likeness"."""
    check: Words
    verdict: Verdict
    found: Words


class Refused(InputError):
    """Something in a submission is not what it must be: changed, missing, damaged or hostile.

    Every other bad input is none of the submission's: the data is not here, or the options are
    wrong.
    """


@contextmanager
def refusing() -> Iterator[None]:
    """Says of a file of a submission that a reader will not have that it is `Refused`."""
    try:
        yield
    except InputError as error:
        raise Refused(str(error)) from None


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """Returns the worst verdict, `PASS` of none."""
    return max(verdicts, key=lambda verdict: verdict.rank, default=Verdict.PASS)


def exit_code(verdict: Verdict) -> int:
    """Returns the command's exit code for its worst verdict."""
    return {
        Verdict.PASS: 0, Verdict.LOOK: 0, Verdict.FAIL: 1, Verdict.TAMPERED: 2, Verdict.CANNOT: 3,
    }[verdict]


def judged(
    level: str, name: Words, check: Callable[[], tuple[Verdict, Words]]
) -> Finding:
    """Returns what a check finds; what it refuses is tampered with, what it lacks cannot be judged."""
    try:
        return Finding(level, name, *check())
    except (Refused, FileNotFoundError) as error:
        return Finding(level, name, Verdict.TAMPERED, Words(str(error), str(error)))
    except TrainingError as error:  # what is on record of it is finite
        return Finding(level, name, Verdict.FAIL, Words(str(error), str(error)))
    except InputError as error:
        return Finding(level, name, Verdict.CANNOT, Words(str(error), str(error)))
