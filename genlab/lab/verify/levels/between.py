"""Level 4, where a run kept two states of a training: the steps between them are trained again.

The first state (weights and moments, at the end of an epoch half way) is loaded, and the installed
genlab trains from it, with the same code, configuration, data and random streams, to the second.
For each network, or of a VAE each part, with weights w,

    off = || w_here - w_second || / || w_second - w_first ||

is the share of the way that is not as handed in.

    on the same machine, versions and threads    off = 0
    on another one                               VAE: 8 steps within 1 %
                                                 GAN: 1 step within 5 %

Measured on the networks of the lab's quick preset. Every first weight changed by one part in
10^7, half way through 10 epochs: off = 8e-6 of a VAE's encoder and decoder, 1e-5 of a mixture's
and 1e-4 of a VampPrior's parameters; another seed makes 0.6 to 0.8, 0.1 and 0.3. The same change
in a GAN after 60 steps, or a second thread: 1e-3 of the generator after one step, 2e-2 after two,
0.1 after four; another seed makes 0.2 (the average) to 7 (the discriminator) in the first.

Two states alone can be made by anyone who trains a few steps from any weights, so the first is
tied to the rest of what is handed in by what its weights decide and by how near the end is:

    VAE     its test ELBO is the one in metrics.jsonl, within 0.01 nats
    GAN     it draws the ten samples of its epoch, if that is a snapshot
    both    the matrices of the weights at the training's end still resemble it; the correlation
            must be 0.1 (it was 0.82 from epoch 30 to 50 of a GAN, 0.52 from epoch 10; seeds
            that differ give about 0)

What this shows: somebody with these settings and data trained these steps, from a state that
gives what is recorded of it. It does not show how that state was come by, nor the steps after the
second. A tolerance can be used by one who tries.

References:
    | Proof-of-Learning: Definitions and Practice (Jia et al., 2021),
    | https://arxiv.org/abs/2103.05633
"""

__all__ = ["between_gan", "between_vae", "refuse_gone_back"]

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch

from torch import Tensor, nn
from torch.optim import Optimizer

from genlab.common.errors import InputError
from genlab.common.progress import say
from genlab.common.quantities import fixed
from genlab.gan.sampling import draw
from genlab.gan.split import split_images
from genlab.gan.training import train as gans
from genlab.gan.training.checkpoints import checkpoint_plan as gan_checkpoints
from genlab.gan.training.players import build_players
from genlab.gan.training.state import TrainingState
from genlab.lab.verify.bench import Bench
from genlab.lab.verify.levels.likeness import some_weights
from genlab.lab.verify.levels.rehearsal import Enough, Rehearsal, stop_after
from genlab.lab.verify.readers.configs import shape_of
from genlab.lab.verify.readers.models import compare_shapes, generator_of, untrained, vae_at
from genlab.lab.verify.readers.pictures import LEVELS_OFF, difference, read_picture
from genlab.lab.verify.readers.record import SubmittedRecord
from genlab.lab.verify.readers.tensors import read_shapes, read_weights
from genlab.lab.verify.results.findings import Refused, Verdict, Words
from genlab.runs.checkpoints import CheckpointPlan
from genlab.runs.records import read_lines
from genlab.runs.run import checkpoint_name
from genlab.runs.state import pack, unpack
from genlab.vae.checkpoints import checkpoint_plan as vae_checkpoints
from genlab.vae.load import build_likelihood
from genlab.vae.loop import elbo_of, train_loop
from genlab.vae.splits import splits_of

OFF = {"vae": 0.01, "gan": 0.05}
"""The largest share of the way that may be off on another machine."""
NATS = 0.01
RESEMBLES = 0.1
"""A correlation of the weights half way with those at the end below which a training is not one."""


