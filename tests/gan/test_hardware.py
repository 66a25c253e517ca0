"""What a GAN runs on: devices, mixed precision, and what is refused.

No GPU is needed for most of it: torch's "meta" device stands in for one (`cases/elsewhere.py`).
Tests that need a real GPU are skipped where there is none.
"""

import contextlib
import dataclasses
import json
import shutil

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from cases.elsewhere import Elsewhere
from cases.gan import (
    random_images,
    same,
    sides_of,
    soft_images,
    tensors,
    tiny,
    write_images,
)
from safetensors.torch import load
from torch import Tensor, nn

from genlab.cli.resume import resume
from genlab.common.errors import InputError
from genlab.compute import device, hardware, precision
from genlab.compute.hardware import (
    CPU,
    Hardware,
    device_context,
    resolve_hardware,
    rows_on,
    stored,
)
from genlab.compute.precision import exact
from genlab.configs.gan import GanConfig
from genlab.configs.hardware import HardwareConfig
from genlab.gan.load import Choice, load_generator
from genlab.gan.sampling import draw, generate_images, sample
from genlab.gan.training import players
from genlab.gan.training import step as steps
from genlab.gan.training import train as gan
from genlab.gan.training.compile import compile_players
from genlab.gan.training.monitor import Monitor, extractors_of
from genlab.gan.training.players import Players, build_players
from genlab.gan.training.step import train_step, update_discriminator
from genlab.gan.training.train import train_gan
from genlab.networks.pretrained.efficientnet_lite0 import Unit
from genlab.runs.hardware import hardware_of_last_session
from genlab.runs.run import Run
from genlab.runs.seal import seal

KINDS = ("projected", "scratch", "dcgan")
META, BF16 = Hardware(torch.device("meta")), Hardware(precision="bf16")


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> Elsewhere:
    """What torch has for GPUs and not for the meta device is left out."""
    adam = torch.optim.Adam
    monkeypatch.setattr(players, "Adam", lambda *options, fused: adam(*options))
    monkeypatch.setattr(Hardware, "autocast", lambda *_: contextlib.nullcontext())
    return Elsewhere()


def config_of(recipe: str, **changes: Any) -> GanConfig:
    return dataclasses.replace(tiny(recipe, Path("none")), **changes)


def devices(pair: Players) -> set[str]:
    frozen = [pair.projection] if isinstance(pair.projection, nn.Module) else []
    modules = [*pair.modules.values(), *frozen]
    found = {t.device.type for m in modules for t in m.state_dict().values()}
    states = [s for o in pair.optimisers.values() for s in o.state.values()]
    return found | {t.device.type for s in states for name, t in s.items() if name != "step"}


# Devices


def test_the_stand_in_refuses_what_a_gpu_refuses() -> None:
    here, there = torch.ones(3), torch.ones(3, device="meta")
    with Elsewhere() as mode:
        assert (there + there).is_meta
        assert (here.to("meta") + there).cpu().tolist() == [0, 0, 0]
        assert mode.back == 1
        for mixed in (lambda: there + here, lambda: torch.stack([there.sum(), here.sum()])):
            with pytest.raises(AssertionError, match="two devices"):
                mixed()


@pytest.mark.parametrize("classes", [False, True])
@pytest.mark.parametrize("recipe", KINDS)
def test_every_tensor_of_a_round_is_on_the_asked_device(
    recipe: str, classes: bool, elsewhere: Elsewhere
) -> None:
    """Both kinds of round (with R1 and without), a full batch and an epoch's last, smaller one;
    the way back is taken five times: two checks of each player, and what the round tells."""
    config = config_of(recipe, augment=("colour", "translation", "cutout"), mirror=True)
    frequencies = torch.tensor([0.25, 0.75]) if classes else None
    pair = build_players(config, frequencies, META)
    assert devices(pair) == {"meta"}
    for step, count in enumerate((8, 8, 5)):
        labels = torch.zeros(count, dtype=torch.int64) if classes else None
        with elsewhere:
            told = train_step(pair, config, random_images(count), step, labels)
        assert told.device.type == "cpu"
        assert elsewhere.back == 5 * (step + 1)
    assert devices(pair) == {"meta"}
    assert all(s["exp_avg"].is_meta for o in pair.optimisers.values() for s in o.state.values())


