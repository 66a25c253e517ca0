"""Draws the samples of several GAN runs one below another: what each recipe makes, and when.

    python benchmarks/side_by_side.py projected=RUN scratch=RUN dcgan=RUN --out recipes.jpg

Each run's ten samples after each of the epochs that it kept; nothing is chosen.
"""

import argparse

from pathlib import Path

from genlab.figures.draw import read_sheet
from genlab.figures.grids import labelled_rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("runs", nargs="+", metavar="NAME=RUN")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--dpi", type=int, default=80, help="150 shows images of 128 px whole")
    options = parser.parse_args()
    rows = []
    for name, _, run in (text.partition("=") for text in options.runs):
        for folder in sorted(p for p in (Path(run) / "samples").iterdir() if p.is_dir()):
            epoch = int(folder.name.removeprefix("epoch_"))
            rows.append((f"{name}\nepoch {epoch}", read_sheet(folder)))
    figure = labelled_rows(rows)
    figure.savefig(options.out, dpi=options.dpi, pil_kwargs={"quality": 88})


if __name__ == "__main__":
    main()