def between_vae(folder: Path, bench: Bench, seconds: float) -> tuple[Verdict, Words]:
    """Trains a VAE from its first kept state to its second.

    Raises:
        Refused: If a state is missing or is not one of this model.
        InputError: If it cannot be judged here, or not in this time.
    """
    digits = bench.digits(SubmittedRecord(folder / "env.json"))
    final, config = vae_at(folder, digits.shape)
    splits = splits_of(digits, config, build_likelihood(config))
    plan = vae_checkpoints(config, len(splits.train))
    assert plan is not None  # whoever calls has looked
    model = untrained(config, splits)
    learning = [p for p in model.parameters() if p.requires_grad]
    first, second = _states(folder, plan, {"vae": model}, {"adam": torch.optim.Adam(learning)})
    unpack(first, {"vae": model}, {})
    elbo = elbo_of(model.eval(), splits.test)
    run = Rehearsal(
        folder.parent / "between", (first | {"sums": torch.zeros(3).double()}, plan.first),
        plan.second,
    )
    say(f"training {folder.name} from step {plan.first} to {plan.second}")
    stop_after(seconds, model.decoder)
    offs = _trained(lambda: train_loop(config, run, model, splits), run, plan, first, second, seconds)
    problems = []
    recorded = _recorded(folder / "metrics.jsonl", plan.epoch, "test_elbo")
    if not abs(elbo - recorded) <= NATS:
        shown = fixed(recorded, 3), fixed(elbo, 3)
        problems.append(Words(
            f"第{plan.epoch}轮的检验ELBO记录为{shown[0]}，该检查点给出{shown[1]}",
            f"the test ELBO of epoch {plan.epoch} is recorded as {shown[0]}, this state gives "
            f"{shown[1]}"))
    return _verdict("vae", plan, offs, problems, _likeness(first, "vae", final))


def between_gan(folder: Path, bench: Bench, seconds: float) -> tuple[Verdict, Words]:
    """Trains a GAN from its first kept state to its second, as `between_vae` does."""
    final, config = generator_of(folder)
    images = split_images(bench.dogs(SubmittedRecord(folder / "env.json"), config), config)
    refuse_gone_back(folder)
    plan = gan_checkpoints(config, len(images.rows))
    assert plan is not None  # whoever calls has looked
    players = build_players(config)
    first, second = _states(folder, plan, players.modules, players.optimisers)
    run = Rehearsal(folder.parent / "between", last=plan.second)
    state = TrainingState(config, run, players, len(gans.SUMS))
    unpack(first, players.modules, players.optimisers)
    state.step = plan.first
    problems = []
    if plan.epoch in config.snapshot_epochs:
        images_drawn = draw(players.average, config, gans.SAMPLES, config.seed, "snapshot")
        problems += _other_samples(images_drawn, folder / "samples" / f"epoch_{plan.epoch:03d}")
    say(f"training the GAN from step {plan.first} to {plan.second}")
    stop_after(seconds, players.generator)
    offs = _trained(lambda: gans.train_loop(state, images), run, plan, first, second, seconds)
    return _verdict("gan", plan, offs, problems, _likeness(first, "average", final))


def refuse_gone_back(folder: Path) -> None:
    """Raises `InputError` if a GAN's training went back once and on with other learning rates."""
    events = SubmittedRecord(folder / "results.json").at("events")
    if any(event.get("failed") is not None for event in events):
        raise InputError("its learning rates were halved after a failure, which is not replayed")