@pytest.mark.parametrize("recipe", KINDS)
def test_images_are_drawn_and_measured_on_the_asked_device(
    recipe: str, elsewhere: Elsewhere
) -> None:
    """Drawing, every network's features, the discriminator's scores; results are on the CPU."""
    config = config_of(recipe, measure_with=("random", "pixels", "efficientnet-lite0"))
    watch = Monitor(config, sides_of(soft_images(30), soft_images(12, seed=1)))
    watch.extractors = extractors_of(config, META.device)
    pair = build_players(config, hardware=META)
    with elsewhere:
        fakes = draw(pair.average, config, 21, 0, "watch")
        assert (fakes.device.type, fakes.shape) == ("cpu", (21, 3, 64, 64))
        for name in config.measure_with:
            features = watch.extract(name, fakes)
            assert features.device.type == "cpu"
            where = "cpu" if name == "pixels" else "meta"  # pixels stay where they are
            assert watch.extractors[name].device.type == where
        before = elsewhere.back
        watch.scores(pair, fakes)
        assert elsewhere.back > before


def test_what_is_random_is_drawn_the_same_for_any_device(elsewhere: Elsewhere) -> None:
    """The generators of a round end in the same state."""
    config = config_of("scratch", augment=("colour", "translation", "cutout"))
    randoms = []

    def kept(*name: Any) -> torch.Generator:
        randoms.append(gan.generator(*name))
        return randoms[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(steps, "generator", kept)
        train_step(build_players(config), config, random_images(8), 3)
        with elsewhere:
            train_step(build_players(config, hardware=META), config, random_images(8), 3)
    here, there = (random.get_state() for random in randoms)
    assert torch.equal(here, there)


def test_images_stay_on_a_device_that_has_room(monkeypatch: pytest.MonkeyPatch) -> None:
    images, gpu = random_images(4), torch.device("cuda", 0)
    for free, moves in ((4 * images.nbytes, True), (4 * images.nbytes - 1, False)):
        monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device, free=free: (free, 0))
        with monkeypatch.context() as patch:
            patch.setattr(Tensor, "to", lambda self, device: (self, device))
            found = stored(images, gpu)
        assert (found == (images, gpu)) if moves else (found is images)
    assert stored(images, CPU.device) is images


def test_rows_are_taken_where_images_are_and_pinned_on_their_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    images, rows, pinned = random_images(4), torch.tensor([2, 0]), []
    assert torch.equal(rows_on(images, rows, CPU.device), images[rows])
    monkeypatch.setattr(Tensor, "pin_memory", lambda self: pinned.append(self) or self)
    with Elsewhere():
        assert rows_on(images.to("meta"), rows, META.device).shape == (2, 3, 64, 64)
        assert not pinned
        assert rows_on(images, rows, META.device).is_meta
    assert torch.equal(pinned[0], images[rows])


# Mixed precision


def round_of(recipe: str, on: Hardware, step: int) -> tuple[Players, Tensor]:
    config = config_of(recipe, learning_rate=1e-12, discriminator_rate=1e-12)  # stands still
    pair = build_players(config, hardware=on)
    return pair, train_step(pair, config, soft_images(8), step)


@pytest.mark.parametrize("step", [0, 1])
@pytest.mark.parametrize("recipe", KINDS)
def test_a_round_in_bf16_is_float32s_but_for_bf16s_rounding(recipe: str, step: int) -> None:
    """bf16 keeps 8 bits, a rounding is off by 0.4 % at most. Losses are means over many scores.
    Gradients are compared by their direction: through ten layers their roundings, which add up
    as their squares, make some 2 % (a cosine of 0.9998), and dozens of times as much where units
    on either side of a kink flip; projected's pass fifty layers more, those of the frozen network,
    and four heads' losses are summed. What is kept is float32, and not bf16 in disguise.
    """
    off, cosine = {"projected": (0.05, 0.9)}.get(recipe, (0.005, 0.98))
    (plain, exact), (mixed, told) = (round_of(recipe, on, step) for on in (CPU, BF16))
    assert torch.allclose(told, exact, rtol=0, atol=off)
    assert not torch.equal(told, exact)
    for name, adam in mixed.optimisers.items():
        found = [
            torch.cat([s["exp_avg"].flatten() for s in o.state.values()])
            for o in (adam, plain.optimisers[name])
        ]
        assert torch.cosine_similarity(*found, dim=0) > cosine, name
        assert {t.dtype for s in adam.state.values() for t in s.values()} == {torch.float32}
    for name, module in mixed.modules.items():
        kept = [t for t in module.state_dict().values() if t.is_floating_point()]
        assert {t.dtype for t in kept} == {torch.float32}
        assert any(not torch.equal(t, t.bfloat16().float()) for t in kept), name


