"""Runs to make pages of, and a page taken apart, for the tests of the explorer."""

import base64
import json

from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

from cases.fid import DOGS, distance, gan_measurement
from cases.small_data import make_pictures, make_tiny_digits
from cases.vae import few_draws

import genlab.data

from genlab.common import atomic
from genlab.common.quantities import Measured
from genlab.common.typed_json import to_json
from genlab.configs.compare import CompareConfig
from genlab.configs.gan import scratch
from genlab.configs.lab import LabConfig
from genlab.configs.vae import VaeConfig
from genlab.data.image_set import load_images
from genlab.fid.prior_pictures import RESULTS as PICTURES
from genlab.fid.prior_pictures import PriorPictures
from genlab.fid.results import Different, Measurement
from genlab.gan.training.train import train_gan
from genlab.runs.run import open_run
from genlab.vae.compare import compare
from genlab.vae.train import train_vae

LABEL = "FD (EfficientNet-Lite0)"
DISTANCES = gan_measurement({1: 120.0, 2: 81.5}, {1: 0.1, 2: 0.25}, LABEL, 43.6, error=3.5)


def measurement(value: float) -> Measurement:
    return Measurement(
        distances=[distance(LABEL, value)], n_real=54, n_fake=100,
        different=Different(real=54, fake=100), size=16, real=DOGS, fake=DOGS,
    )


MEASURED = PriorPictures(
    n=100, limit=measurement(60.0), gan=measurement(75.0),
    priors={
        "standard": measurement(100.0), "mixture": measurement(90.0),
        "diffusion": measurement(80.0),
    },
    guided={"diffusion": measurement(70.0)},
    lost={
        "standard": {LABEL: Measured(40.0, 2.0)}, "mixture": {LABEL: Measured(30.0, 1.5)},
        "diffusion": {LABEL: Measured(20.0, 1.4)},
        "diffusion, guided": {LABEL: Measured(10.0, 1.3)},
    },
    closed={
        "mixture": {LABEL: 0.25}, "diffusion": {LABEL: 0.5}, "diffusion, guided": {LABEL: 0.75},
    },
)
"""Distances under the priors of `compare` of `make_pictured`."""


def make_explored(root: Path) -> Path:
    """Trains `lab` (two VAEs and a GAN), `compare` (post hoc) and `deep` (D = 5) in a folder."""
    digits = str(make_tiny_digits(root / "tiny.npz"))
    dogs = str(make_pictures(root / "dogs"))
    base = VaeConfig(data=digits, hidden=(24, 20), epochs=4, batch=40, draws=2, importance=0)
    identities = {
        "digits": genlab.data.splits(digits).identity, "images": load_images(dogs, 64).identity,
    }  # fmt: skip
    lab = root / "lab"
    open_run(lab, "lab", LabConfig(mnist=digits, dogs=dogs, lang="en"), identities)
    train_vae(base, lab / "vae" / "standard")
    gated = replace(base, prior="mixture", prior_options=base.prior_options, gated=True)
    train_vae(gated, lab / "vae" / "mixture")
    gan = replace(
        scratch(dogs), batch=8, epochs=2, latent=8, snapshots=(1, 2), images=20, measure_every=0,
        design_options={"width": 1, "discriminator_width": 1, "r1_every": 2},
    )
    train_gan(gan, lab / "gan")
    atomic.write_json(lab / "gan" / "fid.json", to_json(DISTANCES))
    compare(
        CompareConfig(
            priors=("mixture", "spline"), post_hoc=True, data=digits, hidden=(24, 20), epochs=4,
            refit_epochs=2, batch=40, importance=0, components=5,
        ),
        root / "compare",
    )
    train_vae(replace(base, latent=5, fourier=0.0), root / "deep")
    return root


def make_pictured(root: Path) -> Path:
    """Trains VAEs that no page can decode, in a folder.

    `compare` is post hoc, of images in colour, with distances; `plane` of grey ones, D = 2.
    """
    config = CompareConfig(
        priors=("mixture", "diffusion"), post_hoc=True, data="toydogs:60", size=16,
        likelihood="gaussian", net="conv", latent="4x4x2", width=4, epochs=1, refit_epochs=1,
        batch=30, importance=0, components=2, pictures=10, guidance=0.5,
    )
    with few_draws():
        compare(config, root / "compare")
    atomic.write_json(root / "compare" / PICTURES, to_json(MEASURED))
    digits = str(make_tiny_digits(root / "tiny.npz"))
    train_vae(
        VaeConfig(data=digits, net="conv", width=4, epochs=1, batch=60, draws=2, importance=0),
        root / "plane",
    )
    return root


class Page(HTMLParser):
    """A page in its parts, as a browser would see them."""

    def __init__(self, path: Path) -> None:
        super().__init__(convert_charrefs=True)
        self.html = path.read_text(encoding="utf-8")
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self._open = False
        self.feed(self.html)
        self.scripts = self._inline("script", lambda kind: kind is None)
        self.styles = self._inline("style", lambda _: True)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.texts.append("")

    def handle_data(self, data: str) -> None:
        if self.texts:
            self.texts[-1] += data

    def handle_endtag(self, tag: str) -> None:
        self.tags.append((f"/{tag}", {}))
        self.texts.append("")

    def _inline(self, tag, wanted) -> list[str]:  # noqa: ANN001
        pairs = zip(self.tags, self.texts)
        return [text for (t, a), text in pairs if t == tag and wanted(a.get("type"))]

    def block(self, name: str) -> str:
        """The text of the script block with that id."""
        (text,) = [x for (t, a), x in zip(self.tags, self.texts) if a.get("id") == name]
        return text

    def json(self, name: str) -> dict:
        return json.loads(self.block(name))

    def blob(self, name: str) -> bytes:
        return base64.b64decode(self.block(name))

    @property
    def policy(self) -> str:
        (content,) = [
            a["content"] for t, a in self.tags
            if t == "meta" and a.get("http-equiv") == "Content-Security-Policy"
        ]
        assert content is not None
        return content
