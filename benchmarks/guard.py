"""Shows that a change of the code changed no result: seeded runs before and after, compared.

    python benchmarks/guard.py list
    python benchmarks/guard.py record [CASE ...] [--tree DIR]
    python benchmarks/guard.py check [CASE ...] [--tree DIR]

After a refactoring, a run with the same seed must give the same bytes and digits as before. Each
case below is a few commands of `genlab`, as small as they can be, started as a user starts them,
so the script needs no module of the package and outlives all their moves. `record` runs the cases
on a tree and writes what they made to guard.json; `check` runs them again and says what is lost.
All cases take about eight minutes on one core.

Recorded of each case, by kind:

    weights   the SHA-256 of each tensor's (array's) bytes in .safetensors and .npz files
    samples   that of the pixels of generated images, decoded
    numbers   every number in .json and .jsonl files but config.json and env.json
    report    every number in the text of a .docx file
    page      every number and array inside an explorer page
    figures   that of the pixels of all other images

Names do not count, only values: whatever was recorded must occur in the same kind somewhere in the
case's new files, as often as before; of a number of few digits (eight characters at most) one
copy is enough. Tensors, keys and files may thus be renamed. New values are allowed, and counted.
Figures have words in them, which may change: a lost figure is reported and is no failure. Whole
numbers below ten are left out, they prove nothing; so are times, sizes and dates. `record` runs
every case twice and keeps what was the same both times.

Bits depend on the processor and on torch's version. On another machine than the baseline's, make
a baseline of the older commit first:

    git worktree add /tmp/older COMMIT
    python benchmarks/guard.py record --tree /tmp/older --baseline /tmp/older.json
    python benchmarks/guard.py check --baseline /tmp/older.json

Where an option was renamed, edit the table below (and let the older commit's own guard.py record
it); the values must stay. Where a result was meant to change, say so in the commit and record
that case again.
"""

import argparse
import importlib.util
import json
import os
import platform
import re
import shlex
import subprocess
import sys
import tempfile
import time

from collections import Counter
from collections.abc import Iterator
from functools import reduce
from importlib.metadata import version
from operator import and_
from pathlib import Path

import numpy as np

from guard_facts import Fact, compare, facts_of
from PIL import Image, ImageFilter

WEIGHTS = Path(os.environ.get("GENLAB_DATA", "data"), "inception").resolve().glob("*.npz")
INCEPTION = next(WEIGHTS, None)
"""A file of FID Inception's weights; without it that case is left out."""
VAE = "vae train --data mnist-5k --epochs 2 --hidden 32 --draws 2 --importance 100"
GAN = "gan train --epochs 2 --snapshots 1 --batch 8 --design.width 4 --measure-fakes 16"
DOGS = f"{GAN} toydogs:24"
COMPARE = "vae compare --data mnist-5k --epochs 1 --hidden 32 --components 8 --importance 100"

