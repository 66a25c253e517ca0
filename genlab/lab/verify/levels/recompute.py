"""Level 3: the models are rebuilt and what they give is compared with the records.

    ELBO       of the first 1,000 test digits, each with the noise of the original measurement:
               neither it nor one of its two terms may be more than 0.05 nats off; and every
               result that follows from the recorded values of all digits (means, their standard
               errors, the identity's gap) must be what they give
    images     all generated images, and the ten of the last snapshot, drawn again from the
               recorded seed: no pixel more than 2 of 255 levels off
    distances  Fréchet distances of the generated images in the archive to the real ones at hand,
               and their two parts: within 0.2 % of the recorded distance; the shares recognised
               as dogs, but for one image; the last epoch's row has the same numbers

The tolerances allow for another machine's rounding. A change of a weight that stays below them
goes unnoticed, and could not have been noticed from rounding.
"""

__all__ = ["check_recompute"]

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import torch

from torch import Tensor

import genlab.data

from genlab.common.errors import InputError
from genlab.common.progress import Progress
from genlab.common.quantities import QUANTITIES, fixed
from genlab.configs.gan import GanConfig
from genlab.gan.sampling import draw
from genlab.gan.training.train import SAMPLES
from genlab.lab.report.numbers.facts import priors_of
from genlab.lab.verify.bench import Bench
from genlab.lab.verify.levels.further import unchecked
from genlab.lab.verify.levels.integrity import Unpacked
from genlab.lab.verify.readers.models import generator_of, vae_at
from genlab.lab.verify.readers.pictures import LEVELS_OFF, difference, read_picture
from genlab.lab.verify.readers.record import SubmittedRecord
from genlab.lab.verify.readers.tensors import read_weights
from genlab.lab.verify.results.findings import Finding, Refused, Verdict, Words, judged
from genlab.metrics.frechet_distance import frechet_parts
from genlab.networks.pretrained.efficientnet_lite0 import dog_probability
from genlab.vae.load import MEASURES
from genlab.vae.measure import CHUNK, mean_and_error, measured, measured_terms
from genlab.vae.splits import observed_test_images

NATS = 0.05
SHARE = 2e-3
ROUNDING = 1e-9
DOGS = "efficientnet-lite0"
"""The network that recognises dogs."""
MOST_BYTES = 1 << 28
"""Of all generated images, decoded: 21,845 of 64 pixels."""


def check_recompute(unpacked: Unpacked, bench: Bench) -> list[Finding]:
    """Recomputes what is quickly recomputed of a submission."""
    run = unpacked.run
    findings = []
    for prior in priors_of(run):
        name = Words(f"VAE（{prior}）的ELBO", f"ELBO of the VAE, prior {prior}")
        findings.append(judged("recompute", name, partial(_elbo, run / "vae" / prior, bench)))
    checks: list[tuple[Words, Callable[[Path, Bench], tuple[Verdict, Words]]]] = [
        (Words("生成图像", "the generated images"), _images),
        (Words("最后一轮的样例图像", "samples of the last epoch"), _samples),
        (Words("生成图像即被测图像", "the measured images are these"), _measured),
    ]
    for name, check in checks:
        findings.append(judged("recompute", name, partial(check, run / "gan", bench)))
    findings += _distances(run / "gan", bench)
    return findings + unchecked("recompute", run)