def test_frozen_weights_rounded_once_give_what_autocast_gives() -> None:
    """Rounded before training, not in every pass: the same bits."""
    config, images = config_of("projected"), soft_images(4).float() / 127.5 - 1
    exact, mixed = (build_players(config, hardware=on) for on in (CPU, BF16))
    assert isinstance(exact.projection, nn.Module)
    assert isinstance(mixed.projection, nn.Module)
    assert {p.dtype for p in mixed.projection.parameters()} == {torch.bfloat16}
    assert {p.dtype for p in exact.projection.parameters()} == {torch.float32}
    with BF16.autocast():
        views = exact.projection(images)
    for found, expected in zip(mixed.project(images), views):
        assert found.dtype == expected.dtype == torch.bfloat16
        assert torch.equal(found, expected)


@pytest.mark.parametrize("recipe", KINDS)
def test_scores_are_measured_of_players_in_bf16(recipe: str) -> None:
    """As in float32, but for the rounding of a frozen network; without one, the same bits."""
    config = config_of(recipe, measure_with=("pixels",))
    watch = Monitor(config, sides_of(soft_images(30), soft_images(12, seed=1)))
    fakes = soft_images(21, seed=2)
    exact, mixed = (watch.scores(build_players(config, hardware=on), fakes) for on in (CPU, BF16))
    for name in ("score_train", "score_held_out", "score_average"):
        assert mixed[name] == pytest.approx(exact[name], abs=0.05), name
        assert (mixed[name] == exact[name]) is (recipe != "projected"), name


