"""The numbers of a run as tables: every value with its standard error where there is one."""

__all__ = ["Table", "headline", "tables_of", "with_error"]

import math

from typing import Any, NamedTuple

VAE = {
    "elbo": "ELBO", "re": "RE", "omega": "Omega", "nll_exact": "NLL, exact",
    "nll_is": "NLL, importance sampling", "marginal_kl": "KL(q(z) || p(z))",
    "prior_gap": "prior gap", "mutual_information": "I(x; z)", "inference_gap": "inference gap",
}  # fmt: skip
"""The quantities of a VAE, all in nats, as they are called here and elsewhere."""

ERRORS = {"single": "_se", "compared": "_images_se"}

GAN = {
    "recipe": "recipe", "epochs": "epochs", "images": "training images",
    "images_per_second": "images a second", "seconds": "seconds",
    "looks_through": "the discriminator looks through",
}  # fmt: skip


class Table(NamedTuple):
    """A table in words."""

    title: str
    head: tuple[str, ...]
    rows: list[tuple[str, ...]]


def with_error(value: float, error: float | None) -> str:
    """Returns a value to two digits of its error, or to four of its own without one."""
    if error is None or not error > 0 or not math.isfinite(error):
        return f"{value:.4g}"
    places = 1 - math.floor(math.log10(error))
    if places < 0:  # an error of hundreds
        return f"{round(value, places):.0f} ± {round(error, places):.0f}"
    return f"{value:.{places}f} ± {error:.{places}f}"


def headline(kind: str, done: bool, results: dict[str, Any]) -> str:
    """Returns a run in one line."""
    if "damaged" in results:
        return f"{kind}, damaged: {results['damaged']}"
    if not done:
        return f"{kind}, not finished"
    if kind == "vae" and "elbo" in results:
        elbo = with_error(results["elbo"], results.get("elbo_se"))
        return f"vae, prior {results['prior']}, ELBO {elbo} nats"
    if kind == "gan" and "epochs" in results:
        found = f"gan, {results['epochs']} epochs of {results['images']} images"
        first = _distances(results.get("fid", {}))[:1]
        return found + "".join(f", {name} {value}" for name, value, *_ in first)
    if kind == "fid":
        return f"fid, {results.get('verdict', results.get('note', ''))}"
    if kind == "compare" and "priors" in results:
        return f"compare, priors {', '.join(results['priors'])}"
    if kind == "lab" and "vae" in results:
        return f"lab, VAEs {', '.join(results['vae'])}, a GAN and its distances"
    return kind


def tables_of(kind: str, results: dict[str, Any]) -> list[Table]:
    """Returns the tables of a finished run of that kind; columns with nothing are left out."""
    tables = MAKERS[kind](results) if kind in MAKERS else []
    return [_filled(table) for table in tables if table.rows]


def _filled(table: Table) -> Table:
    kept = [column for column in zip(table.head, *table.rows) if any(column[1:])]
    head, *rows = zip(*kept)
    return Table(table.title, head, rows)


def _of_vae(results: dict[str, Any]) -> list[Table]:
    rows = [
        (name, with_error(results[key], results.get(f"{key}_se")))
        for key, name in VAE.items() if results.get(key) is not None
    ]
    images = results.get("test_images")
    title = f"{_data(results)}; {images:,} test images" if images else _data(results)
    return [Table(title, ("nats", "mean ± standard error"), rows)]


def _of_gan(results: dict[str, Any]) -> list[Table]:
    rows = [(name, str(results[key])) for key, name in GAN.items() if results.get(key) is not None]
    return [Table(_data(results), ("", ""), rows), *_of_fid(results.get("fid", {}))]


def _of_fid(results: dict[str, Any]) -> list[Table]:
    head = ("distance", "value ± standard error", "floor", "KID", "precision", "recall")
    tables = []
    for one in results.get("generators", [results]):
        fake, real = (one.get(role, {}).get("name", role) for role in ("fake", "real"))
        counts = f"{one.get('n_fake')} images, {fake}; {one.get('n_real')} real ones, {real}"
        tables.append(Table(counts, head, _distances(one)))
    return tables


def _distances(one: dict[str, Any]) -> list[tuple[str, ...]]:
    rows = []
    for d in one.get("distances", []):
        kid, null = d.get("kid"), d.get("null")
        rows.append((
            d["label"],
            with_error(d["value"], d.get("error")),
            f"{null['mean']:.3g}" if null else "",
            with_error(kid["value"], kid["error"]) if kid else "",
            *(f"{d[key]:.3f}" if key in d else "" for key in ("precision", "recall")),
        ))
    return rows


def _of_vaes(rows: dict[str, dict[str, Any]], suffix: str, title: str) -> Table:
    """A row a prior, a column a quantity that every prior has."""
    keys = [k for k in VAE if rows and all(row.get(k) is not None for row in rows.values())]
    body = [
        (prior, *(with_error(row[k], row.get(k + suffix)) for k in keys))
        for prior, row in rows.items()
    ]
    return Table(f"{title}; nats, mean ± standard error", ("prior", *(VAE[k] for k in keys)), body)


def _of_compare(results: dict[str, Any]) -> list[Table]:
    rows = results.get("priors", {})
    tables = [_of_vaes(rows, ERRORS["compared"], _data(results))]
    keys = list(dict.fromkeys(k for row in rows.values() for k in row.get("differences", {})))
    paired = [
        (prior, *(
            with_error(d[k]["mean"], d[k].get("images_se")) if k in d else "" for k in keys
        ))
        for prior, row in rows.items() if (d := row.get("differences"))
    ]
    title = "differences to the standard Gaussian; nats, ± standard error, paired over images"
    return [*tables, Table(title, ("prior", *(VAE[k] for k in keys)), paired)]


def _of_lab(results: dict[str, Any]) -> list[Table]:
    vaes = results.get("vae", {})
    title = _data(next(iter(vaes.values()))) if vaes else ""
    return [_of_vaes(vaes, ERRORS["single"], title), *_of_gan(
        results.get("gan", {}) | {"fid": results.get("fid", {})}
    )]


def _data(results: dict[str, Any]) -> str:
    data = results.get("data", {})
    note = " (a stand-in for the real thing)" if data.get("stand_in") else ""
    return f"{data.get('name', '')}{note}"


MAKERS = {
    "vae": _of_vae, "gan": _of_gan, "fid": _of_fid, "compare": _of_compare, "lab": _of_lab,
}  # fmt: skip
