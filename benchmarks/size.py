"""Peak memory and time of every command by the number of its pictures.

    python benchmarks/size.py [CASE ...] [--most N] [--threads T] [--folder DIR] [--out FILE]
    python benchmarks/size.py --table

Each case is one command of `genlab`, in a process of its own with an empty cache, at several
numbers of pictures (benchmarks/size_pictures.py draws them). Measured are

    peak      the largest resident memory of the process (ru_maxrss, which counts pages of files
              that are mapped, too)
    imports   the resident memory of a process that imports the same modules and does nothing
    wall, processor    seconds; the second of all threads together
    cache     the bytes that the command leaves in the cache

What the pictures take is `peak - imports`; the last columns of the table are its growth from the
second largest to the largest number of pictures, in kilobytes a picture.

A case that needs a run trains one first, which is not counted. With `--out` each result is written
when it is there, in place of an earlier one of the same case and number, so that cases may be
measured one by one.
"""

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[1]
FAKES = 1000
"""Generated pictures that others are compared with."""
APART = 1_000_000
"""The number of the first of them: no other set has it."""

RUN = """
import json, os, runpy, sys
kept, argv = sys.argv[1], sys.argv[2:]
try:
    if argv[0].endswith(".py"):
        sys.argv = argv
        runpy.run_path(argv[0], run_name="__main__")
    else:
        sys.argv = ["genlab", *argv]
        runpy.run_module("genlab", run_name="__main__")
finally:
    with open(kept, "w") as file:
        json.dump(sorted(sys.modules), file)
"""
"""Runs a command (or script) and writes down which modules it has loaded."""

IMPORT = """
import contextlib, importlib, json, os, sys
for name in json.load(open(sys.argv[1])):
    if not name.startswith("_") and "__main__" not in name:
        with contextlib.suppress(Exception):
            importlib.import_module(name)
status = open("/proc/self/status").read()
print(int(status.split("VmRSS:")[1].split()[0]))
"""
"""Imports these modules and prints its resident memory in kilobytes."""

EXPORT = """
import sys, torch
from pathlib import Path
from genlab.export import decoder, to_onnx
from genlab.vae.load import load_vae
vae, _ = load_vae(Path(sys.argv[1]))
to_onnx(decoder(vae), torch.zeros(2, 2), Path(sys.argv[2]))
"""


class Bench:
    """Where a case runs: the pictures, a folder for what it writes, the number of threads."""

    def __init__(self, folder: Path, threads: int) -> None:
        self.folder, self.threads = folder, threads
        self.work = Path(tempfile.mkdtemp(prefix="work-", dir=folder))

    def pictures(self, kind: str, count: int, first: int = 0) -> str:
        drawn = subprocess.run(
            [sys.executable, "-c", "import sys; from pathlib import Path; import size_pictures;"
             "print(size_pictures.made(Path(sys.argv[1]), sys.argv[2], *map(int, sys.argv[3:])))",
             str(self.folder / "pictures"), kind, str(count), str(first)],
            cwd=ROOT / "benchmarks", check=True, capture_output=True, text=True,
        )  # fmt: skip
        return drawn.stdout.strip()

    @property
    def environment(self) -> dict[str, str]:
        return os.environ | {
            "GENLAB_CACHE": str(self.work / "cache"), "OMP_NUM_THREADS": str(self.threads),
            "PYTHONPATH": str(ROOT), "GENLAB_DATA": str(self.work),
        }  # fmt: skip

    def run(self, *command: str) -> None:
        """Runs a command that is not measured."""
        subprocess.run(
            [sys.executable, "-m", "genlab", *command], env=self.environment, check=True,
            cwd=self.work, capture_output=True,
        )  # fmt: skip

    def measure(self, command: Sequence[str]) -> dict[str, Any]:
        """Runs a command and returns its peak memory and its time."""
        modules, log = self.work / "modules.json", self.work / "log.txt"
        before, began = bytes_in(self.work / "cache"), time.monotonic()
        with log.open("wb") as output:
            child = subprocess.Popen(
                [sys.executable, "-c", RUN, str(modules), *command], env=self.environment,
                cwd=self.work, stdout=output, stderr=output,
            )  # fmt: skip
            _, status, used = os.wait4(child.pid, 0)
        code = os.waitstatus_to_exitcode(status)
        if code not in (0, 3 if command[0] == "verify" else 0):  # 3: no MNIST here to judge by
            raise SystemExit(f"genlab {' '.join(command)}: {code}\n{log.read_text()[-2000:]}")
        imports = subprocess.run(
            [sys.executable, "-c", IMPORT, str(modules)], env=self.environment, cwd=self.work,
            check=True, capture_output=True, text=True,
        ).stdout.split()[-1]  # fmt: skip
        return {
            "peak_mb": round(used.ru_maxrss / 1024, 1),
            "imports_mb": round(int(imports) / 1024, 1),
            "wall_s": round(time.monotonic() - began, 1),
            "processor_s": round(used.ru_utime + used.ru_stime, 1),
            "cache_mb": round((bytes_in(self.work / "cache") - before) / 2**20, 1),
        }

    def clear(self) -> None:
        shutil.rmtree(self.work)
        self.work.mkdir()


