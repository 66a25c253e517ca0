"""A finished lab run in small, for tests of what is made from one."""

import json
import zlib

from dataclasses import asdict, replace
from pathlib import Path
from shutil import copyfile
from typing import Any

import numpy as np

from cases import fid
from PIL import Image
from safetensors.numpy import save

from genlab.common.quantities import Measured
from genlab.common.typed_json import to_json
from genlab.configs.compare import cells
from genlab.configs.gan import RECIPES
from genlab.configs.lab import DOGS_VAE, LabConfig, dogs_vae_config
from genlab.configs.vae import VaeConfig
from genlab.data.identity import Identity, ImageCounts
from genlab.fid.prior_pictures import PriorPictures
from genlab.fid.results import Measurement
from genlab.gan.build import build_design
from genlab.gan.results import Event, GanResults
from genlab.lab.report.numbers.facts import GAN_FILES, PREPARATION, VAE_FIGURES
from genlab.lab.report.text.text import write_markdown
from genlab.runs.run import Run
from genlab.runs.seal import DONE, seal
from genlab.vae.load import MEASURES
from genlab.vae.results import ComparedPrior, Comparison, MeanOverSeeds, Moments, VaeResults


def identity(name: str, source: str, shape: tuple[int, ...], stand_in: bool) -> dict[str, Any]:
    return {
        "name": name, "source": source, "count": 5000, "shape": list(shape), "sha256": "ab" * 32,
        "licence": "CC0", "stand_in": stand_in,
    }


def vae_results(prior: str, re_: float, ce: float, entropy: float, kl: float) -> VaeResults:
    errors = {"re": 0.3, "omega": 0.02, "cross_entropy": 0.011, "conditional_entropy": 0.012,
              "elbo": 0.31, "marginal_kl": 0.013, "prior_gap": 0.012, "mutual_information": 0.02,
              "nll_exact": 0.3, "nll_is": 0.3, "inference_gap": 0.05}
    values = {"re": re_, "omega": entropy - ce + 0.0004, "cross_entropy": ce,
              "conditional_entropy": entropy, "elbo": re_ + entropy - ce + 0.0004,
              "marginal_kl": kl, "prior_gap": kl - 0.1,
              "mutual_information": ce - entropy - kl - 0.0004,
              "nll_exact": -re_ + 1.2, "nll_is": -re_ + 1.3, "inference_gap": 5.1}
    measured = {key: Measured(value, errors[key], "nats") for key, value in values.items()}
    digits = identity("MNIST, 5,000 digits (embedded)", "mnist-5k", (28, 28), True)
    counts = ImageCounts(
        train=4000, train_different=4000, test=1000, test_different=1000, test_in_train=0
    )
    return VaeResults(
        **measured, prior=prior, latent=2, prior_options={}, epochs=7, train_images=4000,
        test_images=1000, seconds=61.4, parameters=1_333_012,
        identity_gap=0.0004, identity_tolerance=0.0021, identity_holds=True,
        mutual_information_cap=6.9, mutual_information_saturated=False, active_units=2,
        nll_exact_error=0.00004, diagnostics={}, data=Identity(**digits), likelihood="bernoulli",
        likelihood_options={}, domain="binary images", density=False, nll_exact_rounding=1e-5,
        aggregated=Moments(mean=[ce / 10, -kl], covariance=[[ce, -kl / 2], [-kl / 2, 1 + kl]]),
        unused_dimensions=0, mean_image=-206.6, images=counts,
    )


def image_values(results: VaeResults) -> dict[str, np.ndarray]:
    """Values of 1,000 images with the means and errors of the results; common to all, half."""
    common, own = np.random.default_rng(0), np.random.default_rng(len(results.prior))
    values = {}
    for name in ("elbo", "nll_exact", "marginal_kl"):
        noise = (common.standard_normal(1000) + own.standard_normal(1000)) / 2**0.5
        one = getattr(results, name)
        values[name] = one.value + one.error * 1000**0.5 * noise
    return values


VAES = {
    "standard": vae_results("standard", -140.0, 3.9, -0.9, 0.62),
    "mixture": vae_results("mixture", -139.8, 3.7, -0.8, 0.35),
    "vamp": vae_results("vamp", -137.0, 5.1, 0.7, 0.11),
}
FD = "FD (EfficientNet-Lite0)"


def distance(label: str, value: float) -> dict[str, Any]:
    return to_json(fid.distance(label, value))


def fid_record() -> dict[str, Any]:
    values = {10: 190.34, 30: 120.05, 50: 104.21}
    shares = {10: 0.71, 30: 0.91, 50: 0.9433}
    return to_json(fid.gan_measurement(values, shares, FD))


