"""Ends every command that trains, measures or writes by a signal, at random moments.

    python benchmarks/kills.py --kills 200
    python benchmarks/kills.py --kills 96 --signals TERM HUP INT --out benchmarks/signals.json

Real processes, their imports included (tests/cases/kills.py says how they are ended and what is
compared). kills.json has the moments and what was found; it is written after each chain of kills,
all of one signal.
A run that trains saves its state after every step here, not once a minute.
"""

import argparse
import json
import platform
import random
import shutil
import signal
import sys
import tempfile
import time

from collections import Counter
from dataclasses import asdict
from itertools import cycle
from pathlib import Path

import torch

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from cases.kills import (  # noqa: E402
    COMMANDS,
    Command,
    Commands,
    Fought,
    Peace,
    fight,
    in_peace,
    make_arena,
    make_inputs,
)

OUT = Path(__file__).with_suffix(".json")
SHARES = (30, 24, 16, 18, 10, 22, 20, 14, 14, 8, 8, 8, 8)
"""Of 200 kills, those of each command."""
CHAIN = 5
"""Kills of one and the same work, at most."""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cold", type=int, default=5, help="one process in so many is no fork")
    parser.add_argument("--signals", nargs="+", default=["KILL"], help="KILL, TERM, HUP, INT")
    parser.add_argument("--only", nargs="*", default=[command.name for command in COMMANDS])
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args()
    chance, began = random.Random(options.seed), time.monotonic()
    numbers = cycle([signal.Signals[f"SIG{name}"] for name in options.signals])
    for number in {signal.SIGTERM, signal.SIGHUP, signal.SIGINT}:
        signal.signal(number, signal.SIG_DFL)  # ignored ones, as by nohup, would stay so
    commands = Commands(options.cold)
    record = {
        "torch": torch.__version__, "system": platform.platform(), "seed": options.seed,
        "cold": options.cold,
        "kills": 0, "differing": 0, "left": 0, "lost": 0, "failed": 0, "commands": {},
    }  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="genlab-kills-") as folder:
        top = Path(folder)
        inputs = make_inputs(top / "inputs")
        needed = set(options.only) | {one.base for one in COMMANDS if one.name in options.only}
        peaces: dict[str, Peace] = {}
        chains: dict[str, list[Fought]] = {name: [] for name in options.only}
        wanted = {
            command.name: round(share * options.kills / sum(SHARES))
            for command, share in zip(COMMANDS, SHARES) if command.name in options.only
        }  # fmt: skip

        def lacking(name: str) -> int:
            return wanted[name] - sum(len(chain.kills) for chain in chains[name])

        while any(lacking(name) > 0 for name in wanted):
            for command in COMMANDS:
                if command.name not in needed:
                    continue
                base = peaces[command.base].arena if command.base else inputs
                if command.name not in peaces:
                    arena = make_arena(top / command.name, base)
                    peaces[command.name] = peace = in_peace(commands, command, arena)
                    print(f"{command.name}: {peace.seconds:.1f} s, {peace.calls} calls")
                if command.name not in wanted or lacking(command.name) < 1:
                    continue
                peace, kills = peaces[command.name], min(CHAIN, lacking(command.name))
                arena = make_arena(top / "arena", base)
                found = fight(commands, command, peace, arena, kills, chance, next(numbers))
                chains[command.name].append(found)
                note(record, command, peace, chains[command.name], time.monotonic() - began)
                options.out.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n")
                bad = found.differing + found.left + found.lost + found.failed
                told = f"{command.name}: {len(found.kills)} kills, {record['kills']} in all"
                print(told, *bad, sep="\n    ", flush=True)
                if bad:
                    kept = Path(tempfile.mkdtemp(prefix="genlab-killed-"))
                    shutil.copytree(arena, kept / "arena")
                    print("   ", kept, flush=True)
    commands.close()


def note(
    record: dict, command: Command, peace: Peace, chains: list[Fought], seconds: float
) -> None:
    """Enters what was found of a command, and the sums over all commands."""
    kinds = Counter(kind for chain in chains for kind, _ in chain.kills)
    signals = Counter(signal.Signals(one.number).name for one in chains for _ in one.kills)
    record["commands"][command.name] = {
        "kills": sum(kinds.values()), **signals, **kinds, "chains": len(chains),
        "resumes": sum(chain.resumes for chain in chains),
        "files compared": len(peace.files), "seconds": round(peace.seconds, 1),
        "calls": peace.calls,
        **{
            what: sum(len(asdict(chain)[what]) for chain in chains)
            for what in ("differing", "left", "lost", "failed")
        },
        "moments": ", ".join(
            f"{kind} {round(moment, 3)}" for chain in chains for kind, moment in chain.kills
        ),
    }  # fmt: skip
    for what in ("kills", "differing", "left", "lost", "failed"):
        record[what] = sum(one[what] for one in record["commands"].values())
    record["minutes"] = round(seconds / 60, 1)


if __name__ == "__main__":
    main()
