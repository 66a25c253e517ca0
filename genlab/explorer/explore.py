"""Makes the explorer of a run: one HTML file that works offline, in any browser, from anywhere."""

__all__ = ["LIMIT", "explore", "lines_of"]

import html

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from genlab.common import atomic
from genlab.common.errors import InputError
from genlab.common.quantities import PLUS_MINUS
from genlab.common.system_errors import read_bytes
from genlab.explorer.assemble import assemble, word_table
from genlab.explorer.blobs import Blobs
from genlab.explorer.find import Found, find
from genlab.explorer.gan_facts import gan_facts, gan_stills
from genlab.explorer.stills import Still
from genlab.explorer.vae_facts import vae_facts
from genlab.fid.prior_pictures import RESULTS as PICTURES
from genlab.figures.language import LANGUAGES, twin
from genlab.runs.run import Run

LIMIT = 12_000_000
"""The largest size of a page, in bytes."""
OTHER = 500_000
"""Characters reserved for what is neither a network nor of one model."""
A_MODEL = 150_000
"""Characters reserved for each model's codes, density, samples and still pictures."""


def _target(run: Path, out: Path | None) -> Path:
    """Returns the file to write the page to.

    Raises:
        InputError: If `out` is a folder.
    """
    target = out or run / "explorer.html"
    if target.is_dir():
        raise InputError(f"`out` {target}: a folder; name a file, say {target / 'explorer.html'}")
    return target


def explore(
    path: Path, out: Path | None = None, lang: str | None = None, data: str | None = None,
    priors: tuple[str, ...] = (),
) -> dict[str, Any]:
    """Writes the page of a run.

    Arguments:
        path: A VAE run, a comparison, a GAN run or a lab run.
        out: The file; RUN/explorer.html if not given.
        lang: "zh" or "en": the language it opens in; a lab run's own, else "zh", if not given.
        data: SOURCE of the digits, if they have moved since training.
        priors: Of several VAEs, these; all if empty.

    Returns:
        What was written: the file, its size in bytes, the models, whether the page decodes them
        or shows pictures, those for whose networks there was no room, and how far the stored
        weights are from torch's at most.

    Raises:
        InputError: If `path` is no run with anything finished, or its data is not at hand.
        OSError: If the file cannot be written.
    """
    target = _target(path, out)
    found = find(path, priors)
    opened: str = lang or found.run.config.get("lang", "zh")
    blobs = Blobs()
    facts: dict[str, Any] = {
        "run": _run_facts(found.run, target), "vae": None, "gan": None,
        "sheet": _sheet_figure(path, blobs),
    }
    stills: list[Still] = []
    if found.gan is not None:
        facts["gan"] = gan_facts(found.gan, blobs)
    if found.vaes:
        budget = LIMIT - blobs.characters - OTHER - A_MODEL * len(found.vaes)
        measured = path if (path / PICTURES).exists() else None
        facts["vae"], stills = vae_facts(found.vaes, data, blobs, budget, measured)
        facts["vae"]["seeds"] = found.seeds
    if facts["sheet"]:
        pictures = facts["sheet"]["pictures"]
        uri = "data:image/png;base64," + blobs.text(pictures.get(opened, pictures["en"]))
        stills.insert(0, Still("sheet", {"zh": "", "en": ""}, uri))
    texts = _texts(found, facts, opened)
    if facts["gan"]:
        stills += gan_stills(facts["gan"], blobs)
    page = assemble(facts, blobs, texts, _stills(facts, stills, opened), opened)
    written = page.encode("utf-8")
    if len(written) > LIMIT:
        raise InputError(
            f"{path}: its page would take {len(written) / 1e6:.1f} MB, more than "
            f"{LIMIT / 1e6:.0f}; choose models with `priors`"
        )
    atomic.write_output(target, written, path)
    models = facts["vae"]["models"] if facts["vae"] else []
    networks = facts["vae"]["networks"] if facts["vae"] else {}
    live = bool(facts["vae"] and not facts["vae"]["pictures"])
    return {
        "kind": "explore", "page": str(target), "bytes": len(written), "lang": opened,
        "models": [model["name"] for model in models], "gan": found.gan is not None,
        "live": live,
        "without_decoder": [m["name"] for m in models if live and m["decoder"] is None],
        "deviation": {
            role: max((n["deviation"] for n in networks.values() if n["role"] == role), default=0)
            for role in ("decoder", "encoder")
        },
    }


def lines_of(results: dict[str, Any]) -> list[str]:
    """Returns the result of `explore` as text for the terminal: notes, then the result."""
    lines = []
    if closed := results["without_decoder"]:
        lines.append(
            f"no room for the networks of {', '.join(closed)} in {LIMIT // 10**6} MB: they are "
            "shown without decoding; choose models with --priors"
        )
    megabytes, count = results["bytes"] / 1e6, len(results["models"])
    by = "" if results["live"] else " by pictures"
    shown = [f"{count} VAE{'s' if count > 1 else ''}{by}"] * bool(count)
    shown += ["a GAN"] * results["gan"]
    line = f"{results['page']}: {' and '.join(shown)}, {megabytes:.1f} MB"
    if off := results["deviation"]["decoder"]:
        line += f"; its weights change a pixel's mean by at most {off:.1g}"
    return [*lines, line]