@pytest.mark.parametrize(("side", "kernel"), [(12, 3), (9, 5), (11, 3), (8, 5)])
def test_the_gradient_through_a_halving_layer_in_bf16(side: int, kernel: int) -> None:
    """That of the formula with "SAME" padding, by autograd in float64, but for one rounding."""
    random = torch.Generator().manual_seed(0)
    unit = Unit(6, 6, kernel, 2, groups=6, active=False).requires_grad_(False)
    for parameter in unit.parameters():
        parameter.copy_(torch.randn(parameter.shape, generator=random))
    unit.to(torch.bfloat16)
    x = torch.randn(2, 6, side, side, generator=random).bfloat16().requires_grad_()
    total = max((-(-side // 2) - 1) * 2 + kernel - side, 0)
    y = x.detach().double().requires_grad_()
    padded = F.pad(y, (total // 2, total - total // 2) * 2)
    expected = F.conv2d(padded, unit.weight.double(), unit.bias.double(), 2, groups=6)
    found = unit(x)
    weights = torch.randn(expected.shape, generator=random).bfloat16()
    (found * weights).sum().backward()
    (expected * weights).sum().backward()
    assert torch.allclose(found.double(), expected, rtol=2**-8, atol=1e-6)
    assert x.grad is not None
    assert y.grad is not None
    assert x.grad.dtype == torch.bfloat16
    assert torch.allclose(x.grad.double(), y.grad, rtol=2**-8, atol=1e-6)


def test_r1_and_the_scores_it_differentiates_are_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    """The discriminator of a round with R1 learns the very same in either precision from the
    same images; of a round without, another thing."""
    views = [soft_images(8, seed=s).float() / 127.5 - 1 for s in (0, 1)]
    for step, equal in ((0, True), (1, False)):
        ends = []
        for on in (CPU, BF16):
            config = config_of("scratch")
            pair = build_players(config, hardware=on)
            sides = [([view.clone()], None) for view in views]
            update_discriminator(pair, config, *sides, step)
            ends.append(tensors(pair.discriminator))
        assert same(*ends) is equal


def test_spectral_norms_and_batch_statistics_stay_float32() -> None:
    """Power iterations see weights alone: the same bits as without bf16."""
    norms = []
    for on in (CPU, BF16):
        pair = build_players(config_of("projected"), hardware=on)
        views = pair.project(soft_images(4).float() / 127.5 - 1)
        assert views[0].dtype == (torch.bfloat16 if on is BF16 else torch.float32)
        scores = pair.score(views, None)
        assert {s.dtype for s in scores} == {torch.float32}
        norms.append({n: b.clone() for n, b in pair.discriminator.named_buffers()})
        made = pair.generate(torch.randn(4, 8), None)
        assert made.dtype == torch.float32
        assert {b.dtype for b in pair.generator.buffers()} == {torch.float32, torch.int64}
    assert norms[0]
    assert same(*norms)


# Compiled


@pytest.fixture
def compiling(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """No leftovers of a process that was killed; nothing compiled before or after."""
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    torch.compiler.reset()
    yield
    torch.compiler.reset()


COMPILER = pytest.mark.skipif(not shutil.which("g++"), reason="no C++ compiler (g++) here")
THEIRS = pytest.mark.filterwarnings("ignore::DeprecationWarning:torch")  # as it compiles


@COMPILER
@THEIRS
def test_compiled_rounds_are_the_eager_ones_but_for_rounding(compiling: None) -> None:
    """Fused kernels round sums in another order. Adam makes whole steps of its gradients' signs,
    so weights are compared by these gradients. (`scratch` is refused: torch 2.13 has gradients of
    zero for part of its generator.)"""
    config, found = config_of("dcgan", size=32), []
    on = resolve_hardware(HardwareConfig(device="cpu", compile=True))
    assert on == Hardware(compile=True)
    for hardware_of in (CPU, on):
        pair = build_players(config, hardware=hardware_of)
        if hardware_of.compile:
            untouched = [tensors(m) for m in pair.modules.values()]
            compile_players(pair, config)
            assert all(map(same, untouched, map(tensors, pair.modules.values())))
            assert all(p.grad is None for p in pair.generator.parameters())
        told = [train_step(pair, config, random_images(8, 32), step) for step in (0, 1)]
        moments = [s["exp_avg"] for o in pair.optimisers.values() for s in o.state.values()]
        found.append((torch.stack(told), torch.cat([m.flatten() for m in moments]),
                      list(pair.generator.state_dict())))  # fmt: skip
    (told, moments, names), (told_c, moments_c, names_c) = found
    assert names == names_c
    assert torch.allclose(told, told_c, rtol=1e-4, atol=1e-5)
    assert torch.allclose(moments, moments_c, rtol=1e-2, atol=1e-3 * moments.abs().max().item())


@pytest.mark.parametrize("off", ["a gradient is missing", "one is off", "those of the views are"])
def test_a_compiled_network_with_other_gradients_is_refused(
    off: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What torch did once with values that were right."""
    config = config_of("scratch")
    pair = build_players(config, hardware=Hardware(compile=True))
    player = pair.discriminator if "views" in off else pair.generator

    class Off(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            return x.clone()

        @staticmethod
        def backward(ctx: Any, *gradients: Tensor) -> Tensor:
            return 1.01 * gradients[0]

    def wrong(network: Any, dynamic: bool) -> None:
        weights = dict(network.named_parameters())
        name = list(weights)[-2]  # the last layer's: others begin without a gradient

        def call(what: Any) -> Any:
            if network is not player:
                return network.forward(what)
            if "views" in off:
                return network.forward([Off.apply(view) for view in what])
            weight = weights[name]
            stand_in = weight.detach() if "missing" in off else Off.apply(weight)
            network._compiled_call_impl = None
            found = torch.func.functional_call(network, {name: stand_in}, what)
            network._compiled_call_impl = call
            return found

        network._compiled_call_impl = call

    monkeypatch.setattr(nn.Module, "compile", wrong)
    named = "discriminator" if "views" in off else "generator"
    with pytest.raises(InputError, match=f"the {named} as torch compiles it has grad"):
        compile_players(pair, config)


@THEIRS
def test_compiling_without_a_compiler_is_refused_in_one_line(
    compiling: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import torch._inductor.config as inductor

    with inductor.patch({"cpp.cxx": (str(tmp_path / "none"),)}):
        with pytest.raises(InputError, match="`compile`: torch cannot compile here") as found:
            resolve_hardware(HardwareConfig(device="cpu", compile=True))
    assert "\n" not in str(found.value)
    monkeypatch.setattr(hardware, "world_size", lambda: 2)
    with pytest.raises(InputError, match="`compile`: not with several processes"):
        resolve_hardware(HardwareConfig(device="cpu", compile=True))


# What is refused, what is chosen


def machine(patch: pytest.MonkeyPatch, gpus: int, processes: int = 1, rank: int = 0) -> None:
    """A machine with so many GPUs, and this as one of so many processes on it."""
    patch.setattr(torch.cuda, "is_available", lambda: gpus > 0)
    patch.setattr(torch.cuda, "device_count", lambda: gpus)
    patch.setattr(device, "problem", lambda: "" if gpus else "no GPU is found")
    patch.setattr(torch.cuda, "device", lambda _: contextlib.nullcontext())
    patch.setattr(torch.cuda, "get_device_name", lambda _: "Old GPU")
    patch.setenv("LOCAL_WORLD_SIZE", str(processes))
    patch.setenv("LOCAL_RANK", str(rank))


@pytest.mark.parametrize(
    ("gpus", "processes", "rank", "asked", "found"),
    [
        (0, 1, 0, "auto", "cpu"), (1, 1, 0, "auto", "cuda:0"), (4, 3, 2, "auto", "cuda:2"),
        (2, 3, 1, "auto", "cpu"), (1, 1, 0, "cpu", "cpu"), (2, 2, 1, "cuda", "cuda:1"),
    ],
)  # fmt: skip
def test_each_process_has_a_gpu_of_its_own_or_none_has(
    gpus: int, processes: int, rank: int, asked: Any, found: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine(monkeypatch, gpus, processes, rank)
    assert resolve_hardware(HardwareConfig(device=asked)).device == torch.device(found)


@pytest.mark.parametrize(
    ("gpus", "processes", "says"),
    [(0, 1, "`device` cuda: .*`device` cpu"), (2, 3, "3 processes and 2 GPUs here")],
)
def test_too_few_gpus_are_refused(
    gpus: int, processes: int, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine(monkeypatch, gpus, processes)
    with pytest.raises(InputError, match=says):
        resolve_hardware(HardwareConfig(device="cuda"))


def test_a_gpu_that_does_not_work_is_named_and_left(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    machine(monkeypatch, 1)
    monkeypatch.setattr(device, "problem", lambda: "the GPU does not work (no kernel image)")
    assert resolve_hardware(HardwareConfig(device="auto")) == CPU
    said = capsys.readouterr().err
    assert said.strip() == "note: on the processor: the GPU does not work (no kernel image)"
    with pytest.raises(InputError, match=r"^`device` cuda: the GPU does not work"):
        resolve_hardware(HardwareConfig(device="cuda"))


def test_bf16_is_refused_where_a_gpu_cannot(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    machine(monkeypatch, 1)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: False)
    with pytest.raises(InputError, match="`precision` bf16: Old GPU has no units for it"):
        resolve_hardware(HardwareConfig(device="cuda", precision="bf16"))
    for times, notes in ((0.4, 1), (1.6, 0)):
        monkeypatch.setattr(hardware, "speedup", lambda times=times: times)
        assert resolve_hardware(HardwareConfig(device="cpu", precision="bf16")) == BF16
        assert capsys.readouterr().err.count("at 0.4 times float32's speed") == notes


@pytest.mark.parametrize(("times", "chosen"), [(1.6, "bf16"), (1.4, "float32")])
def test_auto_takes_bf16_where_it_pays(
    times: float, chosen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precision, "speedup", lambda device, dtype: times)
    assert resolve_hardware(HardwareConfig(device="cpu", precision="auto")).precision == chosen


def test_float32_means_float32_while_it_works(monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, 1)
    settings = torch.backends.cuda.matmul, torch.backends.cudnn.conv
    before = [s.fp32_precision for s in settings]
    assert before == ["none", "tf32"]  # torch's own: convolutions lose 13 bits
    inside = []

    def failing() -> None:
        with device_context(Hardware(torch.device("cuda", 0))):
            inside.extend(s.fp32_precision for s in settings)
            with exact(torch.device("cuda", 0)):  # as measuring does while it trains
                inside.extend(s.fp32_precision for s in settings)
            raise KeyError

    pytest.raises(KeyError, failing)
    assert inside == ["ieee"] * 4
    assert [s.fp32_precision for s in settings] == before


# Going on with other hardware


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_images(tmp_path_factory.mktemp("pictures"), soft_images(20))


def stopped(
    config: GanConfig, out: Path, on: Hardware, patch: pytest.MonkeyPatch, step: int = 4
) -> None:
    """Begins a run and stops it before a step; the state before that is saved."""
    patch.setattr(gan, "SAVE_EVERY_S", 0.0)

    def stopping(*told: Any) -> Tensor:
        if told[3] == step:
            raise KeyboardInterrupt
        return train_step(*told)

    with patch.context() as here:
        here.setattr(gan, "train_step", stopping)
        with pytest.raises(KeyboardInterrupt):
            train_gan(config, out, on)


def test_a_run_goes_on_in_another_precision_and_says_so(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The steps before are the same bytes as without it, those after are not; a resumed run
    keeps what its last session ran on; one of before there was a choice ran plainly."""
    config, out = tiny("scratch", folder), tmp_path / "run"
    stopped(config, out, CPU, monkeypatch)
    assert hardware_of_last_session(Run(out)) == HardwareConfig(device="cpu")
    capsys.readouterr()
    stopped(config, out, BF16, monkeypatch, step=6)
    note = "note: precision was 'float32' and is 'bf16': the run goes on, but not bit for bit"
    assert capsys.readouterr().err.count(note) == 1
    assert hardware_of_last_session(Run(out)) == HardwareConfig(device="cpu", precision="bf16")
    resume(out)
    facts = [{k: getattr(s, k) for k in BF16.facts} for s in Run(out).env.sessions]
    assert facts == [CPU.facts, BF16.facts, BF16.facts]
    train_gan(config, tmp_path / "plain")
    begun, plain = (
        [json.loads(line) for line in (path / "beginning.jsonl").read_text().splitlines()]
        for path in (out, tmp_path / "plain")
    )
    assert begun[:4] == plain[:4]
    assert begun[4] != plain[4]
    ends = [load((p / "generator.safetensors").read_bytes()) for p in (out, tmp_path / "plain")]
    assert {t.dtype for t in ends[0].values()} == {t.dtype for t in ends[1].values()}
    env = json.loads((out / "env.json").read_text())
    env["sessions"] = [{k: v for k, v in env["sessions"][0].items() if k not in BF16.facts}]
    (out / "env.json").write_text(json.dumps(env))
    seal(out)
    assert hardware_of_last_session(Run(out)) == HardwareConfig(device="cpu")


# On a real GPU


def gpu() -> Hardware:
    return resolve_hardware(HardwareConfig(device="cuda"))


@pytest.mark.gpu
@pytest.mark.parametrize("recipe", KINDS)
def test_a_round_on_a_gpu_is_the_processors_but_for_rounding(recipe: str) -> None:
    pairs, told = zip(*(round_of(recipe, on, 0) for on in (CPU, gpu())))
    assert torch.allclose(*told, rtol=1e-3, atol=1e-3)
    for name in pairs[0].optimisers:
        found = [
            torch.cat([s["exp_avg"].flatten().cpu() for s in p.optimisers[name].state.values()])
            for p in pairs
        ]
        assert torch.cosine_similarity(*found, dim=0) > 0.999


@pytest.mark.gpu
@pytest.mark.parametrize("recipe", KINDS)
def test_a_run_changes_between_processor_and_gpu(
    recipe: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """There and back; its snapshots' files are what the processor draws of the same weights."""
    config = tiny(recipe, folder)
    stopped(config, tmp_path / "run", CPU, monkeypatch, step=2)
    stopped(config, tmp_path / "run", gpu(), monkeypatch, step=7)
    train_gan(config, tmp_path / "run")
    assert capsys.readouterr().err.count("note: device was") == 2
    drawn = draw(gan_of(tmp_path / "run", 2), config, 10, config.seed, "snapshot")
    for index, image in enumerate(drawn):
        kept = tmp_path / "run" / "samples" / "epoch_002" / f"{index:02d}.png"
        assert torch.equal(picture(kept), image)
    assert sample(tmp_path / "run", 3, 0).device.type == "cpu"


def gan_of(run: Path, epoch: int) -> nn.Module:
    return load_generator(run, Choice(epoch=epoch))


def picture(path: Path) -> Tensor:
    import numpy as np

    from PIL import Image

    return torch.from_numpy(np.array(Image.open(path))).permute(2, 0, 1)


@pytest.mark.gpu
def test_a_gpu_draws_what_the_processor_draws_but_for_rounding() -> None:
    config, ends = config_of("projected"), []
    for on in (CPU, gpu()):
        with device_context(on):
            average = build_players(config, hardware=on).average
            ends.append(generate_images(average, torch.randn(
                30, 8, generator=torch.Generator().manual_seed(0))).int())
    assert (ends[0] - ends[1]).abs().max() <= 1
