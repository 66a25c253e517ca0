"""Every sentence that a measurement can form, on simulated sets of which the truth is known.

Images are noise of a known law. Each sentence of a verdict must be one of `SENTENCES`, whose check
compares what it says with the truth. What a test at the level of 5 % finds is false in 5 % of the
cases of equal laws by design: there the rate is checked, over all cases together.
"""

import math
import re

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import torch

from torch import Tensor

from genlab import data, fid
from genlab.configs.fid import FidConfig
from genlab.features import Extractor, FeatureExtractors
from genlab.fid.evaluate import evaluate
from genlab.fid.ranking import rank_sets
from genlab.fid.results import FidResults, Measurement, Ranking
from genlab.fid.sets import ImageSets
from genlab.fid.verdict import LEVEL, ranking_words
from genlab.networks.pretrained import efficientnet_lite0

PERMUTATIONS = 59
NUMBER = r"−?\d+(\.\d+)?( × 10[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+)?"


@pytest.fixture(autouse=True)
def without_lite0(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(efficientnet_lite0, "at_hand", lambda: False)


def pick(*channels: int) -> Callable[[Tensor], Tensor]:
    return lambda x: x.flatten(1)[:, list(channels)]


NETWORKS = [
    Extractor(pick(*range(6)), lambda x: x.float() / 255, "first", dims=6),
    Extractor(pick(*range(12, 17)), lambda x: x.float() / 255, "second", dims=5),
]


def noise(n: int, seed: int, level: float = 0.5, first: float | None = None) -> Tensor:
    """Images of Gaussian pixels; those that the first network sees have a level of their own."""
    random = torch.Generator().manual_seed(seed)
    values = level + 0.12 * torch.randn(n, 3, 4, 4, generator=random)
    if first is not None:
        values.flatten(1)[:, :6] += first - level
    return (255 * values.clamp(0, 1)).round().to(torch.uint8)


@dataclass
class Truth:
    """What is true of two sets."""

    real: Tensor
    fake: Tensor
    same_law: bool = False
    held_out: Tensor | None = None
    extractors: list[Extractor] = field(default_factory=lambda: NETWORKS[:1])

    def measured(self) -> Measurement:
        return fid.measure(
            self.real, self.fake, self.extractors, held_out=self.held_out,
            permutations=PERMUTATIONS,
        )

    @property
    def kinds(self) -> tuple[set[bytes], set[bytes]]:
        real, fake = ({bytes(x.numpy().tobytes()) for x in s} for s in (self.real, self.fake))
        return real, fake

    @property
    def same(self) -> int:
        return sum(x.numpy().tobytes() in self.kinds[0] for x in self.fake)


@dataclass
class Tally:
    """How often a test found something where there was nothing, of how many cases."""

    found: Counter[str] = field(default_factory=Counter)
    cases: Counter[str] = field(default_factory=Counter)

    def add(self, what: str, found: bool) -> None:
        self.cases[what] += 1
        self.found[what] += found

    def check(self, what: str) -> None:
        """At most as many as a rate of `LEVEL` gives in all but 1 in 1,000 draws."""
        n = self.cases[what]
        assert self.found[what] <= LEVEL * n + 3.1 * math.sqrt(LEVEL * (1 - LEVEL) * n) + 1, what


Check = Callable[[re.Match[str], Truth, Measurement, Tally], None]


def distance(m: re.Match[str], truth: Truth, one: Measurement, tally: Tally) -> None:
    """The value is that of all images, the numbers are true, an error is given where it can be."""
    (found,) = [d for d in one.distances if d.label == m["label"]]
    assert m["text"] == found.distance.text()
    if m["fakes"] is None:
        return
    real, fake = truth.kinds
    shown = [int(m["fakes"]), int(m["reals"]), *(int(m[k] or 0) for k in ("unlike", "unalike"))]
    n, k = len(truth.fake), len(truth.real)
    assert shown[:2] == [n, k]
    assert shown[2:] == [0 if len(fake) == n else len(fake), 0 if len(real) == k else len(real)]
    own = min(len(fake - real), len(real - fake))
    assert (found.distance.error is None) == (own < 10)


def own_images(m: re.Match[str], truth: Truth, one: Measurement, tally: Tally) -> None:
    real, fake = truth.kinds
    assert [int(m["fakes"]), int(m["reals"])] == [len(fake - real), len(real - fake)]
    assert (len(real), len(fake), set()) != (len(truth.real), len(truth.fake), real & fake)


def split(m: re.Match[str], truth: Truth, one: Measurement, tally: Tally) -> None:
    """As many of the splits as it says are below, and p is what was found."""
    assert float(m["p"]) <= 1
    if truth.same_law:
        tally.add("distinguishes", m["verb"] == "distinguishes")
    assert (m["verb"] == "distinguishes") == (float(m["p"]) <= LEVEL)
    texts = {
        (d.distance.rounded_alike(d.null.mean), d.distance.rounded_alike(d.null.high))
        for d in one.distances if d.null and d.null.mean < d.null.high
    }  # fmt: skip
    assert (m["mean"], m["high"]) in texts


def disagree(m: re.Match[str], truth: Truth, one: Measurement, tally: Tally) -> None:
    assert {d.null.p <= LEVEL for d in one.distances if d.null} == {True, False}


def one_and_the_same(m: re.Match[str], truth: Truth, one: Measurement, tally: Tally) -> None:
    images, kinds = (
        (truth.fake, truth.kinds[1]) if m["which"] == "generated"
        else (truth.real, truth.kinds[0])
    )  # fmt: skip
    assert (int(m["n"]), len(kinds)) == (len(images), 1)


def few_different(m: re.Match[str], truth: Truth, one: Measurement, tally: Tally) -> None:
    kinds = truth.kinds[m["which"] == "generated"]
    assert 1 < int(m["k"]) == len(kinds) < 10


def untested(m: re.Match[str], truth: Truth, one: Measurement, tally: Tally) -> None:
    assert min(map(len, truth.kinds)) < 10
    for d in one.distances:
        assert (d.distance.error, d.null, d.metrics["kid"], d.metrics["coverage"]) == (None,) * 4
        assert d.copies is not None
        assert d.copies.p is None


def same_sets(m: re.Match[str], truth: Truth, one: Measurement, tally: Tally) -> None:
    assert truth.kinds[0] == truth.kinds[1]
    assert one.distances[0].metrics["kid"] is None


def in_common(m: re.Match[str], truth: Truth, one: Measurement, tally: Tally) -> None:
    real, fake = truth.kinds
    shown = [int(m[key]) for key in ("common", "fakes", "reals")]
    assert shown == [len(real & fake), len(fake - real), len(real - fake)]
    assert min(shown[1:]) < 10


def copied(m: re.Match[str], truth: Truth, one: Measurement, tally: Tally) -> None:
    assert int(m["n"]) == truth.same > 0


def nearer(m: re.Match[str], truth: Truth, one: Measurement, tally: Tally) -> None:
    assert ("held-out" in m["than"]) == (truth.held_out is not None)
    assert float(m["p"]) <= LEVEL
    if truth.same_law:
        tally.add(f"nearer, {m['than'][:3]}", True)


def not_nearer(m: re.Match[str], truth: Truth, one: Measurement, tally: Tally) -> None:
    assert ("held-out" in m["than"]) == (truth.held_out is not None)
    assert (m["weak"] is None) == (truth.held_out is not None)
    assert float(m["p"]) > LEVEL - 0.005  # rounded
    assert not truth.same
    if truth.same_law:
        tally.add(f"nearer, {m['than'][:3]}", False)


THAN = r"(?P<than>held-out real images are|the real images are to each other)"
SENTENCES: list[tuple[str, Check]] = [
    (rf"(?P<label>FD \(\w+\)) = (?P<text>{NUMBER}( ± {NUMBER})?)( at (?P<fakes>\d+) generated"
     r"( \((?P<unlike>\d+) different\))? and (?P<reals>\d+) real( \((?P<unalike>\d+) different\))?"
     r" images)?[.;]", distance),
    (r"of different images that are in one set only, (?P<fakes>\d+) generated and (?P<reals>\d+) "
     rf"real ones, it is {NUMBER};", own_images),
    (rf"mixed and split at random they give about (?P<mean>{NUMBER}) \(95 % of the splits below "
     rf"(?P<high>{NUMBER})\): it (?P<verb>distinguishes|does not distinguish) the generated images"
     r" from the real ones \(p (=|<=) (?P<p>[\d.e-]+)\)(, which does not prove that they are "
     r"alike)?\.", split),
    (r"The networks disagree: trust neither alone\.", disagree),
    (r"All (?P<n>\d+) (?P<which>generated|real) images are one and the same\.", one_and_the_same),
    (r"Only (?P<k>\d+) of the \d+ (?P<which>generated|real) images are different\.",
     few_different),
    (r"No error, floor or test: they need 10 different images a set\.", untested),
    (r"Both sets are the same images: no error, floor or test\.", same_sets),
    (r"The sets have (?P<common>\d+) different images in common, which leaves (?P<fakes>\d+) "
     r"generated and (?P<reals>\d+) real ones: no error, floor or test, for they need 10 of "
     r"either\.", in_common),
    (r"(?P<n>\d+) generated (image is a real one|images are real ones), pixel for pixel at the "
     r"size compared\.", copied),
    (rf"The generated images are nearer to the real ones than {THAN} \(\w+, p = (?P<p>[\d.e-]+)\):"
     r" they may be copies, or merely similar to each other; inspect the closest pairs\.", nearer),
    (rf"By a rank test the generated images are not nearer to the real ones than {THAN} \(\w+, "
     r"p = (?P<p>[\d.e-]+)(?P<weak>; without held-out images this test is weak)?\), which does "
     r"not exclude single copies\.", not_nearer),
]  # fmt: skip


def check(truth: Truth, tally: Tally, seen: set[str]) -> Measurement:
    """Measures, and checks sentence by sentence; none is left over."""
    one = truth.measured()
    rest = one.verdict
    while rest:
        for pattern, claim in SENTENCES:
            if m := re.match(pattern, rest):
                claim(m, truth, one, tally)
                seen.add(claim.__name__)
                rest = rest[m.end() :].lstrip()
                break
        else:
            pytest.fail(f"no such sentence: {rest}")
    return one


def test_no_sentence_of_a_verdict_is_false() -> None:
    """230 pairs of sets."""
    tally, seen = Tally(), set[str]()

    def say(real: Tensor, fake: Tensor, **truth: object) -> Measurement:
        return check(Truth(real, fake, **truth), tally, seen)  # type: ignore[arg-type]

    sizes = [(40, 40), (30, 60), (60, 20), (12, 11)]
    for seed in range(80):  # one law: of many sizes, with and without held-out images
        n, m = sizes[seed % 4]
        held = noise(25, 3000 + seed) if seed % 2 else None
        say(noise(n, seed), noise(m, 1000 + seed), same_law=True, held_out=held)
    for seed in range(40):  # one law, images repeated, evenly or not
        real, fake = noise(24, seed), noise(24, 1000 + seed)
        once = Truth(real, fake).measured().distances[0]
        found = say(real.repeat(3, 1, 1, 1), fake.repeat(3, 1, 1, 1), same_law=True).distances[0]
        assert once.null == found.null
        assert once.metrics["kid"] == found.metrics["kid"]
        assert found.distance.error == pytest.approx(once.distance.error, rel=0.06)
        uneven = torch.cat([fake, fake[:3].repeat(8, 1, 1, 1)])
        assert say(real, uneven).distances[0].null == once.null
    for seed in range(20):  # another law, in one network or in both
        two = {"extractors": NETWORKS}
        say(noise(40, seed), noise(40, 1000 + seed, 0.6), **two)
        found = say(noise(40, seed), noise(40, 1000 + seed, first=0.6), **two)
        assert found.distances[0].null is not None
        assert found.distances[0].null.p <= LEVEL
    for n in (1, 2, 6, 9):  # collapsed, on either side and on both
        few, many = noise(n, n).repeat(60 // n, 1, 1, 1), noise(30, 50)
        for pair in ((few, many), (many, few), (few, few + 1)):
            say(*pair)
    for seed, copies in enumerate((1, 5, 10, 29, 30)):  # copies among the generated images
        real = noise(30, seed)
        say(real, torch.cat([real[:copies], noise(30 - copies, 1000 + seed)]))
        say(real, torch.cat([real[:copies]] * 10)[: max(10, copies)])
        say(torch.cat([real, real]), torch.cat([real[:copies], noise(15, 1000 + seed)]))
    for seed in range(3):  # the same set twice, in another order, and near copies
        real = noise(30, seed)
        say(real, real.flip(0))
        say(real, real ^ 1)
        say(real, real ^ 1, held_out=noise(20, 90 + seed))
    assert seen == {claim.__name__ for _, claim in SENTENCES}
    for what in tally.cases:
        tally.check(what)
    assert tally.cases["distinguishes"] == 120


def ranked(real: Tensor, *fakes: Tensor) -> tuple[Ranking, str]:
    """Ranks generators called a, b, c, ... in this order."""
    sets = [
        ImageSets(real=data.images(real, name="real"), fake=data.images(fake, name=name))
        for name, fake in zip("abc", fakes)
    ]
    (ranking,) = rank_sets(sets, NETWORKS[:1], FeatureExtractors())
    words = ranking_words([ranking])
    step = (
        rf"\w is (not clearly )?nearer than \w \(difference {NUMBER} ± {NUMBER}, paired\)"
        r"|\w and \w are the same images"
    )
    left_out = r"( ?\w is not ranked: fewer than 10 of its images are different\.)*"
    steps = rf"(FD \(first\) at {ranking.n} different images of each: ({step})(; ({step}))*\.)?"
    assert re.fullmatch(steps + left_out, words), words
    return ranking, words


def test_no_ranking_is_false() -> None:
    """60 rankings: of one law at three numbers of images, of two laws, of equal and poor sets."""
    tally = Tally()
    for seed in range(30):
        fakes = [noise(n, 100 * k + seed) for k, n in enumerate((25, 40, 75), 1)]
        ranking, words = ranked(noise(40, seed), *fakes)
        assert ranking.n == 25
        for unsure in re.findall(r"is (not clearly )?nearer", words):
            tally.add("nearer", not unsure)
    tally.check("nearer")
    assert tally.cases["nearer"] == 60
    for seed in range(10):  # the better one has fewer images, hence the larger distance of all
        real, good = noise(60, seed), noise(12, 100 + seed)
        bad = noise(200, 200 + seed, first=0.53)
        assert "b is nearer" not in ranked(real, good, bad)[1]
        repeated = good.repeat(5, 1, 1, 1)
        assert ranked(real, repeated, bad) == ranked(real, good, bad)
        assert "a is nearer than b" in ranked(real, noise(30, 300 + seed), bad ^ 64)[1]
    one, other = noise(20, 1), noise(15, 2)
    assert re.search("(a and b|b and a) are the same", ranked(one, other, other.flip(0))[1])
    ranking, words = ranked(one, other, noise(9, 3).repeat(4, 1, 1, 1), noise(14, 4))
    assert (ranking.n, ranking.left_out) == (14, ["b"])
    assert words.endswith("b is not ranked: fewer than 10 of its images are different.")
    alone = ranked(one, other, noise(1, 3).repeat(12, 1, 1, 1))[1]
    assert alone == "b is not ranked: fewer than 10 of its images are different."


def test_what_is_said_of_a_distance_to_statistics_is_true(tmp_path: Path) -> None:
    def saved(name: str, images: Tensor) -> str:
        large = images.repeat_interleave(4, 2).repeat_interleave(4, 3)
        np.save(tmp_path / f"{name}.npy", large.numpy())
        return str(tmp_path / f"{name}.npy")

    def measured(real: str, *fakes: str, **options: bool) -> FidResults:
        config = FidConfig(
            real=real, fakes=fakes, features=("pixels",), permutations=0, size=16, device="cpu",
            **options,
        )  # fmt: skip
        found = evaluate(config, tmp_path)
        assert found is not None
        return found.results

    real = saved("real", noise(30, 0).repeat(2, 1, 1, 1))
    two = saved("two", noise(12, 1).repeat(3, 1, 1, 1))
    one = saved("one", noise(1, 2).repeat(11, 1, 1, 1))
    by_images = measured(real, two, save_statistics=True).generators[0]
    file = str(tmp_path / "statistics-pixels.npz")
    found = measured(file, two)
    (distance,) = found.generators[0].distances
    assert distance.distance.value == pytest.approx(by_images.distances[0].distance.value)
    assert found.verdict == (
        f"{distance.label} = {distance.distance.text()} at 36 generated (12 different) and 60 "
        "real (30 different) images; without the real images there is no error, floor or test."
    )
    both = measured(file, two, one)
    assert "numbers of different images differ: do not rank the distances" in both.note
    assert both.verdict.endswith("All 11 generated images are one and the same.")
    copies = saved("copies", noise(30, 0)[:14])
    several = measured(real, two, copies)
    assert f"{copies}: 14 generated images are real ones, pixel for pixel" in several.verdict
    assert "at 12 different images of each" in several.verdict
    with np.load(file) as kept:
        np.savez(tmp_path / "plain.npz", mu=kept["mu"], sigma=kept["sigma"])
    plain = measured(str(tmp_path / "plain.npz"), two)
    assert "36 generated (12 different) and an unknown number of real images" in plain.verdict
    assert "N = 30 if all differ" in plain.note