DOGS_DISTANCES = {"standard": 212.4, "mixture": 171.8, "vamp": 163.1}
"""Of the images under each prior; decoded codes have 121.5, the GAN 104.2."""


def dogs_vae_results(prior: str, number: int) -> VaeResults:
    """The results of one VAE of the dogs under a prior: only what depends on the prior differs."""
    nats = {"omega": -412.7 + 61.3 * number, "prior_gap": 393.2 - 61.2 * number}
    nats |= {"elbo": 8412.6 + nats["omega"], "cross_entropy": 208.9 - 61.3 * number}
    values = {key: Measured(value, 7.31, "nats") for key, value in nats.items()}
    dogs = identity("toy dogs (drawn)", "toydogs:256", (3, 64, 64), True)
    counts = ImageCounts(
        train=230, train_different=230, test=26, test_different=26, test_in_train=0
    )
    return replace(
        VAES[prior], **values, latent=128, epochs=31, train_images=230, test_images=26,
        conditional_entropy=Measured(-203.8, 3.3, "nats"), data=Identity(**dogs), images=counts,
        re=Measured(8412.6, 91.2, "nats"), likelihood="gaussian", density=True,
        domain="grey values",
        mutual_information_saturated=True, mutual_information=Measured(5.4, 0.1, "nats"),
        nll_exact=None, nll_is=None, inference_gap=None, aggregated=None, mean_image=1000.0,
    )


def pictures_record() -> PriorPictures:
    """What is measured of the images under each prior."""

    def measured(value: float, p: float = 0.31) -> Measurement:
        one = fid.distance(FD, value)
        assert one.copies is not None
        one = replace(one, copies=replace(one.copies, p=p, reference="held-out"), null=None)
        return Measurement(
            distances=[one], n_real=230, n_fake=300, different=fid.Different(real=230, fake=300),
            size=64, real=fid.DOGS, fake=fid.DOGS, seed=0,
        )

    found, limit = DOGS_DISTANCES, 121.5
    gap = found["standard"] - limit
    return PriorPictures(
        n=300, limit=measured(limit, 2.4e-7), gan=measured(104.2),
        priors={prior: measured(value) for prior, value in found.items()},
        lost={prior: {FD: Measured(value - limit, 2.2)} for prior, value in found.items()},
        closed={prior: {FD: (found["standard"] - value) / gap}
                for prior, value in found.items() if prior != "standard"},
    )


def make_dogs_vae(out: Path, lab: LabConfig, session: dict[str, Any]) -> None:
    """The further part of a lab in small, in the run's folder `dogs-vae`."""
    dogs = identity("toy dogs (drawn)", "toydogs:256", (3, 64, 64), True)
    config = dogs_vae_config(lab, "toydogs:256", RECIPES["projected"]("toydogs:256", size=64))
    folder, env = out / DOGS_VAE, {"data": {"images": dogs}, "sessions": [session]}
    found = {p: dogs_vae_results(p, number) for number, p in enumerate(config.priors)}
    for row, cell in cells(config).items():
        run = folder / row
        write(run / "config.json", {"kind": "vae", "config": asdict(cell)})
        write(run / "env.json", env)
        write(run / "results.json", to_json(found[cell.prior]))
        (run / "model.safetensors").write_bytes(b"dogs under " + cell.prior.encode())
        (run / MEASURES).write_bytes(save({"elbo": np.zeros(26)}))
        seal(run)
    rows = {
        prior: ComparedPrior(
            quantities={"elbo": MeanOverSeeds(one.elbo.value, 7.31, "nats")}, parameters=1000,
            differences={} if prior == "standard" else {
                "elbo": MeanOverSeeds(one.elbo.value - found["standard"].elbo.value, 3.1, "nats")
            },
            seconds=one.seconds, identity_holds=True,
        )
        for prior, one in found.items()
    }
    write(folder / "config.json", {"kind": "compare", "config": asdict(config)})
    write(folder / "env.json", env)
    write(folder / "results.json", to_json(Comparison(
        priors=rows, seeds=1, post_hoc=True, latent=128, test_images=26, data=Identity(**dogs),
        likelihood="gaussian", domain="grey values",
    )))
    seal(folder)
    write(folder / "pictures.json", to_json(pictures_record()))
    picture(folder / "pictures.png", 1000, 600)


