"""Counts processes whose first exponential is wrong, with and without
`genlab.numerics.mkl_warmup`.

    python benchmarks/first_call.py [--processes 100]

Each process takes e^x of 120,000 numbers twice, on two threads, and says how many of the first
results differ from the second ones, and by how much at most, relative. Without `settle`, then with
it, in turn. Where two threads do not really run at once, as on a busy machine, nothing goes wrong.
"""

import argparse
import subprocess
import sys

from collections import Counter

PROCESS = """
import torch
torch.set_num_threads(2)
{settle}
torch.ones(500, 500) @ torch.ones(500, 500)  # both threads are awake
x = torch.linspace(-6, 0, 120_000)
first, second = x.exp(), x.exp()
print((first != second).sum().item(), ((first - second) / second).abs().max().item())
"""
WAYS = {"as it is": "", "settled": "from genlab.numerics.mkl_warmup import settle; settle()"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--processes", type=int, default=100)
    options = parser.parse_args()
    wrong, worst = Counter(), Counter()
    for _ in range(options.processes):
        for way, settle in WAYS.items():
            command = [sys.executable, "-c", PROCESS.format(settle=settle)]
            said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
            count, error = said.split()
            wrong[way] += int(count) > 0
            worst[way] = max(worst[way], float(error))
    for way in WAYS:
        print(
            f"{way}: {wrong[way]} of {options.processes} processes have wrong exponentials in "
            f"their first call, off by {worst[way]:.1e} at most"
        )


if __name__ == "__main__":
    main()
