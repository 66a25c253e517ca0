"""The explorer's page, without a browser: what it carries, what it may do, and who it is."""

import base64
import hashlib
import io
import json
import math
import re
import shutil
import subprocess

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from cases.explorer import DISTANCES, Page
from PIL import Image
from scipy.stats import norm

import genlab.data
import genlab.explorer.explore as explorer

from genlab.common.errors import InputError
from genlab.common.quantities import QUANTITIES, Measured
from genlab.common.typed_json import to_json
from genlab.explorer.assemble import FOLDER, SCRIPTS, as_json, word_table
from genlab.explorer.explore import LIMIT, explore, lines_of
from genlab.explorer.gan_facts import distances_of, slerp
from genlab.explorer.plane_facts import mass_levels
from genlab.explorer.weights import characters
from genlab.figures.sheets import read_sheet
from genlab.gan.load import load_generator
from genlab.runs.run import Run
from genlab.runs.seal import seal
from genlab.vae.likelihoods import Bernoulli
from genlab.vae.load import load_vae, measured_values
from genlab.vae.measure import measured
from genlab.vae.results import read_results
from genlab.vae.splits import observed_test_images


def test_test_vectors_are_torchs(explored: Path, lab_page: Page) -> None:
    facts = lab_page.json("facts")["vae"]
    for row in facts["models"]:
        model, config = load_vae(explored / "lab" / "vae" / row["name"])
        check = facts["networks"][row["decoder"]]["check"]
        expected = np.frombuffer(lab_page.blob(check["expected"]), "<f4").reshape(6, 64)
        with torch.no_grad():
            assert np.array_equal(expected, model.decode(torch.tensor(check["z"])).numpy())
        check = facts["networks"][row["encoder"]]["check"]
        expected = np.frombuffer(lab_page.blob(check["expected"]), "<f4").reshape(6, 4)
        x = torch.tensor(digits_of(lab_page)[:6])
        with torch.no_grad():
            np.testing.assert_allclose(expected, torch.cat(model.encode(x), 1), atol=1e-6)
        assert row["sha256"] == hashlib.sha256(
            (explored / "lab" / "vae" / row["name"] / "model.safetensors").read_bytes()
        ).hexdigest()


def digits_of(page: Page) -> np.ndarray:
    digits = page.json("facts")["vae"]["digits"]
    packed = np.frombuffer(page.blob(digits["images"]), np.uint8).reshape(digits["count"], -1)
    pixels = digits["height"] * digits["width"]
    return np.unpackbits(packed, axis=1, bitorder="little")[:, :pixels].astype(np.float32)


def test_the_pages_digits_are_the_measured_ones(explored: Path, lab_page: Page) -> None:
    digits = genlab.data.splits(str(explored / "tiny.npz"))
    assert digits.test_labels is not None
    x, labels = observed_test_images(digits, Bernoulli()).numpy(), digits.test_labels.numpy()
    shown = digits_of(lab_page)
    theirs = np.frombuffer(
        lab_page.blob(lab_page.json("facts")["vae"]["digits"]["labels"]), np.uint8
    )
    both = sorted(map(tuple, np.column_stack([x, labels]).tolist()))
    assert sorted(map(tuple, np.column_stack([shown, theirs]).tolist())) == both


def test_density_and_samples_are_the_priors(explored: Path, lab_page: Page) -> None:
    facts = lab_page.json("facts")["vae"]
    for row in facts["models"]:
        model, _ = load_vae(explored / "lab" / "vae" / row["name"])
        density, limit = row["density"], row["limit"]
        grid = density["grid"]
        steps = np.frombuffer(lab_page.blob(density["values"]), "<u2").reshape(grid, grid)
        found = density["top"] - density["depth"] * (1 - steps / 65535)
        line = torch.linspace(-limit, limit, grid)
        z = torch.stack(torch.meshgrid(line, line, indexing="xy"), -1)  # rows along z2
        with torch.no_grad():
            exact = model.prior().log_prob(z).numpy()
        kept = exact > density["top"] - density["depth"]
        np.testing.assert_allclose(found[kept], exact[kept], atol=1e-3)
        samples = np.frombuffer(lab_page.blob(row["samples"]), "<f4").reshape(-1, 2)
        assert len(samples) == 96
        assert len(np.unique(samples, axis=0)) == 96