def _elbo(folder: Path, bench: Bench) -> tuple[Verdict, Words]:
    """The ELBO of the first digits, and the records' own means."""
    digits = bench.digits(SubmittedRecord(folder / "env.json"))
    model, config = vae_at(folder, digits.shape)
    x = observed_test_images(digits, model.likelihood)
    results = SubmittedRecord(folder / "results.json")
    kept = read_weights((folder / MEASURES).read_bytes(), f"{folder.name}/{MEASURES}")
    recorded = {
        key for key, quantity in QUANTITIES.items()
        if quantity.per_image and results.value.get(key) is not None
    }
    for name in sorted({"elbo", "re", "omega", *kept, *recorded}):
        if name not in kept or kept[name].shape != (len(x),):
            raise Refused(f"{folder.name}/{MEASURES}: has no {name[:60]} of {len(x):,} digits")
    for (name, *part), value in _given_by(kept).items():
        found = results.number(name, *part)
        if not abs(value - found) <= ROUNDING * max(1, abs(value)):
            label, shown = ".".join((name, *part)), (fixed(found, 6), fixed(value, 6))
            return Verdict.FAIL, Words(
                f"results.json中{label}为{shown[0]}，由各图像之值得到{shown[1]}",
                f"results.json has {label} {shown[0]}, the images' values give {shown[1]}")
    with torch.no_grad():
        prior = model.prior()
        terms = measured_terms(model, prior, x[:CHUNK], config.draws, config.seed, 0)
    again = {"elbo": terms.elbo, "re": terms.re, "omega": terms.omega}
    off = max(
        (value.double() - kept[name][:CHUNK].double()).abs().max().item()
        for name, value in again.items()
    )
    count, mean = len(terms.elbo), measured("elbo", terms.elbo)
    verdict = Verdict.PASS if off <= NATS else Verdict.FAIL
    return verdict, Words(
        f"前{count}张测试图像：重算平均{mean}，单张最大偏差{off:.1e}",
        f"first {count} test digits: mean {mean}, largest difference of one {off:.1e}")


def _given_by(kept: dict[str, Tensor]) -> dict[tuple[str, ...], float]:
    """Returns the results that follow from the values of all digits, by their keys."""
    found: dict[tuple[str, ...], float] = {}
    for name, values in kept.items():
        found[name, "value"], found[name, "error"] = mean_and_error(values)
    if {"conditional_entropy", "cross_entropy"} <= kept.keys():
        identity = kept["omega"] - (kept["conditional_entropy"] - kept["cross_entropy"])
        found["identity_gap",] = mean_and_error(identity)[0]
    return found


def _pictures(folder: Path, config: GanConfig) -> list[Path]:
    paths = sorted(folder.glob("[0-9]*.png"))
    if not paths:
        raise Refused(f"{folder.name}: no images")
    most = MOST_BYTES // (3 * config.size**2)
    if len(paths) > most:
        raise InputError(f"{folder.name}: {len(paths):,} images; at most {most:,} are drawn again")
    return paths


def _read(paths: list[Path]) -> Iterator[tuple[str, np.ndarray]]:
    with Progress(len(paths), "reading images", "images") as progress:
        for path in paths:
            yield path.name, read_picture(path.read_bytes(), path.name)
            progress.advance()


def _compared(images: Tensor, paths: list[Path]) -> tuple[Verdict, Words]:
    """Compares drawn images with the files."""
    wrong, most = [], 0
    for drawn, (name, kept) in zip(images, _read(paths)):
        off = difference(drawn.permute(1, 2, 0).numpy(), kept)
        most = max(most, off)
        if off > LEVELS_OFF:
            wrong.append(name)
    if wrong:
        shown = ", ".join(wrong[:4]) + (" …" if len(wrong) > 4 else "")
        return Verdict.FAIL, Words(
            f"{len(paths)}张中有{len(wrong)}张不是生成器由种子得到的：{shown}",
            f"{len(wrong)} of {len(paths)} are not what the generator draws from the seed: {shown}")
    return Verdict.PASS, Words(
        f"{len(paths)}张全部重新生成，像素最大偏差{most}级",
        f"all {len(paths)} drawn again, largest difference of a pixel: {most} levels")