def bytes_in(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


Prepared = Sequence[str]


class Case(NamedTuple):
    """A command and the numbers of pictures that it is measured at."""

    what: str
    command: Callable[[Bench, int], Prepared]
    """Prepares what the command needs, and returns it."""
    sizes: tuple[int, ...] = (200, 2_000, 20_000)


VAE = "vae train --epochs 1 --hidden 32 --draws 2 --importance 100 --out vae --data".split()
GAN = (
    "gan train --epochs 1 --snapshots 1 --batch 32 --design.width 1 "
    "--design.discriminator-width 4 --measure-fakes 50 --out gan".split()
)
SCRATCH = [*GAN, "--recipe", "scratch", "--measure-with", "random"]
PROJECTED = [*GAN, "--recipe", "projected", "--design.feature-size", "32"]
LAB = (
    "lab --vae-epochs 1 --gan-epochs 2 --gan-images 24 --dogs toydogs:24 --fakes 16 --name Li "
    "--id 1 --out lab".split()
)


def vae_train(bench: Bench, count: int) -> Prepared:
    return [*VAE, bench.pictures("idx", count)]


def vae_evaluate(bench: Bench, count: int) -> Prepared:
    bench.run(*vae_train(bench, count))
    return ["vae", "evaluate", "vae"]


def vae_compare(bench: Bench, count: int) -> Prepared:
    small = "vae compare --priors standard mixture vamp --epochs 1 --hidden 32 --components 8"
    return [*small.split(), "--importance", "100", "--data", bench.pictures("idx", count)]


def gan_train(options: list[str], kind: str) -> Callable[[Bench, int], Prepared]:
    return lambda bench, count: [*options, bench.pictures(kind, count)]


def gan_sample(bench: Bench, count: int) -> Prepared:
    bench.run(*SCRATCH, bench.pictures("folder", 200))
    return ["gan", "sample", "gan", "--n", str(count)]


def fid(features: str, kind: str = "folder") -> Callable[[Bench, int], Prepared]:
    def command(bench: Bench, count: int) -> Prepared:
        real = bench.pictures(kind, count)
        fake = bench.pictures("folder", min(count, FAKES), APART)
        return ["fid", real, fake, "--features", features]

    return command


def fid_of_many(bench: Bench, count: int) -> Prepared:
    real, fake = bench.pictures("folder", count), bench.pictures("folder", count, APART)
    return ["fid", real, fake, "--features", "pixels"]


def fid_of_generated(bench: Bench, count: int) -> Prepared:
    real = bench.pictures("folder", FAKES)
    return ["fid", real, bench.pictures("folder", count, APART), "--features", "digits"]


def fid_against_statistics(bench: Bench, count: int) -> Prepared:
    real = bench.pictures("folder", FAKES)
    bench.run("fid", real, bench.pictures("folder", 200, APART), "--features", "pixels",
              "--save-statistics", "--permutations", "0")  # fmt: skip
    statistics = "runs/fid/statistics-pixels.npz"
    return ["fid", statistics, bench.pictures("folder", count, APART), "--features", "pixels",
            "--out", "second"]  # fmt: skip


def fid_again(bench: Bench, count: int) -> Prepared:
    command = [*fid("pixels")(bench, count), "--permutations", "0"]
    bench.run(*command)
    return command


def data_check(kind: str) -> Callable[[Bench, int], Prepared]:
    return lambda bench, count: ["data", "check", bench.pictures(kind, count)]


def of_lab(*command: str) -> Callable[[Bench, int], Prepared]:
    """A command on a lab run, trained on so many digits."""

    def prepared(bench: Bench, count: int) -> Prepared:
        bench.run(*LAB, "--mnist", bench.pictures("idx", count))
        return command

    return prepared


def exported(bench: Bench, count: int) -> Prepared:
    bench.run(*vae_train(bench, count))
    script = bench.work / "export.py"
    script.write_text(EXPORT)
    return [str(script), "vae", "decoder.onnx"]


MANY = (200, 2_000, 20_000, 100_000)
CASES = {
    "vae train": Case("1 epoch, idx", vae_train),
    "vae evaluate": Case("idx", vae_evaluate),
    "vae compare": Case("3 priors, 1 epoch, idx", vae_compare),
    "gan train scratch, folder": Case("1 epoch", gan_train(SCRATCH, "folder")),
    "gan train scratch, zip": Case("1 epoch", gan_train(SCRATCH, "zip")),
    "gan train scratch, npy": Case("1 epoch", gan_train(SCRATCH, "npy")),
    "gan train scratch, npz": Case("1 epoch", gan_train(SCRATCH, "npz")),
    "gan train projected": Case("1 epoch, folder", gan_train(PROJECTED, "folder")),
    "gan sample": Case("N drawn", gan_sample),
    "fid pixels, folder": Case("N real, 1,000 generated", fid("pixels")),
    "fid digits, folder": Case("1,000 real, N generated", fid_of_generated, MANY),
    "fid pixels, zip": Case("N real, 1,000 generated", fid("pixels", "zip")),
    "fid pixels, npy": Case("N real, 1,000 generated", fid("pixels", "npy")),
    "fid pixels, both N": Case("N real, N generated", fid_of_many),
    "fid Lite0, folder": Case("N real, 1,000 generated", fid("efficientnet-lite0")),
    "fid pixels, kept features": Case("no resampling", fid_again),
    "fid, statistics": Case("N generated, pixels", fid_against_statistics, MANY),
    "data check, folder": Case("", data_check("folder"), MANY),
    "data check, zip": Case("", data_check("zip")),
    "report": Case("of a lab run", of_lab("report", "lab")),
    "submit": Case("of a lab run", of_lab("submit", "lab")),
    "explore": Case("of a lab run", of_lab("explore", "lab")),
    "doctor RUN": Case("of a lab run", of_lab("doctor", "lab")),
    "verify": Case("of a lab run", of_lab("verify", "lab/report")),
    "export": Case("of a VAE", exported),
}


def table(results: dict[str, Any]) -> str:
    """The results as a table of Markdown."""
    lines = [
        "| command | N | peak MB | less imports | kB a picture | wall s | processor s |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, by_size in results["cases"].items():
        before: tuple[int, float] | None = None
        for size, one in sorted(by_size.items(), key=lambda row: int(row[0])):
            own = one["peak_mb"] - one["imports_mb"]
            more = ""
            if before is not None:
                more = f"{(own - before[1]) * 1024 / (int(size) - before[0]):.1f}"
            lines.append(
                f"| {name} | {int(size):,} | {one['peak_mb']:.0f} | {own:.0f} | {more} | "
                f"{one['wall_s']:.0f} | {one['processor_s']:.0f} |"
            )
            before = int(size), own
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("cases", nargs="*", help=", ".join(CASES))
    parser.add_argument("--most", type=int, default=10**9, help="the largest number of pictures")
    parser.add_argument("--least", type=int, default=0, help="the smallest")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--folder", type=Path, default=Path("/tmp/genlab-size"))
    parser.add_argument("--out", type=Path)
    parser.add_argument("--table", action="store_true", help="print the table of --out, no more")
    given = parser.parse_args()
    results: dict[str, Any] = {"cases": {}}
    if given.out and given.out.exists():
        results = json.loads(given.out.read_text())
    if given.table:
        print(table(results))
        return
    given.folder.mkdir(parents=True, exist_ok=True)
    bench = Bench(given.folder.resolve(), given.threads)
    results["machine"] = {"cores": os.cpu_count(), "threads": given.threads,
                          "python": platform.python_version()}  # fmt: skip
    for name in given.cases or CASES:
        for size in CASES[name].sizes:
            if given.least <= size <= given.most:
                found = bench.measure(CASES[name].command(bench, size))
                print(f"{name}, {size:,}: {found}", flush=True)
                results["cases"].setdefault(name, {})[str(size)] = found
                bench.clear()
                if given.out:
                    given.out.write_text(json.dumps(results, indent=1) + "\n")
    shutil.rmtree(bench.work)


if __name__ == "__main__":
    main()