def test_contours_hold_their_share_of_a_gaussian() -> None:
    """{ln p >= c} holds the share s of N(0, I) in the plane where c = ln((1 - s) / 2 pi)."""
    limit = 6.0
    line = np.linspace(-limit, limit, 161)
    log_p = norm.logpdf(line)[:, None] + norm.logpdf(line)[None]
    levels = mass_levels(log_p, limit)
    assert [level["share"] for level in levels] == [0.25, 0.5, 0.75, 0.9, 0.99]
    for level in levels:
        exact = math.log((1 - level["share"]) / (2 * math.pi))
        assert level["log_p"] == pytest.approx(exact, abs=0.02)


def test_contours_beyond_the_square_are_left_out() -> None:
    line = np.linspace(-1, 1, 161)
    log_p = norm.logpdf(line)[:, None] + norm.logpdf(line)[None]  # 47 % lies in the square
    assert [level["share"] for level in mass_levels(log_p, 1.0)] == [0.25]


def test_codes_are_draws_of_the_posteriors(explored: Path, compare_page: Page) -> None:
    facts = compare_page.json("facts")["vae"]
    first = facts["models"][0]
    model, _ = load_vae(explored / "compare" / "standard" / "0")
    codes = np.frombuffer(compare_page.blob(first["codes"]["values"]), "<i2").reshape(-1, 2)
    with torch.no_grad():
        mean, log_std = model.encode(torch.tensor(digits_of(compare_page)))
    noise = (codes * first["codes"]["scale"] - mean.numpy()) / log_std.exp().numpy()
    assert abs(noise.mean()) < 0.35
    assert 0.75 < noise.std() < 1.25
    assert len({row["codes"]["values"] for row in facts["models"]}) == 1  # one encoder


def test_post_hoc_priors_share_their_networks(compare_page: Page) -> None:
    facts = compare_page.json("facts")["vae"]
    assert len(facts["models"]) == 3
    assert len(facts["networks"]) == 2
    assert facts["post_hoc"]


def test_policy_allows_the_pages_own_scripts_and_nothing_else(lab_page: Page) -> None:
    def hashes(texts: list[str]) -> set[str]:
        digests = [hashlib.sha256(text.encode()).digest() for text in texts]
        return {f"'sha256-{base64.b64encode(d).decode()}'" for d in digests}

    rules = dict(rule.strip().split(" ", 1) for rule in lab_page.policy.split(";"))
    assert set(rules.pop("script-src").split()) == hashes(lab_page.scripts)
    assert set(rules.pop("style-src").split()) == hashes(lab_page.styles)
    assert len(lab_page.scripts) == len(SCRIPTS)
    assert rules == {
        "default-src": "'none'", "img-src": "data:", "base-uri": "'none'", "form-action": "'none'",
    }
    order = [tag for tag, attrs in lab_page.tags if tag in ("script", "style") or (
        tag == "meta" and "http-equiv" in attrs)]
    assert order[0] == "meta"


def test_page_asks_the_network_for_nothing(lab_page: Page) -> None:
    for tag, attrs in lab_page.tags:
        for name, value in attrs.items():
            assert not name.startswith("on"), tag
            assert name != "style", tag
            if name in ("src", "href", "srcset", "action", "data", "poster", "formaction"):
                assert str(value).startswith("data:"), (tag, value)
    code = "".join(lab_page.scripts)
    asking = r"\b(fetch|XMLHttpRequest|WebSocket|EventSource|sendBeacon|importScripts|eval)\b"
    assert not re.search(asking, code)
    assert not re.search(r"\bimport\b|(inner|outer)HTML|insertAdjacent|document\.write", code)
    assert not re.search(r"url\(|@import", "".join(lab_page.styles))
    assert not re.search(r"https?://", lab_page.html)


def test_size_is_within_the_limit(lab_page: Page) -> None:
    assert len(lab_page.html.encode()) < LIMIT


def test_both_languages_say_the_same_things() -> None:
    words = word_table()
    slots = {
        lang: {key: sorted(re.findall(r"\{(\w+)\}", text)) for key, text in table.items()}
        for lang, table in words.items()
    }
    assert slots["en"] == slots["zh"]
    assert not [key for table in words.values() for key, text in table.items() if not text]


def test_every_word_is_used_and_every_used_word_is_there() -> None:
    words = set(word_table()["en"])
    sources = {path: path.read_text(encoding="utf-8") for path in FOLDER.iterdir()
               if path.suffix in (".js", ".html", ".py")}
    text = "\n".join(sources.values())
    asked = set(re.findall(r'data-(?:word|label)="([\w-]+)"', text))
    asked |= set(re.findall(r'\bword\(\s*(?:\w+(?:\.\w+)* \? )?"([\w-]+)"[,)]', text))
    assert asked <= words
    quoted = set(re.findall(r'["\']([\w-]+)["\']', text))
    built = ("p-", "still-", "check-", "title-", "heading-", "lead-", "card", "reading")
    assert {w for w in words - quoted if not w.startswith(built)} == set()