def _images(gan: Path, _: Bench) -> tuple[Verdict, Words]:
    network, config = generator_of(gan)
    paths = _pictures(gan / "generated", config)
    record = SubmittedRecord(gan / "generated" / "results.json")
    seed, count = record.whole("seed"), record.whole("n")
    if count != len(paths) or count != SubmittedRecord(gan / "fid.json").whole("n_fake"):
        return Verdict.FAIL, Words(
            f"有{len(paths)}张，记录为{count}张", f"{len(paths)} are there, the records say {count}")
    return _compared(draw(network, config, count, seed, "sample"), paths)


def _samples(gan: Path, _: Bench) -> tuple[Verdict, Words]:
    network, config = generator_of(gan)
    folder = gan / "samples" / f"epoch_{config.epochs:03d}"
    paths = _pictures(folder, config)[:SAMPLES]
    verdict, found = _compared(draw(network, config, SAMPLES, config.seed, "snapshot"), paths)
    earlier = [str(epoch) for epoch in config.snapshot_epochs if epoch != config.epochs]
    if not earlier:
        return verdict, found
    shown = "、".join(earlier), ", ".join(earlier)
    return verdict, Words(
        f"{found.zh}（第{shown[0]}轮的权重未提交，其样例无法重算）",
        f"{found.en} (the weights of epoch {shown[1]} are not handed in: theirs cannot be)")


def _measured(gan: Path, _: Bench) -> tuple[Verdict, Words]:
    config = generator_of(gan)[1]
    _pictures(gan / "generated", config)
    recorded = SubmittedRecord(gan / "fid.json").text("fake", "sha256")
    try:
        found = genlab.data.images(str(gan / "generated"), config.size).identity.sha256
    except InputError as error:  # one is not what its own record says
        return Verdict.FAIL, Words(str(error), str(error))
    if found != recorded:
        return Verdict.FAIL, Words(
            f"被测图像的SHA-256为{recorded[:12]}…，压缩包中的为{found[:12]}…",
            f"those measured have the SHA-256 {recorded[:12]}…, those in the archive {found[:12]}…")
    return Verdict.PASS, Words(f"SHA-256 {found[:12]}…", f"SHA-256 {found[:12]}…")


class _Fakes:
    """The generated images in the archive, looked at once by each network."""

    def __init__(self, gan: Path, bench: Bench) -> None:
        self.gan, self.bench, self._seen = gan, bench, dict[str, Tensor]()

    def pair(self, network: str) -> tuple[Tensor, Tensor]:
        """Returns features of the real images at hand and of the generated ones."""
        config = generator_of(self.gan)[1]
        dogs = self.bench.dogs(SubmittedRecord(self.gan / "env.json"), config)
        real = self.bench.features(network, dogs, own=True)
        if network not in self._seen:
            self._seen[network] = self.bench.features(network, self._images(config), own=False)
        return real, self._seen[network]

    def _images(self, config: GanConfig) -> Tensor:
        paths = _pictures(self.gan / "generated", config)
        images = [torch.from_numpy(image.copy()) for _, image in _read(paths)]
        if any(image.shape != (config.size, config.size, 3) for image in images):
            raise Refused(f"generated: not all images have {config.size} pixels a side")
        return torch.stack(images).permute(0, 3, 1, 2).contiguous()


def _distances(gan: Path, bench: Bench) -> list[Finding]:
    """Findings on `fid.json`: one a distance, then the shares recognised and the epochs' rows."""
    record, fakes = SubmittedRecord(gan / "fid.json"), _Fakes(gan, bench)
    rows = record.value.get("distances")
    rows = rows[:16] if isinstance(rows, list) else []
    if not rows or not all(isinstance(row, dict) for row in rows):
        name = Words("Fréchet距离", "Fréchet distances")
        text = "fid.json: no distances"
        return [Finding("recompute", name, Verdict.TAMPERED, Words(text, text))]
    findings = []
    for row in rows:
        one = SubmittedRecord(gan / "fid.json", row)
        found = one.value.get("extractor")
        label = str(found.get("label") if isinstance(found, dict) else None)[:60]
        findings.append(judged(
            "recompute", Words(label, label), partial(_distance, one, fakes)
        ))
    findings.append(judged(
        "recompute", Words("识别为狗的比例", "shares recognised as dogs"),
        partial(_recognised, record, fakes)))
    findings.append(judged(
        "recompute", Words("各轮的距离", "distances of the epochs"),
        partial(_epochs, record, gan)))
    return findings


