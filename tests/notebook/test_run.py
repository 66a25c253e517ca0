"""`genlab.Run`: what it opens, what it shows, what it refuses, and what it does not load."""

import base64
import io
import json
import re
import shutil
import subprocess
import sys

from dataclasses import fields, replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
import torch

from cases.fid import DOGS, distance, gan_measurement
from cases.small_data import make_tiny_digits
from PIL import Image

import genlab

from genlab.common.errors import InputError
from genlab.common.quantities import QUANTITIES, Measured
from genlab.common.typed_json import to_json
from genlab.configs.vae import VaeConfig
from genlab.fid.generated import of_run
from genlab.fid.results import Distance, FidResults, Measurement
from genlab.figures.draw import draw_vae
from genlab.gan.results import GanResults
from genlab.notebook.sheet import sheet_of
from genlab.notebook.tables import tables_of
from genlab.runs.seal import seal
from genlab.vae.load import load_vae
from genlab.vae.results import ComparedPrior, Comparison, MeanOverSeeds
from genlab.vae.train import train_vae


@pytest.fixture(scope="module")
def vae(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shown")
    digits = make_tiny_digits(folder / "digits.npz")
    config = VaeConfig(data=str(digits), hidden=(8,), epochs=1, importance=0)
    train_vae(config, folder / "run")
    draw_vae(folder / "run")
    return folder / "run"


def record(folder: Path, kind: str, results: object, config: object = None) -> Path:
    """A run directory without networks."""
    folder.mkdir(parents=True, exist_ok=True)
    if kind != "fid":
        text = json.dumps({"kind": kind, "config": config or {}})
        (folder / "config.json").write_text(text)
        (folder / "env.json").write_text("{}")
    (folder / "results.json").write_text(json.dumps(results))
    if kind != "fid":
        seal(folder)
    return folder


DISTANCE = distance("FD (net)", 57.2461, 1.3, floor=4.5)
GAN_FID = replace(
    gan_measurement({3: 57.2461}, {3: 0.9}, "FD (net)", 4.5, 1.3), verdict="farther than the floor"
)
GAN_RESULTS = GanResults(
    design="scratch", design_numbers={}, betas=[0.0, 0.99], size=64, epochs=3, images=20,
    held_out=0, batch=8, seconds=2.0, images_per_second=30.0, parameters_generator=5,
    parameters_discriminator=6, snapshots=[3], pretrained=None, classes=None, best_epoch=None,
    measured_with=[], memorisation=None, events=[], data=DOGS,
)
ONE = Measurement(**{f.name: getattr(GAN_FID, f.name) for f in fields(Measurement)})
FID = FidResults(generators=[ONE], verdict=ONE.verdict)


class Tags(HTMLParser):
    """Collects the tags, and checks that they close in order."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.open: list[str] = []
        self.sources: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.sources += [value or "" for name, value in attrs if name == "src"]
        if tag not in ("br", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def parsed(text: str) -> Tags:
    parser = Tags()
    parser.feed(text)
    assert parser.open == []
    return parser


# What it is


def test_it_is_loaded_only_when_asked_for_and_never_loads_torch() -> None:
    program = (
        "import sys, genlab; heavy = {'torch', 'numpy', 'PIL', 'matplotlib'}; "
        "assert not heavy & set(sys.modules); assert 'Run' in dir(genlab); genlab.Run; "
        "assert 'torch' not in sys.modules; from genlab import Run; assert Run is genlab.Run"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    with pytest.raises(AttributeError, match="no attribute 'Walk'"):
        genlab.Walk  # noqa: B018


def test_showing_a_run_loads_no_network(vae: Path) -> None:
    program = (
        "import sys, genlab; run = genlab.Run(sys.argv[1]); run._repr_html_(); repr(run); "
        "run.figures; run.metrics(); assert 'torch' not in sys.modules"
    )
    run = subprocess.run([sys.executable, "-c", program, str(vae)], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr


def test_a_vae_has_what_its_files_have(vae: Path) -> None:
    run = genlab.Run(str(vae))
    assert (run.path, run.kind, run.done) == (vae, "vae", True)
    assert run.config == json.loads((vae / "config.json").read_text())["config"]
    assert to_json(run.results) == json.loads((vae / "results.json").read_text())
    assert [m["epoch"] for m in run.metrics()] == [1]
    assert run.figures["figures/manifold"] == vae / "figures" / "manifold.png"
    assert run.runs == {}
    assert re.fullmatch(r"−\d+\.\d+ ± 0\.\d\d nats", str(run.results.elbo))
    line = f"vae, prior standard, ELBO {run.results.elbo}"
    assert repr(run) == f"genlab.Run({str(vae)!r}): {line}"


def test_samples_of_a_vae_are_decoded_draws_the_same_however_many(vae: Path) -> None:
    run = genlab.Run(vae)
    many = run.sample(230, seed=1)
    assert (many.shape, many.dtype) == ((230, 3, 8, 8), torch.uint8)
    for n in (1, 7, 100, 101):
        assert torch.equal(run.sample(n, seed=1), many[:n])
    assert not torch.equal(run.sample(7, seed=2), many[:7])
    assert not torch.equal(many[:100], many[100:200])
    # The law: mean grey values as of independent draws z ~ N(0, I)
    model, _ = load_vae(vae)
    z = torch.randn(20_000, 2, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        exact = (255 * model.decoder(z).sigmoid()).view(-1, 8, 8)
    error = exact.std(0) / 230**0.5 + 0.5 / 12**0.5
    assert ((many.float().mean(0) - exact.mean(0)).abs() < 5 * error).all()  # all channels
    assert of_run(vae, 12, 1).read(3).equal(many[3])


# What it shows


def test_a_page_has_the_numbers_with_their_errors_and_bounded_pictures(vae: Path) -> None:
    text = genlab.Run(vae)._repr_html_()
    for key, value in genlab.Run(vae).results.measured().items():
        assert f">{QUANTITIES[key].label()}</td>" in text
        assert f">{value}</td>" in text
    tags = parsed(text)
    assert tags.tags.count("img") == 6
    assert "script" not in tags.tags
    assert len(text) < 600_000
    for source in tags.sources:
        kind, data = source.split(",")
        assert kind == "data:image/jpeg;base64"
        with Image.open(io.BytesIO(base64.b64decode(data))) as image:
            assert max(image.size) <= 420


def test_whatever_comes_from_files_is_escaped(tmp_path: Path) -> None:
    evil = "<script>alert('1')</script>"
    marked = replace(DISTANCE, extractor=replace(DISTANCE.extractor, label=evil))
    one = replace(ONE, real=replace(DOGS, name=evil), verdict=evil, distances=[marked])
    fid = to_json(FidResults(generators=[one], verdict=evil))
    folder = record(tmp_path / "<b>'\"", "fid", fid)
    Image.new("RGB", (3000, 10)).save(folder / "\"><img src=x onerror='1'>.png")
    (folder / "broken.png").write_bytes(b"no picture")
    text = genlab.Run(folder)._repr_html_()
    tags = parsed(text)
    assert "script" not in tags.tags
    assert "b" in tags.tags
    assert tags.tags.count("b") == 1  # ours
    assert tags.tags.count("img") == 1
    assert all(source.startswith("data:image/jpeg;base64,") for source in tags.sources)
    assert "broken" in text  # named, not shown


def test_a_measurement_has_no_config_and_shows_its_distances(tmp_path: Path) -> None:
    run = genlab.Run(record(tmp_path / "fid", "fid", to_json(FID)))
    assert run.results == FID
    assert (run.kind, run.config, run.done, run.metrics()) == ("fid", {}, True, [])
    assert repr(run).endswith("fid, farther than the floor")
    (table,) = tables_of("fid", run.results)
    assert table.head == ("", "FD (net)")
    assert table.rows == [
        ("Fréchet distance", "57.2 ± 1.3"), ("floor (sets permuted)", "4.5"),
        ("KID", "0.0112 ± 0.0011"), ("precision", "0.7700"), ("recall", "0.3100"),
        ("coverage", "0.4200"), ("coverage (same distribution)", "0.6000"),
    ]
    assert len(tables_of("fid", replace(FID, generators=[ONE, ONE]))) == 2
    alone = Distance(extractor=DISTANCE.extractor, distance=Measured(3.25))  # from statistics
    (table,) = tables_of("fid", replace(FID, generators=[replace(ONE, distances=[alone])]))
    assert table.rows == [("Fréchet distance", "3.250")]


def test_a_gan_shows_the_distances_taken_of_it(tmp_path: Path) -> None:
    results = to_json(GAN_RESULTS)
    folder = record(tmp_path / "gan", "gan", results)
    assert repr(genlab.Run(folder)).endswith("gan, 3 epochs of 20 images")
    (folder / "fid.json").write_text(json.dumps(to_json(GAN_FID)))
    run = genlab.Run(folder)
    assert (run.results, run.distances) == (GAN_RESULTS, GAN_FID)
    assert repr(run).endswith("gan, 3 epochs of 20 images, FD (net) 57.2 ± 1.3")
    assert "0.0112 ± 0.0011" in run._repr_html_()


def test_a_comparison_and_a_lab_have_runs_inside(tmp_path: Path, vae: Path) -> None:
    single = genlab.Run(vae).results
    row = ComparedPrior(
        quantities={"elbo": MeanOverSeeds(-132.8151, 0.4986)}, differences={}, parameters=1,
        seconds=1.0, identity_holds=True,
    )
    better = replace(
        row, quantities={"elbo": MeanOverSeeds(-131.0, 0.5, seeds_error=0.2)},
        differences={"elbo": MeanOverSeeds(1.8151, 0.0226, seeds_error=0.31)},
    )
    found = Comparison(
        priors={"standard": row, "vamp": better}, seeds=2, post_hoc=False, latent=2,
        test_images=60, data=single.data, likelihood="bernoulli",
        domain="binary images",
    )
    folder = record(tmp_path / "cmp", "compare", to_json(found))
    shutil.copytree(vae, folder / "standard" / "0")
    run = genlab.Run(folder)
    assert list(run.runs) == ["standard/0"]
    assert run.runs["standard/0"].sample(2).shape == (2, 3, 8, 8)
    first, second = tables_of("compare", run.results)
    assert first.rows == [("standard", "−132.82 ± 0.50"), ("vamp", "−131.00 ± 0.20")]
    assert second.rows == [("vamp", "+1.815 ± 0.023 (over seeds ± 0.31)")]
    parsed(run._repr_html_())
    with pytest.raises(InputError, match="standard/0"):
        run.sample(1)
    one = replace(single, elbo=Measured(-1.0, 0.1, "nats"))
    lab = {"vae": {"vamp": to_json(one)}, "gan": to_json(GAN_RESULTS), "fid": to_json(GAN_FID)}
    run = genlab.Run(record(tmp_path / "lab", "lab", lab))
    text = run._repr_html_()
    assert all(words in text for words in ("−1.00 ± 0.10", "57.2 ± 1.3", single.data.name))


def test_a_run_on_its_way_shows_how_far_it_is(vae: Path, tmp_path: Path) -> None:
    shutil.copytree(vae, tmp_path / "run")
    for name in ("DONE", "results.json"):
        (tmp_path / "run" / name).unlink()
    run = genlab.Run(tmp_path / "run")
    assert run.results is None
    assert repr(run).endswith("vae, not finished")
    bound = run.metrics()[-1]["bound"]
    assert f"bound {bound:.5g}" in run._repr_html_()


def test_a_damaged_run_is_shown_as_such(vae: Path, tmp_path: Path) -> None:
    shutil.copytree(vae, tmp_path / "run")
    (tmp_path / "run" / "results.json").write_text("{")
    run = genlab.Run(tmp_path / "run")
    assert "vae, damaged" in repr(run)
    assert "results.json: changed since the run wrote it" in run._repr_html_()
    with pytest.raises(InputError, match=r"results\.json"):
        run.results  # noqa: B018


def test_what_is_no_run_is_refused(tmp_path: Path, vae: Path) -> None:
    with pytest.raises(InputError, match="no such folder"):
        genlab.Run(tmp_path / "nothing")
    with pytest.raises(InputError, match=r"config\.json"):
        genlab.Run(tmp_path)
    with pytest.raises(InputError, match="are a GAN's"):
        genlab.Run(vae).sample(1, truncation=0.5)
    with pytest.raises(InputError, match="`n` must be a whole number, not 2.5"):
        genlab.Run(vae).sample(2.5)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="`n` must be at least 1, not 0"):
        genlab.Run(vae).sample(0)


# Its parts


def test_a_sheet_of_digits_is_dark_on_white_and_of_others_as_they_are() -> None:
    digits = torch.zeros(2, 4, 4, dtype=torch.uint8)
    digits[0, 1, 1], digits[1, 0, 0] = 100, 16
    picture = sheet_of(digits)
    assert picture.getpixel((2, 2)) == (255, 255, 255)
    assert picture.getpixel((3, 3)) == (155, 155, 155)
    assert picture.getpixel((8, 2)) == (239, 239, 239)  # the second digit's first pixel is 16
    light = digits + 90
    assert sheet_of(light).getpixel((2, 2)) == (90, 90, 90)
    assert sheet_of(light).getpixel((3, 3)) == (190, 190, 190)
    colours = torch.zeros(1, 3, 4, 4, dtype=torch.uint8)
    colours[0, 1] = 200
    assert sheet_of(colours).getpixel((3, 3)) == (0, 200, 0)
    assert picture.mode == "RGB"
