"""`genlab.Run`: any run directory, to look at.

    run = genlab.Run("runs/vae-vamp")
    run.results.elbo                       # −137.69 ± 0.50 nats
    run.config["prior"], run.figures["figures/manifold"]
    run.sample(16, seed=1)                 # a uint8 tensor
    run                                    # in a notebook: numbers with errors, and figures

It is not `genlab.runs.run.Run`, which trainings write with: nothing here changes a file, and
what stands here is kept stable for notebooks. Importing it, opening a run and showing one load
neither torch nor data nor networks; sampling does.
"""

__all__ = ["Run"]

import os

from pathlib import Path
from typing import TYPE_CHECKING, Any

from genlab.common.errors import InputError
from genlab.common.text import one_line
from genlab.common.typed_json import from_json
from genlab.fid.results import FidResults, GanMeasurement
from genlab.figures.language import is_twin
from genlab.gan.results import GanResults, read_gan_results
from genlab.notebook.page import page
from genlab.notebook.tables import Gan, LabResults, Results, headline
from genlab.runs import run as written
from genlab.runs.records import read_json
from genlab.runs.seal import DONE, has
from genlab.vae.results import OBJECTS, read_comparison, read_results

if TYPE_CHECKING:
    import numpy as np

    from PIL.Image import Image
    from torch import Tensor

    from genlab.data.arrays.layout import Array

PICTURES = (".png", ".webp", ".gif")