def _sheet_figure(path: Path, blobs: Blobs) -> dict[str, Any] | None:
    """Keeps the lab sheet's figure of a lab or a VAE run, by language; None if there is none."""
    for name in ("vae/priors.png", "figures/aggregated.png"):
        if (path / name).exists():
            languages = {lang: twin(path / name, lang) for lang in LANGUAGES}
            return {"pictures": {
                lang: blobs.add(read_bytes(file))
                for lang, file in languages.items() if file.exists()
            }}  # fmt: skip
    return None


def _run_facts(run: Run, target: Path) -> dict[str, Any]:
    session = run.env.sessions[-1]
    return {
        "name": run.path.resolve().name, "kind": run.kind, "page": target.name,
        "command": session.command, "started": session.started,
        "genlab": session.genlab, "torch": session.torch,
    }


def _texts(found: Found, facts: dict[str, Any], lang: str) -> dict[str, str]:
    """Returns the plain text of the slots of the template."""
    words = word_table()[lang]
    name = facts["run"]["name"]
    subject = "gan"
    if facts["vae"]:
        plane, pictures = facts["vae"]["plane"], facts["vae"]["pictures"]
        subject = "pictures" if pictures else ("vae" if plane else "space")
    data = []
    for key, part in (("data-digits", facts["vae"]), ("data-images", facts["gan"])):
        if part:
            identity = part["digits"]["identity"] if "digits" in part else part["data"]
            standin = words["standin"] if identity["stand_in"] else ""
            data.append(words[key].format(name=identity["name"], standin=standin))
    if facts["vae"] and found.seeds > 1:
        data.append(words["one-seed"].format(seeds=found.seeds))
    return {
        "title": words[f"title-{subject}"].format(name=name), "name": name,
        "heading": f"heading-{subject}", "lead": f"lead-{subject}", "data": " ".join(data),
    }


def _stills(facts: dict[str, Any], stills: list[Still], lang: str) -> str:
    """Returns what a reader without scripts sees, pictures and numbers, as HTML."""
    words = word_table()[lang]
    parts = [f"<p>{html.escape(words['no-script'])}</p>"]
    for still in stills:
        text = html.escape(words[f"still-{still.what}"].format(title=still.title[lang]))
        parts.append(
            f'<figure class="{still.what}"><img src="{still.uri}" alt="{text}">'
            f"<figcaption>{text}</figcaption></figure>"
        )
    if facts["vae"]:
        if facts["vae"]["seeds"] > 1:
            text = words["one-seed"].format(seeds=facts["vae"]["seeds"])
            parts.append(f"<p>{html.escape(text)}</p>")
        parts.append(_table(facts["vae"], words, lang))
        if facts["vae"]["pictures"] and facts["vae"]["pictures"]["limit"]:
            parts.append(_distances(facts["vae"], words, lang))
    return "\n".join(parts)


def _table(facts: dict[str, Any], words: dict[str, str], lang: str) -> str:
    models, names = facts["models"], facts["quantities"]
    shown = [key for key in names if any(key in model["numbers"] for model in models)]
    rows = [
        (model["title"][lang], [_number(model["numbers"].get(key)) for key in shown])
        for model in models
    ]
    return _as_table([words["prior"], *(names[key][lang] for key in shown)], rows)


def _distances(facts: dict[str, Any], words: dict[str, str], lang: str) -> str:
    """Returns the distances of the images that each prior draws, as HTML."""
    limit = facts["pictures"]["limit"]

    def cells(distances: list[dict[str, Any]], above: str, closed: str) -> list[str]:
        return [*(_number(one["number"]) for one in distances), above, closed]

    def row(name: str, measured: dict[str, Any]) -> tuple[str, list[str]]:
        above, closed = _number(measured["above"]), measured["closed"] or "–"
        return name, cells(measured["distances"], above, closed)

    rows = []
    for model in facts["models"]:
        name = model["title"][lang]
        if model["measured"]:
            rows.append(row(name, model["measured"]))
        if model["guided"]:
            rows.append(row(
                words["guided"].replace("{title}", name), model["guided"]["measured"]
            ))
    rows.append((words["decoded-codes"], cells(limit["distances"], "–", "–")))
    if limit["gan"]:
        rows.append(("GAN", cells(limit["gan"], "–", "–")))
    labels = [one["label"] for one in limit["distances"]]
    return _as_table(
        [words["prior"], *labels, words["above-limit"], words["gap-closed"]], rows
    )


def _as_table(head: Sequence[str], rows: Sequence[tuple[str, Sequence[str]]]) -> str:
    """Returns a table as HTML: the names of its columns, then those of its rows with the cells."""
    top = "".join(f"<th>{html.escape(name)}</th>" for name in head)
    lines = []
    for name, cells in rows:
        values = "".join(f"<td>{html.escape(cell)}</td>" for cell in cells)
        lines.append(f"<tr><th>{html.escape(name)}</th>{values}</tr>")
    return f'<div class="scroll"><table><tr>{top}</tr>{"".join(lines)}</table></div>'


def _number(number: dict[str, Any] | None) -> str:
    return "–" if number is None else PLUS_MINUS.join(filter(None, number["texts"]))