def test_texts_of_the_slots_are_never_filled_again_nor_run(
    explored: Path, tmp_path: Path, lab_page: Page
) -> None:
    hostile = "<img src=x onerror=alert(1)>{{blobs}}"
    shutil.copytree(explored / "lab", tmp_path / hostile)
    env = json.loads((tmp_path / hostile / "env.json").read_text())
    env["sessions"][-1]["command"] = "</script><script>alert(1)</script>{{scripts}} <!-- <script>"
    (tmp_path / hostile / "env.json").write_text(json.dumps(env))
    explore(tmp_path / hostile, tmp_path / "page.html", "en")
    page = Page(tmp_path / "page.html")
    assert [tag for tag, _ in page.tags] == [tag for tag, _ in lab_page.tags]
    assert page.scripts == lab_page.scripts
    assert page.json("facts")["run"]["name"] == hostile
    assert page.json("facts")["run"]["command"] == env["sessions"][-1]["command"]


def test_json_in_a_script_closes_nothing() -> None:
    text = as_json({"a": "</script><!--\u2028 é 狗"})
    assert "<" not in text
    assert "\u2028" not in text
    assert json.loads(text) == {"a": "</script><!--\u2028 é 狗"}


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_scripts_draw_the_numbers_as_they_are_written_in_python(
    lang: str, explored: Path, lab_page: Page
) -> None:
    """The table that numbers.js draws, cell by cell."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed: nothing runs the page's scripts")
    facts = lab_page.json("facts")
    models, names = facts["vae"]["models"], facts["vae"]["quantities"]
    given = json.dumps({"facts": facts, "words": word_table(), "lang": lang})
    program = Path(__file__).parents[1] / "cases" / "numbers_table.js"
    drawn = subprocess.run(
        [node, str(program), str(FOLDER)], input=given, capture_output=True, text=True,
        encoding="utf-8", check=True,
    )
    head, *columns = zip(*json.loads(drawn.stdout), strict=True)
    keys = [key for key in names if key in models[0]["numbers"]]
    assert list(head[2:]) == [QUANTITIES[key].label(lang) for key in keys]
    for model, (title, difference, *cells) in zip(models, columns, strict=True):
        results = read_results(Run(explored / "lab" / "vae" / model["name"]))
        assert title == model["title"][lang]
        plain = [cell.replace("\N{NO-BREAK SPACE}", " ") for cell in cells]
        assert plain == [getattr(results, key).text() for key in keys]
        texts = model["difference"]["number"]["texts"] if "difference" in model else ["–"]
        assert difference == "\N{NO-BREAK SPACE}±\N{NO-BREAK SPACE}".join(texts)


def number_of(one: Measured) -> dict[str, object]:
    return {"value": one.value, "error": one.error, "texts": list(one.texts())}


def test_page_names_its_run(explored: Path, lab_page: Page) -> None:
    facts = lab_page.json("facts")
    env = json.loads((explored / "lab" / "env.json").read_text())
    dogs = json.loads((explored / "lab" / "gan" / "env.json").read_text())["data"]["images"]
    assert facts["run"]["name"] == "lab"
    assert facts["run"]["command"] == env["sessions"][-1]["command"]
    assert facts["vae"]["digits"]["identity"]["sha256"] == env["data"]["digits"]["sha256"]
    assert facts["gan"]["data"]["sha256"] == dogs["sha256"]
    results = read_results(Run(explored / "lab" / "vae" / "standard"))
    row = facts["vae"]["models"][0]
    for key in ("elbo", "nll_exact"):
        assert row["numbers"][key] == number_of(getattr(results, key))
    assert facts["vae"]["quantities"]["prior_gap"] == {
        lang: QUANTITIES["prior_gap"].label(lang) for lang in ("zh", "en")
    }


def test_opens_in_the_runs_language(explored: Path, tmp_path: Path) -> None:
    assert explore(explored / "lab", tmp_path / "a.html")["lang"] == "en"  # as its LabConfig says
    assert explore(explored / "deep", tmp_path / "b.html")["lang"] == "zh"
    assert '<html lang="zh-CN">' in (tmp_path / "b.html").read_text(encoding="utf-8")


def test_gan_pictures_are_the_runs(explored: Path, lab_page: Page) -> None:
    facts = lab_page.json("facts")["gan"]
    for snapshot in facts["snapshots"]:
        sheet = np.asarray(Image.open(io.BytesIO(lab_page.blob(snapshot["sheet"]))).convert("RGB"))
        kept = read_sheet(explored / "lab" / "gan" / "samples" / f"epoch_{snapshot['epoch']:03d}")
        np.testing.assert_array_equal(sheet, np.concatenate(list(kept), axis=1))
    walk = facts["walk"]
    sheet = Image.open(io.BytesIO(lab_page.blob(walk["sheet"])))
    assert sheet.size == (64 * walk["steps"], 64 * walk["anchors"])
    curve = facts["distances"]["curves"][0]
    assert [p["value"] for p in curve["points"]] == [120.0, 81.5]
    assert [p["error"] for p in curve["points"]] == [3.5, 3.5]
    assert curve["floor"] == 43.6
    assert facts["distances"]["n_fake"] == DISTANCES.n_fake
    assert facts["distances"]["different_fake"] == DISTANCES.different.fake


def test_a_gan_without_its_samples_is_named(explored: Path, tmp_path: Path) -> None:
    shutil.copytree(explored / "lab" / "gan", tmp_path / "gan")
    shutil.rmtree(tmp_path / "gan" / "samples" / "epoch_001")
    with pytest.raises(InputError, match=r"epoch_001/00\.png: missing, though the run"):
        explore(tmp_path / "gan")


def test_slerp_goes_round_at_an_even_pace(explored: Path) -> None:
    a, b = torch.nn.functional.normalize(torch.randn(2, 8, dtype=torch.float64), dim=1)
    points = slerp(a, b, torch.linspace(0, 1, 9, dtype=torch.float64))
    torch.testing.assert_close(points[0], a)
    torch.testing.assert_close(points[-1], b)
    torch.testing.assert_close(points.norm(dim=1), torch.ones(9, dtype=torch.float64))
    steps = (points[1:] * points[:-1]).sum(1)
    torch.testing.assert_close(steps, steps[:1].expand(8))
    generator = load_generator(explored / "lab" / "gan")
    small = slerp(a, b, torch.tensor([0.3], dtype=torch.float64)).float()
    torch.testing.assert_close(generator(small), generator(7 * small))  # its direction alone


def test_more_dimensions_have_no_plane(explored: Path, tmp_path: Path) -> None:
    explore(explored / "deep", tmp_path / "deep.html", "en")
    facts = Page(tmp_path / "deep.html").json("facts")
    assert not facts["vae"]["plane"]
    assert "density" not in facts["vae"]["models"][0]
    assert facts["gan"] is None


def test_a_choice_of_priors(explored: Path, tmp_path: Path) -> None:
    results = explore(explored / "compare", tmp_path / "a.html", priors=("spline", "standard"))
    assert results["models"] == ["spline", "standard"]
    with pytest.raises(InputError, match="`priors` gtm: no such finished VAE .* standard"):
        explore(explored / "compare", tmp_path / "b.html", priors=("gtm",))
    assert not (tmp_path / "b.html").exists()


def test_bad_input_is_one_line(explored: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is .* a genlab run"):
        explore(tmp_path)
    with pytest.raises(InputError, match="a folder; name a file"):
        explore(explored / "lab", tmp_path)
    shutil.copytree(explored / "deep", tmp_path / "unfinished")
    (tmp_path / "unfinished" / "results.json").unlink()
    with pytest.raises(InputError, match=r"done, yet it lacks results\.json: the run is damaged"):
        explore(tmp_path / "unfinished")
    (tmp_path / "unfinished" / "DONE").unlink()
    with pytest.raises(InputError, match="nothing finished .* genlab resume"):
        explore(tmp_path / "unfinished")
    assert not (tmp_path / "unfinished" / "explorer.html").exists()


@pytest.mark.parametrize(
    ("file", "damage", "says"),
    [
        ("model.safetensors", lambda data: data[:-40], "its tensors do not fill the file"),
        ("config.json", lambda data: data.replace(b"24", b"23"),
         "run: its weights and its configuration do not fit"),
    ],
)
def test_damaged_runs_are_named(
    file: str, damage: Callable[[bytes], bytes], says: str, explored: Path, tmp_path: Path
) -> None:
    shutil.copytree(explored / "deep", tmp_path / "run")
    path = tmp_path / "run" / file
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(InputError, match=f"{file}: changed since the run wrote it"):
        explore(tmp_path / "run")
    seal(tmp_path / "run")  # as if it had been so from the beginning
    with pytest.raises(InputError, match=says):
        explore(tmp_path / "run")


def test_differences_are_paired(explored: Path, lab_page: Page) -> None:
    first, second = lab_page.json("facts")["vae"]["models"]
    assert "difference" not in first
    values = [measured_values(explored / "lab" / "vae" / row["name"])["nll_exact"]
              for row in (first, second)]
    difference = (values[1] - values[0]).double().numpy()
    found = Measured(difference.mean(), difference.std(ddof=1) / len(difference) ** 0.5)
    shown = second["difference"]
    assert (shown["of"], shown["number"]["texts"]) == ("nll_exact", list(found.texts(sign=True)))
    assert shown["number"]["value"] == pytest.approx(found.value)
    assert shown["number"]["error"] == pytest.approx(found.error)
    for row, value in zip((first, second), values):
        assert row["numbers"]["nll_exact"] == number_of(measured("nll_exact", value))


def test_errors_and_floors_are_shown(tmp_path: Path) -> None:
    (tmp_path / "fid.json").write_text(json.dumps(to_json(DISTANCES)))
    distances = distances_of(tmp_path / "fid.json")
    assert distances is not None
    (curve,) = distances["curves"]
    assert [point["error"] for point in curve["points"]] == [3.5, 3.5]
    assert curve["floor"] == 43.6
    assert distances_of(tmp_path / "none.json") is None


def test_other_digits_are_refused(explored: Path, tmp_path: Path) -> None:
    arrays = dict(np.load(explored / "tiny.npz", allow_pickle=False))
    arrays["test"] = 1 - arrays["test"]
    np.savez(tmp_path / "other.npz", **arrays)
    with pytest.raises(InputError, match="used other data for 'images'"):
        explore(explored / "deep", tmp_path / "a.html", data=str(tmp_path / "other.npz"))


def test_what_does_not_fit_is_said(
    explored: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(explored / "lab", tmp_path / "lab")
    shutil.rmtree(tmp_path / "lab" / "gan")
    model, _ = load_vae(explored / "lab" / "vae" / "standard")
    room = characters(model.decoder, 14) + 10
    monkeypatch.setattr(explorer, "OTHER", LIMIT - 2 * explorer.A_MODEL - room)
    results = explore(tmp_path / "lab", tmp_path / "a.html")
    assert results["without_decoder"] == ["mixture"]
    note, line = lines_of(results)
    assert "no room for the networks of mixture in 12 MB" in note
    assert "2 VAEs" in line
    rows = Page(tmp_path / "a.html").json("facts")["vae"]["models"]
    assert [row["decoder"] is None for row in rows] == [False, True]
    assert [row["encoder"] for row in rows] == [None, None]
    assert all("density" in row for row in rows)


def test_one_seed_of_several_is_named_as_that(explored: Path, tmp_path: Path) -> None:
    """In the head, beside the numbers and, without scripts, above the table."""
    shutil.copytree(explored / "compare", tmp_path / "run")
    record = json.loads((tmp_path / "run" / "config.json").read_text())
    cases = ((1, "en", None), (3, "en", "of seed 0 of 3;"), (3, "zh", "3 个种子中的种子 0；"))
    for seeds, lang, words in cases:
        record["config"]["seeds"] = seeds
        (tmp_path / "run" / "config.json").write_text(json.dumps(record))
        seal(tmp_path / "run")
        explore(tmp_path / "run", tmp_path / "page.html", lang)
        page = Page(tmp_path / "page.html")
        assert page.json("facts")["vae"]["seeds"] == seeds
        head, _, rest = page.html.partition("<noscript>")
        for part in (head, rest.partition("</noscript>")[0]):
            assert "seed 0" not in part if words is None else words in part


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_sheets_figure_of_the_run_is_on_the_page(
    lang: str, explored: Path, tmp_path: Path
) -> None:
    """In both languages for the scripts, in that of the page without them."""
    shutil.copytree(explored / "lab", tmp_path / "run")
    files = {"en": tmp_path / "run/vae/priors.png", "zh": tmp_path / "run/vae/priors-zh.png"}
    for shade, file in enumerate(files.values()):
        Image.new("L", (9, 5), 50 + shade).save(file)
    explore(tmp_path / "run", tmp_path / "page.html", lang)
    page = Page(tmp_path / "page.html")
    pictures = page.json("facts")["sheet"]["pictures"]
    assert {one: base64.b64decode(page.block(name)) for one, name in pictures.items()} == {
        one: file.read_bytes() for one, file in files.items()
    }
    assert f'src="data:image/png;base64,{page.block(pictures[lang])}"' in page.html


def test_a_run_without_the_sheets_figure_has_no_place_for_it(lab_page: Page) -> None:
    assert lab_page.json("facts")["sheet"] is None
