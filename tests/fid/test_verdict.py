"""The sentences of a measurement: true whatever the numbers are."""


from typing import Any

from genlab.cli.fid import p_text
from genlab.common.quantities import Measured
from genlab.fid.results import (
    Copies,
    Difference,
    Different,
    Distance,
    ExtractorIdentity,
    Null,
    Ranking,
)
from genlab.fid.verdict import ranking_words, verdict

NET = ExtractorIdentity(
    label="FD (net)", network="net", sha256="", layer="its output", preprocessing="net",
    precision="float32", device="cpu", version=2, dims=3, preprocessing_words="its own",
)  # fmt: skip


def judged(value: float, null: float, **memory: Any) -> Distance:
    copied = {"p": 0.5, "duplicates": 0, "reference": "leave-one-out"} | memory
    return Distance(
        extractor=NET, distance=Measured(value, 0.0312),
        null=Null(
            value=value, n_real=400, n_fake=300, mean=1.0, high=1.2, p=null, permutations=199
        ),
        copies=Copies(
            **copied, share_nearer=0.5, near_duplicates=0, threshold=1.0, authentic=0.5, closest=[]
        ),
    )  # fmt: skip


def test_the_smallest_p_that_there_can_be_is_shown_as_a_bound() -> None:
    """One of 20 permutations and the sets as they are: 1 / 21, however different they be."""
    smallest, other = (
        Null(value=0, n_real=10, n_fake=10, mean=0, high=0, p=p, permutations=20)
        for p in (1 / 21, 2 / 21)
    )
    assert [smallest.is_smallest, other.is_smallest] == [True, False]
    assert p_text(smallest) == "<= 0.048 (20 permutations)"
    assert p_text(other) == "0.095"


def test_verdicts_say_what_the_tests_say() -> None:
    def words(*distances: Distance) -> str:
        return verdict(distances, 400, 300, Different(real=400, fake=300))

    apart, together = words(judged(1.5, 0.005)), words(judged(1.1, 0.4))
    assert "FD (net) = 1.500 ± 0.031 at 300 generated and 400 real images" in apart
    assert "it distinguishes the generated images from the real ones (p <= 0.005)" in apart
    assert "does not distinguish" in together
    assert "does not prove that they are alike" in together
    assert "disagree" in words(judged(1.5, 0.005), judged(1.1, 0.4))
    assert "disagree" not in words(judged(1.5, 0.005), judged(1.5, 0.01))
    assert "2 generated images are real ones, pixel" in words(judged(1.5, 0.005, duplicates=2))
    assert "1 generated image is a real one, pixel" in words(judged(1.5, 0.005, duplicates=1))
    nearer = words(judged(1.5, 0.005, p=0.01))
    assert "are nearer to the real ones than the real images are to each other" in nearer
    assert "By a rank test" not in nearer
    others = "not nearer to the real ones than the real images are to each other (net, p = 0.5;"
    assert others in apart
    assert "does not exclude single copies" in apart
    assert "test is weak" in apart
    assert "test is weak" not in words(judged(1.5, 0.005, reference="held-out"))


def test_a_ranking_is_sure_only_beyond_two_paired_errors() -> None:
    def words(difference: float, error: float = 0.1) -> str:
        step = Difference(distance=Measured(difference, error), kid=Measured(0.0, 0.1))
        return ranking_words([
            Ranking(
                label="FD", n=50, order=["a", "b"], values=[1.0, 2.0], differences=[step],
                equal=[False],
            )
        ])

    assert words(-0.5) == (
        "FD at 50 different images of each: a is nearer than b (difference 0.50 ± 0.10, paired)."
    )
    assert "a is not clearly nearer than b" in words(-0.15)
    assert "a is not clearly nearer than b (difference 0.00 ± 0.10, paired)" in words(0.0)