def _distance(record: SubmittedRecord, fakes: _Fakes) -> tuple[Verdict, Words]:
    network = fakes.bench.network(
        record.text("extractor", "label"), record.text("extractor", "sha256")
    )
    real, fake = fakes.pair(network)
    found = frechet_parts(real, fake)
    value, recorded = found.distance, record.number("distance", "value")
    off = max(
        abs(value - recorded), abs(found.mean - record.number("mean_part")),
        abs(found.covariance - record.number("covariance_part")),
    )
    verdict = Verdict.PASS if off <= SHARE * max(abs(recorded), 1e-12) else Verdict.FAIL
    return verdict, Words(
        f"记录{recorded:.6g}，重算{value:.6g}（{len(real)}张真实、{len(fake)}张生成图像）",
        f"recorded {recorded:.6g}, recomputed {value:.6g} ({len(real)} real, {len(fake)} generated)")


def _recognised(record: SubmittedRecord, fakes: _Fakes) -> tuple[Verdict, Words]:
    recorded = [record.number(f"recognised_{kind}") for kind in ("real", "fake")]
    classify = fakes.bench.extractors[DOGS].logits
    assert classify is not None
    found, verdict = [], Verdict.PASS
    for share, features in zip(recorded, fakes.pair(DOGS)):
        taken = int((dog_probability(classify(features)) > 0.5).sum())
        if not abs(taken - share * len(features)) < 1.5:  # rounding: one image at one half
            verdict = Verdict.FAIL
        found.append(taken / len(features))
    return verdict, Words(
        f"真实、生成图像：记录{recorded[0]:.1%}、{recorded[1]:.1%}，重算{found[0]:.1%}、{found[1]:.1%}",
        f"real, generated: recorded {recorded[0]:.1%}, {recorded[1]:.1%}, recomputed "
        f"{found[0]:.1%}, {found[1]:.1%}")


def _epochs(record: SubmittedRecord, gan: Path) -> tuple[Verdict, Words]:
    """The row of the last epoch, which is that of the generated images, and which rows there are."""
    rows = record.at("epochs")
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        raise Refused("fid.json: epochs are no list of objects")
    kept = list(generator_of(gan)[1].snapshot_epochs)
    last = {
        "epoch": kept[-1], "n": record.at("n_fake"), "recognised": record.at("recognised_fake"),
        "different": record.at("different", "fake"),
        "distances": {
            row.text("extractor", "label"): {key: row.at(key) for key in ("distance", "null")}
            for row in (SubmittedRecord(gan / "fid.json", one) for one in record.at("distances"))
        },
    }
    epochs = [row.get("epoch") for row in rows]
    if epochs != kept or rows[-1] != last:
        return Verdict.FAIL, Words(
            f"fid.json中末轮（{kept[-1]}）的一行与所测图像的数值不同，或轮次不是{kept}",
            f"fid.json: the row of the last epoch ({kept[-1]}) has other numbers than the images "
            f"measured, or the rows are not those of {kept}")
    if len(kept) == 1:
        return Verdict.PASS, Words("末轮与所测图像一致", "the last is that of the images measured")
    shown = "、".join(map(str, kept[:-1])), ", ".join(map(str, kept[:-1]))
    return Verdict.PASS, Words(
        f"末轮与所测图像一致（第{shown[0]}轮的权重未提交，无法重算）",
        f"the last is that of the images measured (the weights of epoch {shown[1]} are not handed "
        "in: theirs cannot be)")