def _states(
    folder: Path, plan: CheckpointPlan, modules: Mapping[str, nn.Module],
    optimisers: Mapping[str, Optimizer],
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Reads both states; names, shapes and values are checked before they are used."""
    weights = {key: shape_of(tensor) for key, tensor in pack(modules, {}).items()}
    moments = {}
    for name, optimiser in optimisers.items():
        for index, parameter in enumerate(p for g in optimiser.param_groups for p in g["params"]):
            place, shape = f"optimiser/{name}/{index}", shape_of(parameter)
            moments |= {f"{place}/step": ("F32", ()), f"{place}/exp_avg": shape,
                        f"{place}/exp_avg_sq": shape}
    states = []
    for step, wanted in ((plan.first, weights | moments), (plan.second, weights)):
        name = checkpoint_name(step)
        if not (folder / name).is_file():
            raise Refused(f"{folder.name}/{name}: missing, though config.json says that it is kept")
        data, name = (folder / name).read_bytes(), f"{folder.name}/{name}"
        compare_shapes(read_shapes(data, name), wanted, name)
        states.append(read_weights(data, name))
    return states[0], states[1]


def _trained(
    train: Callable[[], object], run: Rehearsal, plan: CheckpointPlan, first: Mapping[str, Tensor],
    second: Mapping[str, Tensor], seconds: float,
) -> dict[str, float]:
    """Trains, and returns by which share of the way each part is off; infinite if it diverges."""
    try:
        train()
    except Enough:
        pass
    except FloatingPointError:
        return {"all": float("inf")}
    ours = run.kept.get(plan.second)
    if ours is None:
        raise InputError(f"not trained within {seconds:.0f} s here; give more --minutes")
    squares: dict[str, list[float]] = {}
    for key, theirs in second.items():
        part = key.split("/", 1)[1].replace("/", ".").split(".")
        here = squares.setdefault(".".join(part[:2] if part[0] == "vae" else part[:1]), [0.0, 0.0])
        here[0] += (ours[key].double() - theirs.double()).square().sum().item()
        here[1] += (theirs.double() - first[key].double()).square().sum().item()
    return {
        part: (apart / way) ** 0.5 if way else float("inf") if apart else 0.0
        for part, (apart, way) in squares.items()
    }


def _recorded(path: Path, epoch: int, key: str) -> float:
    """Returns a number of an epoch's record."""
    found = next((line for line in read_lines(path) if line.get("epoch") == epoch), {})
    return SubmittedRecord(path, found).number(key)


def _other_samples(images: Tensor, folder: Path) -> list[Words]:
    """Returns which of a snapshot's samples are not what the state draws."""
    names = [f"{index:02d}.png" for index in range(len(images))]
    other = [
        name for image, name in zip(images, names) if not (folder / name).is_file() or difference(
            image.permute(1, 2, 0).numpy(), read_picture((folder / name).read_bytes(), name)
        ) > LEVELS_OFF
    ]
    if not other:
        return []
    shown = f"{folder.name}/{other[0]}" + (f" (+{len(other) - 1})" if other[1:] else "")
    return [Words(f"样例{shown}不是该检查点所画", f"the sample {shown} is not what the state draws")]


def _likeness(first: Mapping[str, Tensor], module: str, final: nn.Module) -> float:
    """Returns the correlation of a state's matrices with those at the training's end."""
    prefix = f"module/{module}/"
    before = {k.removeprefix(prefix): v for k, v in first.items() if k.startswith(prefix)}
    (_, a), (_, b) = some_weights(before), some_weights(final.state_dict())
    return float(np.mean(a * b, dtype=np.float64))


def _verdict(
    kind: str, plan: CheckpointPlan, offs: Mapping[str, float], problems: list[Words],
    likeness: float,
) -> tuple[Verdict, Words]:
    part, off = max(offs.items(), key=lambda item: item[1])
    far = Words(
        f"第{plan.first}步（第{plan.epoch}轮末）至第{plan.second}步",
        f"steps {plan.first} (the end of epoch {plan.epoch}) to {plan.second}")
    problems = list(problems)
    if not off <= OFF[kind]:
        problems.insert(0, Words(
            f"{part}的权重偏离所走路程的{off:.2%}（容许{OFF[kind]:.0%}）",
            f"the weights of {part} are off by {off:.2%} of the way (allowed {OFF[kind]:.0%})"))
    if not likeness >= RESEMBLES:
        problems.append(Words(
            f"最终权重与该检查点无关（相关系数{likeness:.2f}）",
            f"the weights at the end do not come from this state (correlation {likeness:.2f})"))
    if problems:
        return Verdict.FAIL, Words(
            f"{far.zh}：{'；'.join(one.zh for one in problems)}",
            f"{far.en}: {'; '.join(one.en for one in problems)}")
    same = Words("每个权重逐位相同", "every digit of the weights is the same") if off == 0 else Words(
        f"权重最多偏离所走路程的{off:.1e}（{part}；容许{OFF[kind]:.0%}）",
        f"the weights are off by {off:.1e} of the way at most ({part}; allowed {OFF[kind]:.0%})")
    return Verdict.PASS, Words(
        f"{far.zh}：{same.zh}；与最终权重的相关系数{likeness:.2f}",
        f"{far.en}: {same.en}; correlation with the weights at the end {likeness:.2f}")