CASES = {
    # The priors.
    "prior-standard": f"{VAE} --out vae",
    "prior-mixture": f"{VAE} --prior mixture --prior.components 8 --out vae",
    "prior-mixture-full":
        f"{VAE} --prior mixture --prior.components 8 --prior.covariance full --out vae",
    "prior-vamp": f"{VAE} --prior vamp --prior.components 8 --out vae",
    "prior-vamp-mixture": f"{VAE} --prior vamp-mixture --prior.components 8 --out vae",
    "prior-gtm": f"{VAE} --prior gtm --prior.grid 4 --prior.hidden 8 --out vae",
    "prior-gtm-vamp": f"{VAE} --prior gtm-vamp --prior.grid 4 --prior.hidden 8 --out vae",
    "prior-realnvp": f"{VAE} --prior realnvp --prior.blocks 2 --prior.hidden 8 --out vae",
    "prior-spline":
        f"{VAE} --prior spline --prior.blocks 2 --prior.bins 4 --prior.hidden 8 --out vae",
    "prior-student": f"{VAE} --prior student --out vae",
    "prior-exemplar": f"{VAE} --prior exemplar --prior.components 64 --out vae",
    "prior-lars": f"{VAE} --prior lars --prior.truncation 10 --prior.hidden 8 --out vae",
    "prior-energy": f"{VAE} --prior energy --prior.hidden 8 --out vae",
    "prior-diffusion": f"{VAE} --prior diffusion --prior.hidden 8 --prior.steps 4 --out vae",
    "prior-zuko": f"{VAE} --prior zuko --prior.blocks 2 --prior.hidden 8 --out vae",
    # The objectives, and what else there is to training.
    "objective-elbo":
        f"{VAE} --samples 2 --beta 0.5 --warmup 1 --free-bits 0.1 --schedule constant --out vae",
    "objective-iwae-dreg": f"{VAE} --objective iwae --samples 2 --out vae",
    "objective-iwae-stl": f"{VAE} --objective iwae --samples 2 --gradient stl --out vae",
    "objective-iwae-plain": f"{VAE} --objective iwae --samples 2 --gradient plain --out vae",
    "objective-pooled": f"{VAE} --objective pooled --out vae",
    "objective-exact": f"{VAE} --objective exact --lattice 16 --out vae",
    "latent-1": f"{VAE} --latent 1 --prior vamp --prior.components 8 --out vae",
    "latent-40": f"{VAE} --latent 40 --prior vamp --prior.components 8 --annealed 4 --out vae",
    "patience": f"{VAE} --patience 1 --gated --fourier 0 --clip 1 --out vae",
    "checkpoints": f"{VAE} --checkpoints --out vae",
    "recipe-best-2d":
        "vae train --recipe best-2d --data mnist-5k --epochs 1 --importance 100 --out vae",
    "recipe-vampprior-paper":
        "vae train --recipe vampprior-paper --prior vamp --prior.components 8 --data mnist-5k "
        "--epochs 2 --warmup 1 --importance 100 --annealed 2 --out vae",
    # Trained VAEs, measured again and fitted again.
    "vae-evaluate": f"""
        {VAE} --out vae
        vae evaluate vae --importance 200 --annealed 4""",
    "vae-refit": f"""
        {VAE} --out vae
        vae refit vae --prior mixture --prior.components 8 --epochs 2 --out em
        vae refit vae --prior vamp --prior.components 8 --epochs 2 --no-em --out gradients
        {VAE} --post-hoc vae --prior vamp --prior.components 8 --em --out begun-by-em
        {VAE} --post-hoc vae --prior gtm --prior.grid 4 --prior.hidden 8 --out post-hoc""",
    "compare-3d": f"{COMPARE} --latent 3 --priors vamp lars energy exemplar --out compare",
    "compare-post-hoc":
        f"{COMPARE} --post-hoc --refit-epochs 1 --seeds 2 --priors mixture vamp --out compare",
    # GANs, distances, data.
    "gan-projected": f"{DOGS} --out gan",
    "gan-projected-short": f"{DOGS} --recipe projected-short --out gan",
    "gan-scratch":
        f"{DOGS} --recipe scratch --design.discriminator-width 4 --checkpoints --out gan",
    "gan-dcgan": f"{DOGS} --recipe dcgan --design.discriminator-width 4 --out gan",
    "gan-clusters": f"""
        {GAN} toydogs:40 --classes clusters --clusters 2 --held-out 0.3 --out gan
        gan sample gan --n 4 --class cluster-1 --best --out four""",
    "gan-folders":
        f"{GAN} ../pictures --recipe scratch --design.discriminator-width 4 --classes folders "
        "--crop subject --out gan",
    "gan-sample": f"""
        {DOGS} --recipe scratch --design.discriminator-width 4 --out gan
        gan sample gan --n 8 --out eight
        gan sample gan --n 4 --seed 1 --epoch 1 --truncation 0.7 --out four
        gan sample gan --n 4 --grid --out grid.png
        gan sample gan --n 3 --walk --out walk.webp""",
    "fid":
        "fid --permutations 20 toydogs:40 toydogs:24 --save-statistics --out fid "
        "--features efficientnet-lite0 random digits pixels",
    "fid-inception":
        "fid --permutations 20 toydogs:16 toydogs:12 --features inception-192 "
        f"--compare-preprocessing --inception {INCEPTION} --out fid",
    "fid-ranking":
        "fid --permutations 20 toydogs:40 toydogs:24 ../pictures --held-out toydogs:16 "
        "--features random --out fid",
    "data-check": "data check ../doubtful --out check",
    # All of it together.
    "lab": """
        lab --vae-epochs 1 --gan-epochs 2 --gan-images 24 --dogs toydogs:24 --fakes 16 --name Li
            --id 1 --out lab
        report lab --lang en
        verify lab/report""",
}  # fmt: skip