def write(path: Path, value: Any) -> None:
    """Writes a record; a finished run is sealed again."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value), encoding="utf-8")
    if (path.parent / DONE).exists():
        seal(path.parent)


def picture(path: Path, width: int = 24, height: int = 12) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    colour = zlib.crc32(path.name.encode() + path.parent.parent.name.encode()).to_bytes(4)[:3]
    Image.new("RGB", (width, height), tuple(colour)).save(path)  # equal ones are one in Word


def make_lab_run(out: Path, recipe: str = "projected", **options: Any) -> Path:
    """A finished lab run in small: the records of a real one, with pictures of a few pixels.

    With `extra=("dogs-vae",)` among the options it has the further part as well.
    """
    session = {
        "started": "2024-01-15T10:00:00+0800", "command": "genlab lab --preset quick",
        "genlab": "0.1.0", "python": "3.11.7", "torch": "2.13.0", "numpy": "2.4.6",
        "system": "Linux x86_64", "processor": "Some CPU_1", "capability": "AVX2", "cores": 2,
        "threads": 2,
    }
    digits = identity("MNIST, 5,000 digits (embedded)", "mnist-5k", (28, 28), True)
    dogs = identity("toy dogs (drawn)", "toydogs:256", (3, 64, 64), True)
    lab = LabConfig(**options)
    if lab.crop not in (None, "centre"):
        dogs |= {"crop": lab.crop, "without_square": 1217}
    write(out / "config.json", {"kind": "lab", "config": asdict(lab)})
    write(out / "env.json", {"data": {"digits": digits, "images": dogs}, "sessions": [session]})
    for prior, results in VAES.items():
        folder = out / "vae" / prior
        options = {} if prior == "standard" else {"components": 32}
        config = VaeConfig(prior=prior, prior_options=options, data="mnist-5k", epochs=7)
        write(folder / "config.json", {"kind": "vae", "config": asdict(config)})
        write(folder / "env.json", {"data": {"images": digits}, "sessions": [session]})
        write(folder / "results.json", to_json(results))
        (folder / "model.safetensors").write_bytes(b"weights of " + prior.encode())
        (folder / MEASURES).write_bytes(save(image_values(results)))
        for name in VAE_FIGURES:
            picture(folder / "figures" / f"{name}.png")
    picture(out / "vae" / "priors.png", 3000, 900)
    gan = out / "gan"
    config = replace(RECIPES[recipe]("toydogs:256"), crop=lab.crop or "centre")
    if config.crop != "centre":
        picture(gan / PREPARATION)
    design = build_design(config)
    write(gan / "config.json", {"kind": "gan", "config": asdict(config)})
    write(gan / "env.json", {"data": {"images": dogs}, "sessions": [session]})
    write(gan / "results.json", to_json(GanResults(
        design=config.design, betas=list(design.betas), design_numbers=design.numbers(64),
        pretrained=design.pretrained, size=64, epochs=50, images=256, held_out=0, batch=16,
        seconds=431.2, images_per_second=29.7, parameters_generator=2_010_035,
        parameters_discriminator=512_004, snapshots=[10, 30, 50], classes=None, best_epoch=None,
        measured_with=[], memorisation=None, events=[
            Event(kind="little variety", step=800, words="few", epoch=50, variety=0.27),
        ], data=Identity(**dogs),
    )))
    write(gan / "fid.json", fid_record())
    (gan / "generator.safetensors").write_bytes(b"generator")
    for name in GAN_FILES:
        if name.endswith(".png"):
            picture(gan / name)
    picture(gan / "generated" / "000.png")
    for index in range(1, 300):
        copyfile(gan / "generated" / "000.png", gan / "generated" / f"{index:03d}.png")
    for epoch in (10, 30, 50):
        picture(gan / "samples" / f"epoch_{epoch:03d}.png")
        for index in range(10):
            picture(gan / "samples" / f"epoch_{epoch:03d}" / f"{index:02d}.png")
    for run in (*(out / "vae" / prior for prior in VAES), gan):
        seal(run)
    if DOGS_VAE in lab.extra:
        make_dogs_vae(out, lab, session)
    return out


def value_at(run: Path, place: str) -> Any:
    """The value of a record at FILE#POINTER, a JSON pointer."""
    file, _, pointer = place.partition("#")
    value = json.loads((run / file).read_text(encoding="utf-8"))
    for token in pointer.split("/")[1:]:
        token = token.replace("~1", "/").replace("~0", "~")
        value = value[int(token)] if isinstance(value, list) else value[token]
    return value


def change_record(run: Path, file: str, **values: Any) -> str:
    """Changes a record of a copy of the run's numbers and returns the Chinese report."""
    record = json.loads((run / file).read_text(encoding="utf-8"))
    write(run / file, record | values)
    return plain_spaces(write_markdown(Run(run), "zh"))


def plain_spaces(text: str) -> str:
    """The text with ordinary spaces for those at which no line may break."""
    return text.replace("\N{NO-BREAK SPACE}", " ")
