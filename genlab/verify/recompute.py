"""Level 3: the models are rebuilt and what they give is compared with the records.

    ELBO       of the first 1,000 test digits, each with the noise of the original measurement:
               no value may be more than 0.05 nats off; and the records' mean over all digits must
               be that of the recorded values
    images     all generated images, and the ten of the last snapshot, drawn again from the
               recorded seed: no pixel more than 2 of 255 levels off
    distances  Fréchet distances of the generated images in the archive to the real ones at hand:
               within 0.2 % of the recorded ones

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

from genlab.data.pictures import open_pictures
from genlab.engine.gan.sample import draw
from genlab.engine.gan.training import SAMPLES
from genlab.engine.vae.measure import CHUNK, measured_terms
from genlab.engine.vae.training import MEASURES, binary_test_digits
from genlab.metrics.frechet import frechet_distance
from genlab.progress import Progress
from genlab.report.facts import priors_of
from genlab.verify.bench import Bench, Record
from genlab.verify.findings import Finding, Refused, Verdict, Words, judged
from genlab.verify.integrity import Unpacked
from genlab.verify.models import generator_of, vae_at
from genlab.verify.pictures import LEVELS_OFF, difference, read_picture
from genlab.verify.tensors import read_tensors

NATS = 0.05
SHARE = 2e-3
ROUNDING = 1e-9
MOST_IMAGES = 5_000


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
    return findings


def _elbo(folder: Path, bench: Bench) -> tuple[Verdict, Words]:
    """The ELBO of the first digits, and the records' own means."""
    digits = bench.digits(Record(folder / "env.json"))
    x = binary_test_digits(digits)
    model, config = vae_at(folder, x.shape[1])
    results = Record(folder / "results.json")
    kept = read_tensors((folder / MEASURES).read_bytes(), f"{folder.name}/{MEASURES}")
    for name in ("elbo", "re", "omega"):
        values = kept.get(name)
        if values is None or values.shape != (len(x),):
            raise Refused(f"{folder.name}/{MEASURES}: has no {name} of {len(x):,} digits")
        mean, recorded = values.double().mean().item(), results.number(name)
        if not abs(mean - recorded) <= ROUNDING * max(1, abs(mean)):
            return Verdict.FAIL, Words(
                f"results.json中{name}为{recorded:.6f}，各图像之值的平均为{mean:.6f}",
                f"results.json has {name} {recorded:.6f}, the images' values a mean of {mean:.6f}")
    with torch.no_grad():
        prior = model.prior()
        elbo = measured_terms(model, prior, x[:CHUNK], config.draws, config.seed, 0).elbo
    off = (elbo.double() - kept["elbo"][:CHUNK].double()).abs().max().item()
    count, mean = len(elbo), elbo.double().mean().item()
    verdict = Verdict.PASS if off <= NATS else Verdict.FAIL
    return verdict, Words(
        f"前{count}张测试图像：重算平均{mean:.3f} nats，单张最大偏差{off:.1e}",
        f"first {count} test digits: mean {mean:.3f} nats, largest difference of one {off:.1e}")


def _pictures(folder: Path) -> list[Path]:
    paths = sorted(folder.glob("[0-9]*.png"))
    if not 0 < len(paths) <= MOST_IMAGES:
        raise Refused(f"{folder.name}: {len(paths)} images; 1 to {MOST_IMAGES:,} are taken")
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
    paths = _pictures(gan / "generated")
    record = Record(gan / "generated" / "results.json")
    seed, count = int(record.number("seed")), int(record.number("n"))
    if count != len(paths) or count != int(Record(gan / "fid.json").number("n_fake")):
        return Verdict.FAIL, Words(
            f"有{len(paths)}张，记录为{count}张", f"{len(paths)} are there, the records say {count}")
    return _compared(draw(network, config, count, seed, "sample"), paths)


def _samples(gan: Path, _: Bench) -> tuple[Verdict, Words]:
    network, config = generator_of(gan)
    folder = gan / "samples" / f"epoch_{config.epochs:03d}"
    paths = _pictures(folder)[:SAMPLES]
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
    _pictures(gan / "generated")
    recorded = Record(gan / "fid.json").text("fake", "sha256")
    found = open_pictures(str(gan / "generated"), config.size).identity.sha256
    if found != recorded:
        return Verdict.FAIL, Words(
            f"被测图像的SHA-256为{recorded[:12]}…，压缩包中的为{found[:12]}…",
            f"those measured have the SHA-256 {recorded[:12]}…, those in the archive {found[:12]}…")
    return Verdict.PASS, Words(f"SHA-256 {found[:12]}…", f"SHA-256 {found[:12]}…")


def _distances(gan: Path, bench: Bench) -> list[Finding]:
    """One finding a distance of `fid.json`."""
    record = Record(gan / "fid.json").value.get("distances")
    rows = record[:16] if isinstance(record, list) else []
    if not rows or not all(isinstance(row, dict) for row in rows):
        name = Words("Fréchet距离", "Fréchet distances")
        text = "fid.json: no distances"
        return [Finding("recompute", name, Verdict.TAMPERED, Words(text, text))]
    findings = []
    for row in rows:
        label = str(row.get("label"))[:60]
        findings.append(judged(
            "recompute", Words(label, label),
            partial(_distance, gan, Record(gan / "fid.json", row), bench),
        ))
    return findings


def _distance(gan: Path, record: Record, bench: Bench) -> tuple[Verdict, Words]:
    _, config = generator_of(gan)
    real = bench.dogs(Record(gan / "env.json"), config)
    network = bench.network(record.text("label"), record.text("weights_sha256"))
    images = [torch.from_numpy(image.copy()) for _, image in _read(_pictures(gan / "generated"))]
    if any(image.shape != (config.size, config.size, 3) for image in images):
        raise Refused(f"generated: not all images have {config.size} pixels a side")
    fake = torch.stack(images).permute(0, 3, 1, 2).contiguous()
    value = frechet_distance(
        bench.features(network, real, own=True), bench.features(network, fake, own=False)
    )
    recorded = record.number("value")
    off = abs(value - recorded) / max(abs(recorded), 1e-12)
    verdict = Verdict.PASS if off <= SHARE else Verdict.FAIL
    return verdict, Words(
        f"记录{recorded:.6g}，重算{value:.6g}（{len(real)}张真实、{len(fake)}张生成图像）",
        f"recorded {recorded:.6g}, recomputed {value:.6g} ({len(real)} real, {len(fake)} generated)")
