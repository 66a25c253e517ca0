"""The explorer's page in a real browser: what a person sees is what torch computes.

Needs playwright (extra `browser`) and a Chromium: the one on the path, GENLAB_CHROMIUM, or that of
`playwright install chromium`. Without either these tests are skipped.
"""

import os
import re
import shutil

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from cases.browser import DESKTOP, PHONE, Visit
from cases.explorer import Page

import genlab.data

from genlab.configs.vae import VaeConfig
from genlab.explorer.explore import explore
from genlab.vae.latents.sampling import decoded_draws
from genlab.vae.latents.walk import walk
from genlab.vae.load import load_vae
from genlab.vae.model import VAE
from genlab.vae.train import train_vae

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytestmark = [pytest.mark.browser, pytest.mark.slow]

NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "chrome")

@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    place = os.environ.get("GENLAB_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    with playwright.sync_playwright() as engine:
        try:
            started = engine.chromium.launch(executable_path=place, args=["--no-sandbox"])
        except playwright.Error as error:
            pytest.skip(f"no Chromium here: {str(error).splitlines()[0]}")
        yield started
        started.close()


@pytest.fixture(scope="module")
def pages(explored: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pages")
    for name in ("lab", "compare", "deep"):
        explore(explored / name, folder / f"{name}.html", "en")
    return folder


@pytest.fixture
def visit(browser: Any, pages: Path) -> Iterator[Any]:
    opened: list[Visit] = []

    def open_page(name: str, address: str = "", **device: Any) -> Visit:
        opened.append(Visit(browser, pages / f"{name}.html", address, **device))
        return opened[-1]

    yield open_page
    for one in opened:
        one.context.close()


def decoded(model: VAE, z: list[float]) -> np.ndarray:
    with torch.no_grad():
        return model.decode(torch.tensor(z)).numpy()


@pytest.mark.parametrize("name", ["lab", "compare", "deep"])
@pytest.mark.parametrize("device", [DESKTOP, PHONE, {**DESKTOP, "color_scheme": "dark"}])
def test_opens_without_a_fault(name: str, device: dict, visit: Any) -> None:
    seen = visit(name, **device)
    for top in range(0, 8000, 700):
        seen.page.evaluate(f"scrollTo(0, {top})")
    seen.settle()
    assert seen.wrong == []
    assert seen.page.locator("#verdict").text_content() == "✓ agrees with PyTorch"
    assert all(result["ok"] for result in seen.page.evaluate("check.results"))


def test_pointer_decodes_what_is_under_it(visit: Any, explored: Path) -> None:
    seen = visit("lab")
    model, _ = load_vae(explored / "lab" / "vae" / "standard")
    limit = seen.page.evaluate("model().limit")
    box = seen.page.locator("#field").bounding_box()
    for share_x, share_y in ((0.3, 0.4), (0.8, 0.25)):
        x, y = box["x"] + share_x * box["width"], box["y"] + share_y * box["height"]
        seen.page.mouse.move(x, y)
        seen.settle()
        z = seen.z()
        wanted = [limit * (2 * share_x - 1), limit * (1 - 2 * share_y)]
        np.testing.assert_allclose(z, wanted, atol=limit / 100)
        np.testing.assert_allclose(seen.ink("#decoded"), decoded(model, z), atol=0.01)
    assert not np.allclose(decoded(model, z), decoded(model, [0.0, 0.0]), atol=0.05)


def test_keys_move_z_and_say_so(visit: Any, explored: Path) -> None:
    seen = visit("lab")
    model, _ = load_vae(explored / "lab" / "vae" / "standard")
    before = seen.z()
    seen.page.focus("#field")
    for key in ("ArrowRight", "Shift+ArrowRight", "ArrowDown"):
        seen.page.keyboard.press(key)
    seen.settle()
    after = seen.z()
    np.testing.assert_allclose(after, [before[0] + 0.6, before[1] - 0.1], atol=1e-5)
    np.testing.assert_allclose(seen.ink("#decoded"), decoded(model, after), atol=0.01)
    seen.page.wait_for_timeout(600)
    spoken = seen.page.locator("#live").text_content()
    numbers = [float(n.replace("−", "-")) for n in re.findall(r"[−\d.]*\d\.\d\d", spoken)[:2]]
    np.testing.assert_allclose(numbers, after, atol=0.0051)
    with torch.no_grad():
        log_p = model.prior().log_prob(torch.tensor(after)).item()
    assert f"ln p(z) = {log_p:.2f}".replace("-", "−")[:-1] in spoken


def test_sliders_are_the_planes_other_way_in(visit: Any) -> None:
    seen = visit("lab")
    z = seen.z()
    seen.page.focus("#z2")
    seen.page.keyboard.press("ArrowRight")
    seen.settle()
    assert seen.z()[1] == pytest.approx(z[1] + 0.01, abs=0.006)
    assert seen.page.locator("#z1").get_attribute("type") == "range"


def test_mode_and_samples_of_the_prior(visit: Any, explored: Path, pages: Path) -> None:
    seen = visit("lab")
    seen.page.focus("#field")
    seen.page.keyboard.press("Home")
    seen.settle()
    np.testing.assert_allclose(seen.z(), [0, 0], atol=0.05)  # of the standard Gaussian
    page = Page(pages / "lab.html")
    samples = np.frombuffer(page.blob(page.json("facts")["vae"]["models"][0]["samples"]), "<f4")
    seen.page.keyboard.press("s")
    seen.settle()
    limit = seen.page.evaluate("model().limit")
    np.testing.assert_allclose(seen.z(), np.clip(samples[:2], -limit, limit), atol=1e-6)
    model, _ = load_vae(explored / "lab" / "vae" / "standard")
    shown = seen.ink("#sample-rows .row:first-child canvas")
    np.testing.assert_allclose(shown, decoded(model, samples[:2].tolist()), atol=0.01)


def test_the_decoded_plane(visit: Any, explored: Path) -> None:
    seen = visit("lab")
    seen.page.click("#view-pictures")
    while seen.page.evaluate("latticeOf(model()).row < LATTICE"):
        seen.page.wait_for_timeout(20)
    side, limit = seen.page.evaluate("[LATTICE, model().limit]")
    middles = ((2 * np.arange(side) + 1) / side - 1) * limit
    model, _ = load_vae(explored / "lab" / "vae" / "standard")
    for column, row in ((0, 0), (side - 1, 3), (7, side - 1)):
        data, paper, pen = seen.page.evaluate(
            f"""(() => {{ const c = latticeOf(model()).canvas.getContext('2d');
            return [[...c.getImageData({8 * column}, {8 * row}, 8, 8).data],
                    colour('--field'), colour('--ink')]; }})()"""
        )
        shown = (np.array(data).reshape(-1, 4)[:, 0] - paper[0]) / (pen[0] - paper[0])
        z = [float(middles[column]), float(-middles[row])]
        np.testing.assert_allclose(shown, decoded(model, z), atol=0.01)
    seen.page.click("#classes button")
    seen.settle()
    assert seen.page.locator("#view-codes").get_attribute("aria-pressed") == "true"


def test_changing_the_prior_keeps_the_place(visit: Any, explored: Path) -> None:
    seen = visit("lab")
    share = np.array(seen.z()) / seen.page.evaluate("model().limit")
    seen.page.focus("#field")
    seen.page.keyboard.press("]")
    seen.settle()
    assert seen.page.evaluate("model().name") == "mixture"
    np.testing.assert_allclose(np.array(seen.z()) / seen.page.evaluate("model().limit"), share)
    model, _ = load_vae(explored / "lab" / "vae" / "mixture")
    np.testing.assert_allclose(seen.ink("#decoded"), decoded(model, seen.z()), atol=0.01)


def test_pins_and_the_walk_between_them(visit: Any, explored: Path) -> None:
    seen = visit("compare")
    box = seen.page.locator("#field").bounding_box()
    for share in (0.25, 0.75):
        seen.page.mouse.click(box["x"] + share * box["width"], box["y"] + 0.5 * box["height"])
    seen.settle()
    pins = seen.page.evaluate("state.pins")
    assert pins["a"][0] == pytest.approx(-pins["b"][0], rel=0.02)
    seen.set("#walk-t", 0.5)
    seen.settle()
    middle = [(a + b) / 2 for a, b in zip(pins["a"], pins["b"])]
    np.testing.assert_allclose(seen.z(), middle, atol=1e-6)
    model, _ = load_vae(explored / "compare" / "standard" / "0")
    shown = seen.ink("#walk-strip canvas:nth-child(6)")
    np.testing.assert_allclose(shown, decoded(model, middle), atol=0.01)


@pytest.mark.parametrize(("name", "folder"), [("lab", "lab/vae/standard"), ("deep", "deep")])
def test_drawing_is_encoded(name: str, folder: str, visit: Any, explored: Path) -> None:
    seen = visit(name)
    model, _ = load_vae(explored / folder)
    pad = seen.page.locator("#pad")
    pad.scroll_into_view_if_needed()
    box = pad.bounding_box()
    seen.page.mouse.move(box["x"] + 60, box["y"] + 50)
    seen.page.mouse.down()
    seen.page.mouse.move(box["x"] + 60, box["y"] + 250, steps=5)
    seen.page.mouse.up()
    seen.page.wait_for_timeout(150)
    seen.settle()
    x = np.array(list(seen.page.evaluate("[...drawing.x]")), np.float32)
    assert set(x.tolist()) == {0.0, 1.0}
    np.testing.assert_array_equal(seen.ink("#prepared").round(), x)
    with torch.no_grad():
        mean, log_std = model.encode(torch.tensor(x))
    code = seen.page.evaluate("[[...codeOf(model()).mean], [...codeOf(model()).logStd]]")
    np.testing.assert_allclose(code, [mean.tolist(), log_std.tolist()], atol=0.02)
    shown = seen.ink("#answers .answer canvas")
    np.testing.assert_allclose(shown, decoded(model, code[0]), atol=0.01)
    seen.page.click("#clear")
    seen.page.wait_for_timeout(150)
    assert seen.page.locator("#answers .answer").count() == 0


def test_drawings_are_prepared_as_mnist_was(visit: Any) -> None:
    """A bar of 60 x 150 pixels, wherever it is: 8 x 20 of 28 pixels, its mass in the middle. An L:
    its centre of mass, not its box, is in the middle."""
    seen = visit("deep")
    picture = seen.page.evaluate(
        """() => { const ink = new Float32Array(280 * 280);
        for (let y = 20; y < 170; y++) ink.fill(1, y * 280 + 200, y * 280 + 260);
        return [...prepare({ side: 280, ink }, { height: 28, width: 28 })]; }"""
    )
    bar = np.zeros((28, 28))
    bar[4:24, 10:18] = 1
    np.testing.assert_array_equal(np.reshape(picture, (28, 28)), bar)
    picture = seen.page.evaluate(
        """() => { const ink = new Float32Array(280 * 280);
        for (let y = 40; y < 240; y++) ink.fill(1, y * 280 + 60, y * 280 + (y < 210 ? 90 : 180));
        return [...prepare({ side: 280, ink }, { height: 28, width: 28 })]; }"""
    )
    rows, columns = np.nonzero(np.reshape(picture, (28, 28)))
    assert np.ptp(rows) + 1 in (20, 21)
    assert abs(rows.mean() - 13.5) < 0.5  # black and white after the shift
    assert abs(columns.mean() - 13.5) < 0.5
    assert abs((columns.min() + columns.max()) / 2 - 13.5) > 1
    empty = "prepare({ side: 4, ink: new Float32Array(16) }, { height: 28, width: 28 })"
    assert seen.page.evaluate(empty) is None


def test_pad_by_keyboard(visit: Any) -> None:
    seen = visit("lab")
    seen.page.focus("#pad")
    seen.page.keyboard.press("ArrowLeft")
    assert seen.page.locator("#pen").is_visible()
    for key in [" "] + ["ArrowDown"] * 6 + [" "]:
        seen.page.keyboard.press(key)
    seen.page.wait_for_timeout(150)
    assert seen.page.evaluate("drawing.x.reduce((a, b) => a + b)") > 3
    seen.page.keyboard.press("Delete")
    seen.page.wait_for_timeout(150)
    assert seen.page.evaluate("drawing.x") is None


def test_a_test_digit_on_the_pad(visit: Any, explored: Path) -> None:
    seen = visit("lab")
    seen.page.click("#test-digit")
    seen.settle()
    digits = genlab.data.splits(str(explored / "tiny.npz"))
    x = seen.page.evaluate("[...drawing.x]")
    assert any(torch.equal(d.flatten().bool(), torch.tensor(x).bool()) for d in digits.test)


@pytest.mark.parametrize("width", [320, 360, 768])
@pytest.mark.parametrize("name", ["lab", "compare", "deep"])
def test_narrow_screens_do_not_scroll_sideways(name: str, width: int, visit: Any) -> None:
    device = {**PHONE, "viewport": {"width": width, "height": 740}}
    seen = visit(name, **device)
    assert seen.page.evaluate("document.documentElement.scrollWidth") <= width
    seen.page.click("#language")
    seen.settle()
    assert seen.page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_finger_moves_z(visit: Any) -> None:
    seen = visit("lab", **PHONE)
    seen.page.locator("#field").scroll_into_view_if_needed()
    box = seen.page.locator("#field").bounding_box()
    seen.page.touchscreen.tap(box["x"] + 0.25 * box["width"], box["y"] + 0.5 * box["height"])
    seen.settle()
    limit = seen.page.evaluate("model().limit")
    np.testing.assert_allclose(seen.z(), [-limit / 2, 0], atol=limit / 50)


def test_both_languages_and_the_address(visit: Any) -> None:
    seen = visit("lab", "#prior=mixture&z=0.5,-1.25&lang=zh")
    assert seen.page.evaluate("document.documentElement.lang") == "zh-CN"
    assert seen.page.locator("h1").text_content() == "会画图的平面"
    assert seen.page.evaluate("model().name") == "mixture"
    np.testing.assert_allclose(seen.z(), [0.5, -1.25])
    seen.page.click("#language")
    seen.page.wait_for_timeout(500)
    assert seen.page.locator("h1").text_content() == "A plane that draws pictures"
    address = seen.page.evaluate("location.hash")
    assert "prior=mixture" in address
    assert "lang=en" in address
    seen.page.focus("#field")
    seen.page.keyboard.press("ArrowRight")
    seen.page.wait_for_timeout(500)
    assert "z=0.600%2C-1.250" in seen.page.evaluate("location.hash")
    assert seen.wrong == []


@pytest.mark.parametrize("address", ["#z=1,2,3", "#z=a,b", "#z=", "#prior=none&z=1e9,0", "#%00"])
def test_an_address_that_makes_no_sense(address: str, visit: Any) -> None:
    seen = visit("lab", address)
    assert seen.wrong == []
    assert max(map(abs, seen.z())) <= seen.page.evaluate("model().limit") + 1e-9


def test_every_canvas_has_a_name(visit: Any) -> None:
    seen = visit("lab")
    seen.page.click("#test-digit")
    for top in range(0, 8000, 700):
        seen.page.evaluate(f"scrollTo(0, {top})")
        seen.settle()
    unnamed = seen.page.evaluate(
        """[...document.querySelectorAll('canvas')].filter(c => c.clientWidth
        && !c.getAttribute('aria-label') && !c.parentElement.getAttribute('aria-label'))
        .map(c => c.outerHTML)"""
    )
    assert unnamed == []
    nameless = seen.page.evaluate(
        """[...document.querySelectorAll('button, input, select')].filter(c => c.clientWidth
        && !c.textContent && !c.getAttribute('aria-label') && !(c.labels && c.labels.length))
        .map(c => c.outerHTML)"""
    )
    assert nameless == []


def test_gan_slider_shows_the_epochs(visit: Any, explored: Path) -> None:
    from PIL import Image

    seen = visit("lab")
    for index, epoch in enumerate((1, 2)):
        seen.set("#epoch", index)
        seen.settle()
        data = seen.page.evaluate(
            """(() => { const c = document.querySelector('#dogs canvas:nth-child(3)');
            return [...c.getContext('2d').getImageData(0, 0, 64, 64).data]; })()"""
        )
        kept = explored / "lab" / "gan" / "samples" / f"epoch_{epoch:03d}" / "02.png"
        shown = np.array(data).reshape(64, 64, 4)[..., :3]
        np.testing.assert_allclose(shown, np.asarray(Image.open(kept)), atol=1)
    assert seen.page.locator("#epoch-value").text_content() == "2"


def test_digits_without_classes(visit: Any, explored: Path, pages: Path) -> None:
    arrays = dict(np.load(explored / "tiny.npz", allow_pickle=False))
    plain = {name: arrays[name] for name in ("train", "test")}
    np.savez(pages / "plain.npz", **plain)
    run, digits = explored / "lab" / "vae" / "standard", str(pages / "plain.npz")
    explore(run, pages / "plain.html", data=digits)
    seen = visit("plain", "#lang=en")
    assert seen.wrong == []
    assert seen.page.locator("#classes button").count() == 0
    assert seen.page.locator("#plane-words").text_content().startswith("The lines hold")
    assert "nearest test picture, 0.00 away" in seen.page.locator("#nearest-words").text_content()


def test_classes_are_shown_by_their_names(visit: Any, explored: Path, pages: Path) -> None:
    """Of 26 classes, too: a folder each, as a person sorts pictures."""
    from PIL import Image

    arrays = np.load(explored / "tiny.npz", allow_pickle=False)
    for split in ("train", "test"):
        for index, image in enumerate(arrays[split]):
            folder = pages / "named" / split / f"shape {chr(ord('a') + index % 26)}"
            folder.mkdir(parents=True, exist_ok=True)
            Image.fromarray(255 * image).save(folder / f"{index:03d}.png")
    source = str(pages / "named")
    train_vae(
        VaeConfig(data=source, hidden=(16,), epochs=1, importance=0, draws=1), pages / "named-run"
    )
    explore(pages / "named-run", pages / "named.html", data=source)
    seen = visit("named", "#lang=en")
    assert seen.wrong == []
    buttons = seen.page.locator("#classes button").all_text_contents()
    assert buttons[:2] == ["shape a", "shape b"]
    assert len(buttons) == 27
    assert "nearest test picture: shape " in seen.page.locator("#nearest-words").text_content()
    seen.page.locator("#classes button").nth(25).click()
    assert seen.wrong == []


def test_paper_is_white(visit: Any, explored: Path) -> None:
    seen = visit("lab", color_scheme="dark", viewport={"width": 1000, "height": 600})
    model, _ = load_vae(explored / "lab" / "vae" / "standard")
    paper = []
    for event in ("", "beforeprint", "afterprint"):
        seen.page.evaluate(f"dispatchEvent(new Event('{event}'))")
        if event != "beforeprint":
            seen.page.wait_for_timeout(200)  # on paper everything must be there at once
        np.testing.assert_allclose(seen.ink("#decoded"), decoded(model, seen.z()), atol=0.01)
        sample = seen.page.evaluate("samplesOf(model())[0]")
        shown = seen.ink("#sample-rows canvas")
        np.testing.assert_allclose(shown, decoded(model, sample), atol=0.01)
        paper.append(seen.page.evaluate("colour('--field')[0]"))
    assert paper[0] == paper[2] < 64
    assert paper[1] > 200
    assert seen.wrong == []


def test_a_damaged_page_says_no(pages: Path, tmp_path: Path, browser: Any) -> None:
    """A few of a decoder's numbers changed: the page sees that it is not torch's."""
    page = Page(pages / "lab.html")
    name = page.json("facts")["vae"]["models"][1]["decoder"]
    text = page.block(name)
    worse = text[:-2000] + "A" * 1996 + text[-4:]
    (tmp_path / "damaged.html").write_text(page.html.replace(text, worse), encoding="utf-8")
    seen = Visit(browser, tmp_path / "damaged.html")
    assert seen.page.locator("#verdict").text_content() == "✗ does not agree with PyTorch"
    assert seen.page.locator("#checks li.no").count() == 1
    seen.context.close()


def test_a_foreign_script_does_not_run(pages: Path, tmp_path: Path, browser: Any) -> None:
    html = (pages / "deep.html").read_text(encoding="utf-8")
    html = html.replace("</body>", "<script>window.foreign = 1</script></body>")
    (tmp_path / "foreign.html").write_text(html, encoding="utf-8")
    seen = Visit(browser, tmp_path / "foreign.html")
    assert seen.page.evaluate("window.foreign") is None
    assert any("script-src" in line for line in seen.wrong)
    seen.context.close()


def test_without_scripts_there_are_pictures_and_numbers(pages: Path, browser: Any) -> None:
    context = browser.new_context(**DESKTOP, java_script_enabled=False)
    page = context.new_page()
    page.goto((pages / "lab.html").as_uri())
    assert page.locator(".still img").count() >= 6
    assert page.locator(".still table tr").count() == 3
    assert not page.locator("#main").is_visible()
    assert not page.locator("#verdict").is_visible()
    context.close()


def test_vaes_that_are_not_decoded_are_shown_by_pictures(
    visit: Any, pages: Path, pictured: Path
) -> None:
    """A sample and a picture of the walk on their canvases, and the numbers in their table."""
    explore(pictured / "compare", pages / "pictures.html", "en")
    for device in (DESKTOP, PHONE):
        seen = visit("pictures", **device)
        for prior, row in (("standard", 1), ("mixture", 2)):
            path = pictured / "compare" / prior / "0"
            samples = decoded_draws(path, 21, 0).permute(0, 2, 3, 1).numpy()
            canvas = f"#prior-rows > :nth-child({row + 1}) canvas"
            np.testing.assert_array_equal(pixels(seen, canvas), samples[0])
            seen.set("#walk-place", 13)
            frames = walk(path, 6, 0, 12).permute(0, 2, 3, 1).numpy()
            np.testing.assert_array_equal(
                pixels(seen, f"#frames > :nth-child({row}) canvas"), frames[13]
            )
            seen.page.click("#other-samples")
            np.testing.assert_array_equal(pixels(seen, canvas), samples[20])
            seen.page.click("#other-samples")
        assert seen.page.locator("#walk-place-value").text_content() == "samples 2 → 3"
        said = seen.page.locator("#prior-rows").text_content()
        assert "gap closed\u00a025 %" in said
        assert "above the limit by\u00a030.0\u00a0±\u00a01.5" in said
        assert seen.page.locator("#table tbody tr").count() > 5
        assert seen.page.locator("#verdict").is_hidden()
        wide = seen.page.evaluate("document.documentElement.scrollWidth > innerWidth")
        assert not wide
        seen.page.click("#language")
        seen.settle()
        assert "缩小的差距" in seen.page.locator("#prior-rows").text_content()
        assert seen.wrong == []


def pixels(seen: Visit, selector: str) -> np.ndarray:
    """The pixels of a canvas, with shape `(H, W, 3)`."""
    size, data = seen.page.evaluate(
        """s => { const c = document.querySelector(s);
        return [[c.height, c.width],
                [...c.getContext('2d').getImageData(0, 0, c.width, c.height).data]]; }""",
        selector,
    )
    return np.array(data, np.uint8).reshape(*size, 4)[:, :, :3]