BASELINE = Path(__file__).with_suffix(".json")


def paint(work: Path) -> None:
    """Writes 24 pictures in two folders, and beside them a folder that needs `data check`."""
    random = np.random.default_rng(0)
    cold, warm, doubtful = work / "pictures/cold", work / "pictures/warm", work / "doubtful"
    for place in (cold, warm, doubtful):
        place.mkdir(parents=True)
    for index in range(24):
        noise = Image.fromarray(random.integers(0, 256, (12, 14, 3), dtype=np.uint8))
        picture = noise.resize((112 + 8 * (index % 5), 96), Image.Resampling.BICUBIC)
        picture.save((warm if index % 2 else cold) / f"{index:02d}.png")
        picture.save(doubtful / f"{index:02d}.png")
    picture.save(doubtful / "copy.jpg", quality=90)
    picture.filter(ImageFilter.GaussianBlur(1)).save(doubtful / "blurred.png")
    picture.crop((8, 8, 88, 88)).save(doubtful / "crop.png")
    (doubtful / "broken.png").write_bytes((warm / "23.png").read_bytes()[:200])


def commands_of(case: str) -> list[list[str]]:
    """Returns a case's commands: one a line, further lines of one being indented more."""
    text = re.sub(r"\n {12,}", " ", CASES[case]).strip()
    return [shlex.split(line) for line in text.splitlines()]


def lacks(case: str) -> str | None:
    """Returns what a case needs and is not at hand."""
    if case == "prior-zuko" and not importlib.util.find_spec("zuko"):
        return "zuko"
    if case == "fid-inception" and INCEPTION is None:
        return "GENLAB_DATA/inception/*.npz"
    return None


