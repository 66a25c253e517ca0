"""The validation ELBO of VAE runs by epoch, in one figure: who is ahead, and is it still rising?

    python benchmarks/learning_curve.py RUN [RUN ...] --out docs/images/paper-curve.png

RUN is a run with early stopping (--patience), finished or not.
"""

import argparse

from pathlib import Path

from matplotlib.figure import Figure

from genlab.figures.style import save
from genlab.runs.run import Run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", nargs="+", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    figure = Figure(figsize=(6.4, 3.4), dpi=150, layout="constrained")
    axis = figure.subplots()
    for path in options.runs:
        run = Run(path)
        shown = [r for r in run.metrics() if r["epoch"] >= run.config["warmup"]]
        epochs, elbos = [r["epoch"] for r in shown], [r["valid_elbo"] for r in shown]
        (line,) = axis.plot(epochs, elbos, linewidth=1)
        axis.annotate(
            f"{run.config['prior']} {elbos[-1]:.2f}", (epochs[-1], elbos[-1]), (4, 0),
            textcoords="offset points", color=line.get_color(), va="center", fontsize=8,
        )
    axis.set(xlabel="epoch", ylabel="validation ELBO, nats")
    axis.spines[["top", "right"]].set_visible(False)
    axis.margins(x=0.02)
    axis.set_xlim(right=axis.get_xlim()[1] * 1.16)
    save(figure, options.out)


if __name__ == "__main__":
    main()
