"""Level 4: the training is begun again from the seed, and its records are compared.

Only a run made with `--checkpoints` keeps training states to train between; `lab/verify/levels/between.py`
does. What can be repeated of every run is the beginning: the same code, configuration, data and
seed give the same first steps. They are trained here with the installed genlab for as long as the
time allows. A run records each of its first 8 steps (`beginning.jsonl`) and every epoch.

    on the same machine, versions and threads    every digit of all records is the same
    on another one                               VAE: the first 8 steps within 0.01 %
                                                 GAN: the first 2 steps within 1 %

Rounding grows from step to step. Measured by changing every first weight by one part in 10^7, on
the lab's quick preset: a VAE's 8 steps change by less than 10^-7, where another seed makes 3e-4
to 5e-3; its epochs, by up to 1 % from the third on, as much as another seed makes. A GAN's first
step changes by 4e-7, its second by 9e-4, its third by 0.1, its first epoch by 0.4; another seed
makes 0.05 to 0.6 at its first step. So the epochs decide nothing on another machine; where they
are far off (VAE: 5 %, GAN: half of the value) a person is asked to look.

Where the replay comes to the training's end and every digit agreed until then, the weights handed
in must be its weights; where it comes to a snapshot so, its ten samples must be those handed in.

What this shows: somebody's computation with this configuration began as the records say. It does
not show that the weights handed in came out of it, unless the replay came to the end; that the
records after the part replayed are true; or who did the computation. A replay with a tolerance
can be deceived by one who tries.

References:
    | Proof-of-Learning: Definitions and Practice (Jia et al., 2021),
    | https://arxiv.org/abs/2103.05633
    | "Adversarial Examples" for Proof-of-Learning (Zhang et al., 2022),
    | https://arxiv.org/abs/2108.09454
"""

__all__ = ["check_replay"]

import time

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from torch import Tensor

from genlab.common.errors import InputError
from genlab.common.progress import say
from genlab.gan.split import split_images
from genlab.gan.training import train as gans
from genlab.gan.training.players import build_players
from genlab.gan.training.state import TrainingState
from genlab.lab.report.numbers.facts import priors_of
from genlab.lab.verify.bench import Bench
from genlab.lab.verify.levels.between import between_gan, between_vae, refuse_gone_back
from genlab.lab.verify.levels.further import unchecked
from genlab.lab.verify.levels.integrity import Unpacked
from genlab.lab.verify.levels.rehearsal import Enough, Rehearsal, stop_after
from genlab.lab.verify.readers.models import generator_of, untrained, vae_at
from genlab.lab.verify.readers.pictures import LEVELS_OFF, difference, read_picture
from genlab.lab.verify.readers.record import SubmittedRecord
from genlab.lab.verify.results.findings import Finding, Verdict, Words, judged
from genlab.runs.records import read_json, read_lines
from genlab.vae.load import build_likelihood
from genlab.vae.loop import train_loop
from genlab.vae.splits import splits_of

OFF = {"vae": 1e-4, "gan": 1e-2}
"""The largest difference of a first step on another machine, as a share of the value (of 1 where
it is smaller)."""
STEPS = {"vae": 8, "gan": 2}
"""First steps that count there."""
FAR = {"vae": 0.05, "gan": 0.5}
"""Differences of an epoch above which a person should look."""
EXACT = 1e-12
"""A smaller share is none."""
Check = Callable[[Path, Bench, float], tuple[Verdict, Words]]
UNCOMPARED = ("step", "epoch", "seconds", "images_per_second")
SAME_WEIGHTS = 1e-5


@dataclass(kw_only=True)
class Replayed:
    """How far a replay came and how well it agreed."""

    steps: int
    """First steps that count and were recorded; 0 if the run has no record of them."""
    epochs: int
    step_off: float = 0.0
    """The largest difference of those steps, as a share."""
    epoch_off: float = 0.0
    exact: bool = True
    finished: bool = False
    problems: list[Words] = field(default_factory=list)


def check_replay(unpacked: Unpacked, bench: Bench, minutes: float) -> list[Finding]:
    """Trains each model of a submission again, for `minutes` altogether.

    The VAEs share one half of the time, the GAN has the other. Where a run kept two states, the
    steps between them come first, then the beginning for as long as there is time.
    """
    run, folders = unpacked.run, [f"vae/{prior}" for prior in priors_of(unpacked.run)]
    findings = []
    for folder in folders:
        share = 30 * minutes / len(folders)
        findings += _both(folder, run, bench, share, between_vae, _vae)
    findings += _both("gan", run, bench, 30 * minutes, between_gan, _gan)
    return findings + unchecked("replay", run)


def _both(
    folder: str, run: Path, bench: Bench, seconds: float, between: Check, beginning: Check
) -> list[Finding]:
    """Trains between the states that a model's run kept, if it did, and from the seed."""
    end, findings = time.monotonic() + seconds, []
    if _keeps_states(run / folder):
        name = Words(f"两个检查点之间：{folder}", f"trained between two states: {folder}")
        findings.append(judged("replay", name, partial(between, run / folder, bench, seconds)))
    name = Words(f"重放训练：{folder}", f"training replayed: {folder}")
    left = max(0.0, end - time.monotonic())
    return [*findings, judged("replay", name, partial(beginning, run / folder, bench, left))]


def _keeps_states(folder: Path) -> bool:
    return read_json(folder / "config.json")["config"].get("checkpoints") is True


