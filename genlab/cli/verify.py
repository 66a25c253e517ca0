"""The command that checks what students handed in."""

__all__ = ["verify"]

import sys

from pathlib import Path
from typing import Literal

from tyro.conf import Positional

from genlab.cli.base import DataDir, Json, end, use_data
from genlab.cli.errors import every_error_is_3
from genlab.common.errors import InputError
from genlab.common.paths import require_place


@every_error_is_3()
def verify(
    files: Positional[tuple[Path, ...]],
    level: Literal["integrity", "consistency", "recompute", "replay"] = "recompute",
    mnist: str | None = None,
    dogs: str | None = None,
    inception: str | None = None,
    minutes: float = 2.0,
    template: Path | None = None,
    out: Path | None = None,
    lang: Literal["zh", "en"] | None = None,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Check submissions (a report and two archives each, as genlab submit makes them).

    It executes and unpickles nothing of a submission, and writes nothing but OUT. It does not
    prove who made a submission. Exit code: 0 all is well; 1 a claim does not hold; 2 tampered
    with, incomplete or hostile; 3 cannot be judged here (data, weights or a version are missing,
    a file is not named as asked, the check cannot go on). The worst of all decides, in the order
    2, 1, 3.

    Args:
        files: The three files; or folders or zip archives of a class: all files flat, or a
            sub-folder a submission. Names may be as platforms deliver them (docs/verify.md).
        level: The last level: integrity (manifests), consistency (the report against the records),
            recompute (ELBO, images and distances from the models), replay (train the beginning
            again, and from one kept state to the next of a run made with --checkpoints).
            Each includes those before it.
        mnist: SOURCE of the digits here; the recorded name if not given.
        dogs: SOURCE of the dogs here, likewise.
        inception: File of FID Inception weights.
        minutes: replay: time for each submission.
        template: The TOML file that genlab submit was given, if the files are called otherwise.
        out: The folder for class.csv and class.html.
        lang: Language of the tables and the page; that of the reports if not given.
    """
    from genlab.common import atomic
    from genlab.lab.handin.template import SHEET, read_template
    from genlab.lab.verify.check import check_all
    from genlab.lab.verify.readers.submissions import collect
    from genlab.lab.verify.results import table
    from genlab.lab.verify.results.findings import exit_code, worst
    from genlab.lab.verify.results.page import class_page

    use_data(data_dir)
    if not files:
        raise InputError("FILES: give the files of a submission, or a folder of submissions")
    if out is not None:
        require_place("out", out)
    handed_in = collect(files, SHEET if template is None else read_template(template))
    reports = check_all(
        handed_in, level, mnist=mnist, dogs=dogs, inception=inception, minutes=minutes
    )
    chinese = sum(report.lang == "zh" for report in reports)
    language = lang or ("zh" if 2 * chinese >= len(reports) else "en")
    left = handed_in.left
    if not json:
        tables = [table.as_text(report, language) for report in reports]
        print("\n\n".join([
            *tables, *table.alike_as_text(reports, language), *table.left_as_text(left, language)
        ]), end="\n\n")
    print(table.DISCLAIMER.of(language), file=sys.stderr if json else sys.stdout)
    line = table.summary(reports, left, language)
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        atomic.drop_leftovers(out)
        atomic.write_bytes(out / "class.csv", table.as_csv(reports, left, language).encode())
        atomic.write_bytes(out / "class.html", class_page(reports, left, language).encode())
        line += f"; {out / 'class.html'}"
    code = exit_code(worst([r.verdict for r in reports] + [one.verdict for one in left]))
    end({
        "exit_code": code, "submissions": [table.as_json(report, language) for report in reports],
        "alike": table.alike_as_json(reports, language),
        "left": table.left_as_json(left, language),
    }, line, json)
    sys.exit(code)
