"""The configuration of a measurement: generated images against real ones."""

__all__ = ["FEATURE_NAMES", "FEWEST", "PREPROCESSING_NAMES", "FidConfig"]

from dataclasses import dataclass
from typing import Literal, get_args

from tyro.conf import Positional

from genlab.common.errors import InputError
from genlab.common.identity import Crop

FeatureName = Literal[
    "efficientnet-lite0", "inception", "inception-768", "inception-192", "inception-64", "digits",
    "random", "pixels",
]  # fmt: skip
FEATURE_NAMES: tuple[str, ...] = get_args(FeatureName)
PreprocessingName = Literal["pytorch-fid", "tensorflow", "clean", "torchmetrics", "edm2"]
PREPROCESSING_NAMES: tuple[str, ...] = get_args(PreprocessingName)
Size = int | Literal["native"] | None
FEWEST = 10
"""The fewest different images of which a covariance or a test of ranks means anything."""
LARGEST = 4096
"""The largest size: one such image has 50 MB."""


@dataclass(frozen=True, kw_only=True)
class FidConfig:
    """Fréchet distances of generated images to real ones, with their errors."""

    real: Positional[str]
    """SOURCE of the real images: a folder, a .zip, an array (.npy, .npz), a name (see: genlab
    data), or a file of statistics (.npz with mu and sigma), which gives the distance alone."""
    fakes: Positional[tuple[str, ...]]
    """SOURCE of the generated images, or a run (GAN, VAE), which draws --n; several are ranked."""
    compare: bool = False
    """Rank several generators; several FAKES do so by themselves."""
    features: tuple[FeatureName | str, ...] = ()
    """Feature networks, or .onnx files with others (docs/fid.md). Not given: two,
    EfficientNet-Lite0 and, where its weights are at hand, FID Inception (else random
    convolutions): a result that one network alone supports is doubtful."""
    preprocessing: PreprocessingName = "pytorch-fid"
    """The tool whose way of resizing FID Inception's input is taken."""
    compare_preprocessing: bool = False
    """Show the distances by all five ways of preprocessing."""
    inception: str | None = None
    """File with FID Inception's weights (.pth, .npz, .safetensors); "download" fetches it."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where the networks compute; auto: on a GPU where there is one. Images are decoded and
    resized on the processor, whose resizing is exact."""
    precision: Literal["float32", "bf16", "fp16", "auto"] = "float32"
    """The precision of the networks; fp16: on GPUs only; auto: fp16 on a GPU, bf16 on a
    processor, where a short trial shows that it is faster."""
    size: Size = None
    """Both sets become squares of this side in pixels; "native" leaves every image as it is. Not
    given: the shorter side of the smallest generated image."""
    crop: Crop = "centre"
    """The square kept of a real picture (REAL, --held-out), of a folder or zip: as it was when
    the generator was trained. FAKES keep the central one."""
    n: int = 300
    """Images to draw from a run."""
    held_out: str | None = None
    """SOURCE of real images that the generator was not trained on, for the test of memorisation;
    without it the real images are compared with each other."""
    real_count: int | None = None
    """The number of images of REAL, a file of statistics that does not say it."""
    real_ddof: Literal[0, 1] = 1
    """The covariance in REAL, such a file, was divided by N - DDOF (StyleGAN: 0)."""
    permutations: int | None = None
    """Permutations for the floor and the p-value; 0 leaves out all resampling. Not given: 200,
    or 20 where each takes seconds (thousands of images and features)."""
    save_statistics: bool = False
    """Write the real images' mean and covariance, a file a network, to measure against later."""
    seed: int = 0
    """Decides everything random."""

    def __post_init__(self) -> None:
        if not self.fakes:
            raise InputError("FAKES: give at least one source of generated images")
        if self.compare and len(self.fakes) < 2:
            raise InputError("`compare`: give at least two sources of generated images")
        for name in self.features:
            if name not in FEATURE_NAMES and not name.endswith(".onnx"):
                names = ", ".join(FEATURE_NAMES)
                raise InputError(
                    f"`features` {name}: no such network; there are {names}, or give a .onnx file"
                )
        if len(set(self.features)) < len(self.features):
            raise InputError(f"`features` {' '.join(self.features)}: name each network once")
        if isinstance(self.size, int) and not 16 <= self.size <= LARGEST:
            raise InputError(f"`size` {self.size}: must be from 16 to {LARGEST} pixels")
        if self.permutations and self.permutations < 19:
            raise InputError(
                f"`permutations` {self.permutations}: at least 19 (p = 0.05 needs so many), or 0"
            )
        if self.n < 2:
            raise InputError(f"`n` {self.n}: at least 2")