class Run:
    """A run directory: of a VAE, a GAN, a comparison, a measurement (`genlab fid`) or a lab.

    Arguments:
        path: The folder.

    Attributes:
        path: The folder.
        kind: "vae", "gan", "compare", "fid" or "lab".
        config: The options it was made with, by name; empty for a measurement, which keeps none.

    Raises:
        InputError: If the folder is no such run, saying what is missing.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        if not self.path.is_dir():
            what = "a file" if self.path.exists() else "no such folder"
            raise InputError(f"{self.path}: {what}; give the folder of a genlab run")
        self.kind: str
        self.config: dict[str, Any]
        if not has(self.path / "config.json") and _is_measurement(self.path):
            self.kind, self.config = "fid", {}
        else:
            run = written.Run(self.path)
            self.kind, self.config = run.kind, run.config

    @property
    def done(self) -> bool:
        """Whether the run is complete."""
        return self.kind == "fid" or (self.path / "DONE").exists()

    @property
    def results(self) -> Any:
        """The final numbers; None while there are none.

        Those of a VAE are a `genlab.vae.results.VaeResults`, those of a comparison a
        `genlab.vae.results.Comparison`, those of a measurement a
        `genlab.fid.results.FidResults`, those of a GAN a `genlab.gan.results.GanResults`, those
        of a lab hold those of its parts; a quantity is a `Measured`, a value with its standard
        error.
        """
        if not has(self.path / "results.json"):
            return None
        if self.kind in ("vae", OBJECTS):
            return read_results(written.Run(self.path))
        if self.kind == "compare":
            return read_comparison(written.Run(self.path))
        if self.kind == "gan":
            return read_gan_results(written.Run(self.path))
        file = self.path / "results.json"
        found = read_json(file)
        kinds = {"fid": FidResults, "lab": LabResults}
        if self.kind not in kinds:
            raise InputError(f"{self.path}: a run of unknown kind {self.kind!r}")
        return from_json(kinds[self.kind], found, str(file))

    @property
    def distances(self) -> GanMeasurement | None:
        """A GAN's distances to the real images, if a lab measured them."""
        file = self.path / "fid.json"
        if self.kind != "gan" or not has(file):
            return None
        return from_json(GanMeasurement, read_json(file), str(file))

    def metrics(self) -> list[dict[str, Any]]:
        """Returns what was written down during training, an entry an epoch; none if nothing."""
        return [] if self.kind == "fid" else written.Run(self.path).metrics()

    @property
    def figures(self) -> dict[str, Path]:
        """The pictures that lie in the folder, by their names without the ending.

        Those of the runs inside it are theirs (`runs`). Figures that were drawn in Chinese too
        are the English ones.
        """
        found = [*self.path.glob("*"), *self.path.glob("figures/*"), *self.path.glob("vae/*")]
        return {
            p.relative_to(self.path).with_suffix("").as_posix(): p
            for p in sorted(found) if p.suffix in PICTURES and not is_twin(p)
        }

    @property
    def runs(self) -> dict[str, "Run"]:
        """The runs inside this one, by their folders: those of a comparison or a lab."""
        names = ("*/config.json", "*/*/config.json", f"*/{DONE}", f"*/*/{DONE}")
        folders = {p.parent for name in names for p in self.path.glob(name)}
        return {p.relative_to(self.path).as_posix(): Run(p) for p in sorted(folders)}

    def sample(
        self, n: int, seed: int = 0, epoch: int | None = None, truncation: float = 1.0,
        best: bool = False, of_class: str | None = None, guidance: float = 0.0,
    ) -> "Tensor":
        """Draws images from the model; image i depends on the seed and on i alone.

        Arguments:
            n: How many images N.
            seed: Decides the latents: the same seed, the same images.
            epoch: A GAN's snapshot in place of the end of training.
            truncation: A GAN's psi, from 1 (none) to 0 (one mean image).
            best: A GAN's generator that was nearest to the held-out images, in place of the last.
            of_class: Images of this class only, of a GAN with classes.
            guidance: How far a VAE's draws go from the guide of its diffusion prior; 0 for draws
                of the prior itself.

        Returns:
            uint8 with shape `(N, 3, H, W)`: a GAN's images, or a VAE's decoded draws of its prior
            (the means of p(x|z); grey ones have three channels alike).

        Raises:
            InputError: If the run is of another kind or not complete, or an option cannot be.
        """
        if self.kind == "gan":
            from genlab.gan.load import Choice
            from genlab.gan.sampling import sample

            if guidance:
                raise InputError(f"{self.path}: guidance is a VAE's; this is a GAN")
            choice = Choice(epoch=epoch, best=best, truncation=truncation, of_class=of_class)
            return sample(self.path, n, seed, choice)
        if self.kind == "vae":
            from genlab.vae.latents.sampling import decoded_draws

            if epoch is not None or truncation != 1 or best or of_class is not None:
                raise InputError(
                    f"{self.path}: epoch, truncation, best and of_class are a GAN's; this is a VAE"
                )
            return decoded_draws(self.path, n, seed, guidance)
        inside = ", ".join(self.runs)
        raise InputError(
            f"{self.path}: a {self.kind!r} run has no model of its own"
            + (f"; take one of .runs: {inside}" if inside else "")
        )

    def encode(self, source: "str | Path | Array | None" = None) -> "dict[str, np.ndarray]":
        """Returns the codes of images under a VAE: mean and standard deviation of q(z|x).

        Arguments:
            source: A SOURCE of grey images of the same size, or arrays; the run's own images if
                not given.

        Returns:
            Of each split that there is, as "test": "test_mean" and "test_std", float32 with shape
            `(N, D)`, and "test_labels" where there are labels.

        Raises:
            InputError: If the run is no VAE or not complete, or there are no such images.
        """
        if self.kind != "vae":
            raise InputError(f"{self.path}: a {self.kind!r} run; only a VAE encodes images")
        from genlab.vae.latents.encoding import encode

        return encode(self.path, source)

    def sheet(
        self, n: int = 64, seed: int = 0, epoch: int | None = None, truncation: float = 1.0,
        best: bool = False, of_class: str | None = None,
    ) -> "Image":
        """Returns `sample` as one picture, which a notebook shows."""
        from genlab.notebook.sheet import sheet_of

        return sheet_of(self.sample(n, seed, epoch, truncation, best, of_class))

    def __repr__(self) -> str:
        words = headline(self.kind, self.done, self._known())
        return one_line(f"genlab.Run({str(self.path)!r}): {words}")

    def _repr_html_(self) -> str:
        last = self.metrics()[-1:] if not self.done else []
        return page(
            str(self.path), self.kind, self.done, self._known(), self.figures,
            dict(last[0]) if last else {},
        )

    def _known(self) -> Results | InputError:
        """The results, or what is wrong with them: showing a damaged run is no error."""
        try:
            results = self.results
            return Gan(results, self.distances) if isinstance(results, GanResults) else results
        except InputError as error:
            return error


def _is_measurement(path: Path) -> bool:
    if not (path / "results.json").exists():
        return False
    return "generators" in read_json(path / "results.json")