def run(case: str, tree: Path, work: Path, cache: Path) -> list[Fact]:
    """Runs a case's commands in a folder of its own and returns all that they made.

    Raises:
        RuntimeError: If a command fails.
    """
    folder = work / case
    folder.mkdir()
    given = {name: value for name, value in os.environ.items() if not name.startswith("GENLAB_")}
    environment = given | {
        "PYTHONPATH": str(tree), "GENLAB_CACHE": str(cache), "OMP_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "", "PYTHONDONTWRITEBYTECODE": "1",
    }  # fmt: skip
    for command in commands_of(case):
        done = subprocess.run(
            [sys.executable, "-m", "genlab", *command], cwd=folder, env=environment,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        if done.returncode:
            last = "\n    ".join(done.stdout.splitlines()[-8:])
            raise RuntimeError(f"    genlab {shlex.join(command)}: {done.returncode}\n    {last}")
    return facts_of(folder)


def machine() -> dict[str, str]:
    """Returns what decides the bits."""
    processor = platform.processor() or platform.machine()
    if (cpuinfo := Path("/proc/cpuinfo")).exists():
        text = cpuinfo.read_text()
        name = re.search(r"model name\s*: (.*)", text)
        widest = max((w for w in ("avx", "avx2", "avx512f") if f" {w} " in text), default="")
        processor = f"{name[1] if name else processor} {widest}".strip()
    return {"processor": processor, "torch": version("torch")}


def run_all(options: argparse.Namespace, times: int) -> Iterator[tuple[str, list[Fact] | None]]:
    """Runs each case, and yields what it made the same each time, or None where it failed."""
    with tempfile.TemporaryDirectory(prefix="guard-") as temporary:
        work = options.keep or Path(temporary)
        rounds = [work / str(index) for index in range(times)]
        for folder in rounds:
            paint(folder)
        for case in options.cases or CASES:
            if missing := lacks(case):
                print(f"{case}: left out, there is no {missing}")
                continue
            began = time.monotonic()
            try:
                made = [Counter(run(case, options.tree, each, work / "cache")) for each in rounds]
            except RuntimeError as error:
                print(f"{case}: FAILED\n{error}", flush=True)
                yield case, None
                continue
            same = reduce(and_, made)
            seconds = (time.monotonic() - began) / times
            print(f"{case}: {same.total()} values in {seconds:.0f} s", flush=True)
            for fact in sorted(made[0] - same):
                print(f"    varies: {fact.kind} {fact.file} {fact.name} = {fact.value}")
            yield case, sorted(same.elements())


def record(options: argparse.Namespace) -> int:
    kept = {"machine": machine(), "cases": {}}
    if options.cases and options.baseline.exists():
        kept = json.loads(options.baseline.read_text(encoding="utf-8"))
        if kept["machine"] != machine():
            print("the baseline is of another machine: record all cases")
            return 2
    failed = 0
    for case, facts in run_all(options, 2):
        if facts is None:
            failed += 1
            continue
        kept["cases"][case] = {}
        for kind, file, name, value in facts:
            files = kept["cases"][case].setdefault(kind, {})
            files.setdefault(file, []).append(f"{name} = {value}")
        text = json.dumps(kept, indent=0, ensure_ascii=False)
        options.baseline.write_text(text + "\n", encoding="utf-8")
    return int(failed > 0)


def recorded(case: dict[str, dict[str, list[str]]]) -> list[Fact]:
    return [
        Fact(kind, file, *line.rsplit(" = ", 1))
        for kind, files in case.items() for file, lines in files.items() for line in lines
    ]  # fmt: skip


def check(options: argparse.Namespace) -> int:
    kept = json.loads(options.baseline.read_text(encoding="utf-8"))
    if kept["machine"] != machine():
        print(
            f"note: the baseline is of another machine, {kept['machine']}; this is\n{machine()}."
            " Their last bits differ. Make a baseline of the older\ncommit here and check against "
            "that; how, the top of this script says."
        )
    same, other = [], []
    for case, facts in run_all(options, 1):
        known = kept["cases"].get(case)
        if known is None:
            print("    not in the baseline: record it on the older commit")
        held = known is not None and facts is not None and compare(recorded(known), facts)
        (same if held else other).append(case)
    print(f"{len(same)} cases are the same" + "; not so: " * bool(other) + ", ".join(other))
    return int(bool(other) or not same)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("action", choices=("list", "record", "check"))
    parser.add_argument("cases", nargs="*", metavar="CASE", help="all if none is given")
    parser.add_argument("--tree", type=Path, default=Path(__file__).resolve().parent.parent,
                        help="the tree whose genlab runs; this script's own if not given")
    parser.add_argument("--baseline", type=Path, default=BASELINE, help="guard.json if not given")
    parser.add_argument("--keep", type=Path, help="keep what the runs make, in this new folder")
    options = parser.parse_args()
    options.tree = options.tree.resolve()
    options.keep = options.keep and options.keep.resolve()
    if unknown := set(options.cases) - set(CASES):
        parser.error(f"unknown cases: {', '.join(sorted(unknown))}")
    if options.action == "list":
        for case in CASES:
            print(case)
            for command in commands_of(case):
                print("    genlab", shlex.join(command))
        return 0
    return record(options) if options.action == "record" else check(options)


if __name__ == "__main__":
    sys.exit(main())
