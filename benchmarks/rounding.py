"""How far results are apart where the same bits are not promised: threads and instruction sets.

    python -m benchmarks.rounding [--out benchmarks/rounding.json]

Trains a VAE (5,000 embedded digits, three epochs) and a GAN (`scratch`, 64 drawn dogs at 64
pixels, one epoch) with one thread; once more, which must give the same bytes; with two threads;
and with AVX2 in place of the processor's widest instructions (`ATEN_CPU_CAPABILITY`,
`ONEDNN_MAX_CPU_ISA`, `MKL_ENABLE_INSTRUCTIONS`). Another seed is beside them, as a scale. Printed
are the largest difference of a weight, the difference of the ELBO and its standard error, and the
largest difference of a pixel of ten samples, in levels of 255.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile

from pathlib import Path
from typing import Any

import numpy as np
import torch

from PIL import Image
from safetensors.torch import load

from genlab.common import atomic

VAE = "vae train --data mnist-5k --epochs 3 --importance 0"
GAN = "gan train toydogs:64 --recipe scratch --epochs 1 --held-out 0 --snapshots 1"
AVX2 = {
    "ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2", "MKL_ENABLE_INSTRUCTIONS": "AVX2",
}
WAYS: dict[str, tuple[dict[str, str], str]] = {
    "the same again": ({"OMP_NUM_THREADS": "1"}, ""),
    "two threads": ({"OMP_NUM_THREADS": "2"}, ""),
    "AVX2": ({"OMP_NUM_THREADS": "1"} | AVX2, ""),
    "another seed": ({"OMP_NUM_THREADS": "1"}, "--seed 1"),
}


def train(command: str, out: Path, more: str, environment: dict[str, str]) -> None:
    options = [*command.split(), *more.split(), "--out", str(out)]
    done = subprocess.run(
        [sys.executable, "-m", "genlab", *options], env=os.environ | environment,
        capture_output=True, text=True, check=False,
    )
    if done.returncode:
        raise SystemExit(done.stderr)


def compared(a: Path, b: Path, weights: str) -> dict[str, Any]:
    """How far two runs are apart."""
    data = [(run / weights).read_bytes() for run in (a, b)]
    first, second = map(load, data)
    shared = [key for key in first if first[key].is_floating_point()]
    found: dict[str, Any] = {
        "same bytes": data[0] == data[1],
        "largest difference of a weight": max(
            (first[key].double() - second[key].double()).abs().max().item() for key in shared
        ),
        "largest weight": max(first[key].abs().max().item() for key in shared),
    }
    results = [json.loads((run / "results.json").read_text(encoding="utf-8")) for run in (a, b)]
    if "elbo" in results[0]:
        found["ELBO differs by"] = abs(results[0]["elbo"]["value"] - results[1]["elbo"]["value"])
        found["its standard error"] = results[0]["elbo"]["error"]
    pictures = sorted((a / "samples").glob("*/*.png"))
    levels = [
        np.abs(np.asarray(Image.open(one)).astype(int)
               - np.asarray(Image.open(b / one.relative_to(a))).astype(int))
        for one in pictures
    ]  # fmt: skip
    if levels:
        found["largest difference of a pixel"] = int(max(one.max() for one in levels))
        found["mean difference of a pixel"] = float(np.mean([one.mean() for one in levels]))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("benchmarks/rounding.json"))
    options = parser.parse_args()
    results: dict[str, Any] = {
        "torch": torch.__version__, "capability": torch.backends.cpu.get_cpu_capability(),
    }
    with tempfile.TemporaryDirectory() as name:
        for kind, command, weights in (
            ("VAE", VAE, "model.safetensors"), ("GAN", GAN, "generator.safetensors")
        ):
            base = Path(name) / kind
            train(command, base, "", {"OMP_NUM_THREADS": "1"})
            for index, (way, (environment, more)) in enumerate(WAYS.items()):
                other = Path(name) / f"{kind}-{index}"
                train(command, other, more, environment)
                results[f"{kind}, {way}"] = found = compared(base, other, weights)
                print(f"{kind}, {way}: {found}", flush=True)
    atomic.write_json(options.out, results)


if __name__ == "__main__":
    main()
