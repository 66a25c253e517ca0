"""All levels over all submissions."""

__all__ = ["Alike", "Report", "alike_in", "check_all", "verify"]

import tempfile
import time

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from genlab.common.errors import InputError
from genlab.common.progress import Progress, say
from genlab.lab.handin.template import SHEET, Template
from genlab.lab.verify.levels.integrity import Unpacked, check_integrity
from genlab.lab.verify.readers.submissions import HandedIn, Submission, collect
from genlab.lab.verify.results.findings import LEVELS, Finding, Refused, Verdict, Words, worst
from genlab.runs.run import Run

UNEXPECTED = (
    KeyError, TypeError, IndexError, AttributeError, ValueError, ArithmeticError, RuntimeError,
    OSError, AssertionError, RecursionError,
)
"""What a record of a strange shape may raise deep inside: said, and judged as not to be judged."""


@dataclass(kw_only=True)
class Report:
    """What was found of one submission."""

    who: str
    place: str = ""
    """The path of the first of its files."""
    lang: str = "zh"
    findings: list[Finding] = field(default_factory=list)
    alike: "Alike | None" = None
    """The submissions that it is like, if there are any."""
    seconds: float = 0.0

    @property
    def verdict(self) -> Verdict:
        """The worst of all its findings; likeness is one to look at."""
        alike = [Verdict.LOOK] if self.alike else []
        return worst([*alike, *(finding.verdict for finding in self.findings)])

    def of(self, level: str) -> Verdict | None:
        """The worst of a level's findings; None if it was not come to."""
        found = [finding.verdict for finding in self.findings if finding.level == level]
        return worst(found) if found else None


@dataclass(frozen=True, kw_only=True)
class Alike:
    """A group of submissions that are alike; each of their reports has it."""

    number: int
    """From 1."""
    members: tuple[str, ...]
    """Whose they are; with the path, of those of one name."""
    found: Words


def alike_in(reports: Iterable[Report]) -> list[Alike]:
    """Returns each group of submissions that are alike once."""
    return list(dict.fromkeys(report.alike for report in reports if report.alike))


def verify(
    paths: Iterable[Path], level: str = "recompute", *, mnist: str | None = None,
    dogs: str | None = None, inception: str | None = None, minutes: float = 2.0,
    template: Template = SHEET,
) -> list[Report]:
    """Checks submissions; executes and unpickles nothing of them.

    Arguments:
        paths: Files and folders with submissions.
        level: The last of `LEVELS` to do.
        mnist: SOURCE of the digits here, if another than the records name.
        dogs: SOURCE of the dogs, likewise.
        inception: Where FID Inception's weights are.
        minutes: Time for the replay of each submission.
        template: How the files are called, and the report's title.

    Returns:
        One report a submission, in the order of their names. (What was given beside them,
        `readers.submissions.collect` says.)

    Raises:
        InputError: If there is no submission, or an option is wrong.
    """
    return check_all(
        collect(paths, template), level, mnist=mnist, dogs=dogs, inception=inception,
        minutes=minutes,
    )


def check_all(
    handed_in: HandedIn, level: str = "recompute", *, mnist: str | None = None,
    dogs: str | None = None, inception: str | None = None, minutes: float = 2.0,
) -> list[Report]:
    """Checks what was collected, as `verify` does."""
    if level not in LEVELS:
        raise InputError(f"`level` {level}: one of {', '.join(LEVELS)}")
    if not 0 < minutes <= 24 * 60:
        raise InputError(f"`minutes` {minutes}: must be above 0 and at most a day")
    submissions = handed_in.submissions
    checker = _Checker(level, mnist, dogs, inception, minutes)
    with Progress(len(submissions), "verifying", "submissions") as progress:
        for submission in submissions:
            checker.check(submission)
            progress.advance(note=submission.who)
    checker.compare()
    return checker.reports


class _Checker:
    """What is kept from one submission to the next: data, networks, prints."""

    def __init__(
        self, level: str, mnist: str | None, dogs: str | None, inception: str | None,
        minutes: float,
    ) -> None:
        self.levels = LEVELS[: LEVELS.index(level) + 1]
        self.options = mnist, dogs, inception
        self.minutes, self.reports = minutes, list[Report]()
        self.bench, self.prints = None, []

    def check(self, submission: Submission) -> None:
        """Checks one submission up to the last level, or to the first that is tampered with."""
        began = time.monotonic()
        report = Report(who=submission.who, place=submission.place)
        self.reports.append(report)
        with tempfile.TemporaryDirectory(prefix="genlab-verify-") as folder:
            run = Path(folder) / "run"
            run.mkdir()
            report.findings, unpacked = check_integrity(submission, run)
            if unpacked is not None:
                report.lang = _language(run)
                for level in self.levels[1:]:
                    report.findings += self._level(level, unpacked)
                    if report.verdict is Verdict.TAMPERED:
                        break
                self._take_prints(report, run)
        report.seconds = time.monotonic() - began

    def _level(self, level: str, unpacked: Unpacked) -> list[Finding]:
        say(f"{unpacked.submission.who}: {level}")
        try:
            if level == "consistency":
                from genlab.lab.verify.levels.consistency import check_consistency

                return check_consistency(unpacked)
            if self.bench is None:
                from genlab.lab.verify.bench import Bench

                self.bench = Bench(*self.options)
            if level == "recompute":
                from genlab.lab.verify.levels.recompute import check_recompute

                return check_recompute(unpacked, self.bench)
            from genlab.lab.verify.levels.replay import check_replay

            return check_replay(unpacked, self.bench, self.minutes)
        except Refused as error:
            return [_broken(level, Verdict.TAMPERED, str(error))]
        except UNEXPECTED as error:
            why = f"{type(error).__name__}: {error}".splitlines()[0][:200]
            return [_broken(level, Verdict.CANNOT, why)]

    def _take_prints(self, report: Report, run: Path) -> None:
        from genlab.lab.verify.levels.likeness import prints_of

        try:
            self.prints.append((len(self.reports) - 1, prints_of(report.who, run)))
        except UNEXPECTED as error:
            report.findings.append(_broken("likeness", Verdict.CANNOT, str(error)[:200]))

    def compare(self) -> None:
        """Finds the groups of submissions that are alike."""
        if len(self.prints) < 2:
            return
        from genlab.lab.verify.levels.likeness import likeness

        say(f"comparing {len(self.prints)} submissions with each other")
        names = Counter(report.who for report in self.reports)
        for number, group in enumerate(likeness([one for _, one in self.prints]), 1):
            reports = [self.reports[self.prints[place][0]] for place in group.members]
            members = tuple(
                r.who if names[r.who] == 1 else f"{r.who} ({r.place})" for r in reports
            )
            for report in reports:
                report.alike = Alike(number=number, members=members, found=group.found)


def _broken(level: str, verdict: Verdict, why: str) -> Finding:
    return Finding(level, Words("记录", "the records"), verdict, Words(why, why))


def _language(run: Path) -> str:
    """Returns the language of the run's report; Chinese if it is not said."""
    try:
        return "en" if Run(run).config.get("lang") == "en" else "zh"
    except (InputError, KeyError, TypeError, AttributeError):
        return "zh"  # what is wrong with the record is said at the next level