def _vae(folder: Path, bench: Bench, seconds: float) -> tuple[Verdict, Words]:
    digits = bench.digits(SubmittedRecord(folder / "env.json"))
    kept, config = vae_at(folder, digits.shape)
    if config.post_hoc is not None or config.em:
        raise InputError("a prior fitted post hoc is not replayed")
    splits = splits_of(digits, config, build_likelihood(config))
    model, run = untrained(config, splits), Rehearsal(folder.parent / "replayed")
    say(f"replaying {folder.name} for {seconds:.0f} s at most")
    stop_after(seconds, model.decoder)
    finished = True
    try:
        train_loop(config, run, model, splits)
    except Enough:
        finished = False
    found = _compare(run, folder, "vae")
    if finished:
        _compare_weights(found, model.state_dict(), kept.state_dict())
    return verdict_of(found, "vae", config.epochs, seconds)


def _gan(folder: Path, bench: Bench, seconds: float) -> tuple[Verdict, Words]:
    kept, config = generator_of(folder)
    if config.start is not None:
        raise InputError("a GAN that goes on from another run is not replayed")
    images = split_images(bench.dogs(SubmittedRecord(folder / "env.json"), config), config)
    refuse_gone_back(folder)
    players = build_players(config)
    run = Rehearsal(folder.parent / "replayed")
    say(f"replaying the GAN for {seconds:.0f} s at most")
    stop_after(seconds, players.generator)
    finished = True
    try:
        gans.train_loop(TrainingState(config, run, players, len(gans.SUMS)), images)
    except Enough:
        finished = False
    found = _compare(run, folder, "gan")
    if finished:
        _compare_weights(found, players.average.state_dict(), kept.state_dict())
    if found.exact:
        _compare_samples(found, run.path / "samples", folder / "samples")
    return verdict_of(found, "gan", config.epochs, seconds)


def _compare(run: Rehearsal, folder: Path, kind: str) -> Replayed:
    """Compares the records of a replay with those handed in."""
    found = Replayed(steps=0, epochs=len(run.epochs))
    if (folder / "beginning.jsonl").exists():
        offs = _offs(run.steps, folder / "beginning.jsonl")
        found.steps = min(len(offs), STEPS[kind])
        found.step_off = max(offs[: found.steps], default=0.0)
        found.exact = max(offs, default=0.0) <= EXACT
    offs = _offs(run.epochs, folder / "metrics.jsonl")
    found.epoch_off = max(offs, default=0.0)
    found.exact = found.exact and found.epoch_off <= EXACT
    return found


def _offs(ours: list[dict[str, Any]], path: Path) -> list[float]:
    """Returns by which share each record here is off from the file's record of the same step."""
    recorded = {line.get("step"): line for line in read_lines(path)}
    offs = []
    for record in ours:
        theirs = SubmittedRecord(path, recorded.get(record["step"], {}))
        offs.append(max(
            abs(value - theirs.number(key)) / max(1.0, abs(value))
            for key, value in record.items() if key not in UNCOMPARED
        ))
    return offs


def _compare_weights(
    found: Replayed, ours: Mapping[str, Tensor], theirs: Mapping[str, Tensor]
) -> None:
    """Compares the weights at the training's end, where all until there was the same."""
    found.finished = True
    ours, theirs = dict(ours), dict(theirs)
    off = max(
        ((a.double() - theirs[key].double()).norm() / (a.double().norm() + 1e-12)).item()
        for key, a in ours.items()
    )
    if found.exact and not off <= SAME_WEIGHTS:
        found.problems.append(Words(
            f"记录逐位相同，但提交的权重不是这次训练的结果（相对偏差{off:.1e}）",
            f"every digit of the records agrees, but the weights handed in are not what comes "
            f"out (off by {off:.1e})"))


def _compare_samples(found: Replayed, ours: Path, theirs: Path) -> None:
    """Compares the samples of the snapshots that the replay came to."""
    for path in sorted(ours.glob("*/*.png")):
        name = path.relative_to(ours).as_posix()
        kept = theirs / name
        same = kept.exists() and difference(
            read_picture(path.read_bytes(), name), read_picture(kept.read_bytes(), name)
        ) <= LEVELS_OFF
        if not same:
            found.problems.append(Words(f"样例{name}不同", f"the sample {name} is another"))


def verdict_of(
    found: Replayed, kind: str, epochs: int, seconds: float
) -> tuple[Verdict, Words]:
    if not found.steps and not found.epochs:
        raise InputError(f"no record is reached within {seconds:.0f} s here; give more --minutes")
    far = Words(
        f"最初{found.steps}步及{epochs}轮中的前{found.epochs}轮",
        f"first {found.steps} steps, and {found.epochs} of {epochs} epochs")
    if found.problems:
        shown = found.problems[0]
        return Verdict.FAIL, Words(f"{far.zh}：{shown.zh}", f"{far.en}: {shown.en}")
    if found.exact:
        end = Words("，最终权重也相同", ", and so are the weights at the end") \
            if found.finished else Words("", "")
        return Verdict.PASS, Words(
            f"{far.zh}：记录逐位相同{end.zh}", f"{far.en}: every digit is the same{end.en}")
    verdict = Verdict.PASS if found.step_off <= OFF[kind] else Verdict.FAIL
    if verdict is Verdict.PASS and (not found.steps or found.epoch_off > FAR[kind]):
        verdict = Verdict.LOOK
    return verdict, Words(
        f"{far.zh}：各步最大偏差{found.step_off:.2%}（容许{OFF[kind]:.2%}），各轮最大偏差"
        f"{found.epoch_off:.2%}（在另一台机器上不说明问题）",
        f"{far.en}: a step is off by {found.step_off:.2%} at most (allowed {OFF[kind]:.2%}), an "
        f"epoch by {found.epoch_off:.2%} (which says little on another machine)")
