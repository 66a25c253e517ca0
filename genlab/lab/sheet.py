"""The whole lab sheet: three VAEs, a GAN, its distances, the figures, the report."""

__all__ = ["plan", "run_lab"]

import time

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import genlab.data

from genlab.common import atomic
from genlab.common.progress import say
from genlab.common.typed_json import to_json
from genlab.configs.gan import RECIPES, GanConfig
from genlab.configs.lab import (
    DOGS_VAE,
    LAB_PRIORS,
    PRESETS,
    LabConfig,
    dogs_vae_config,
    vae_configs,
)
from genlab.data.arrays.pictures import ArrayPictures
from genlab.data.crops.crop import Crop
from genlab.data.files.pictures import FilePictures
from genlab.data.identity import Origin
from genlab.data.image_set import ImageSet
from genlab.data.image_splits import ImageSplits
from genlab.data.pictures import Pictures
from genlab.data.sources import at_hand
from genlab.explorer.explore import explore
from genlab.features.extractors import FeatureExtractors
from genlab.fid.defaults import default_extractors
from genlab.fid.distance import Plan
from genlab.fid.generated import of_run
from genlab.fid.measurement import measure_sets
from genlab.fid.results import GanMeasurement, Measurement, Snapshot, SnapshotDistance
from genlab.fid.sets import ImageSets
from genlab.figures.draw import draw_gan, draw_priors, draw_vae
from genlab.figures.outputs.samples import generate, of_gan
from genlab.figures.preparation import preparation_sheet
from genlab.figures.style import drawn_languages
from genlab.gan.images import training_images
from genlab.gan.results import read_gan_results
from genlab.gan.split import refuse_within
from genlab.gan.training.train import train_gan_on
from genlab.lab.crop import chosen_crop
from genlab.lab.dogs_vae import require_dogs, run_dogs_vae
from genlab.lab.handin.submission import check_author, submit, submitted
from genlab.lab.refresh import EXPLORER, gather, gathered
from genlab.lab.report.numbers.facts import PREPARATION
from genlab.runs.lock import resumable, run_lock
from genlab.runs.run import Run, open_run
from genlab.vae.train import train_vae

SIZE = 64
VAE_FIGURE = "figures/samples.png"
"""The figure of a VAE that is drawn last."""


def plan_gan(config: LabConfig, dogs: str, crop: Crop) -> GanConfig:
    """Returns the GAN's configuration within a lab run, of dogs and their crop."""
    preset = PRESETS[config.preset]
    images = preset.gan_images if config.gan_images is None else config.gan_images
    gan = RECIPES[config.recipe or preset.recipe](
        dogs, size=SIZE, epochs=config.gan_epochs, seed=config.decided_seed, images=images
    )
    # The sheet asks for a GAN of all images and its distance to them.
    return replace(
        gan, crop=crop, held_out=0.0, measure_fakes=max(16, config.fakes), checkpoints=config.checkpoints
    )


def plan(config: LabConfig, out: Path) -> dict[str, Any]:
    """Returns the resolved configuration of everything that a run would do."""
    mnist, dogs = _sources(config, out)
    gan = plan_gan(config, dogs, _crop(config, dogs, out))
    further = {}
    if DOGS_VAE in config.extra:
        further[DOGS_VAE] = asdict(dogs_vae_config(config, dogs, gan))
    return {
        "lab": asdict(config),
        "vae": {prior: asdict(c) for prior, c in vae_configs(config, mnist).items()},
        "gan": asdict(replace(gan, snapshots=gan.snapshot_epochs)),
        **further,
        "out": str(out),
    }


def run_lab(config: LabConfig, out: Path) -> dict[str, Any]:
    """Does the lab sheet in the folder `out`; steps that are finished there are not repeated.

    Raises:
        InputError: If an option, a data source or `out` cannot be used, or another process is at
            it there.
    """
    check_author(config.name, config.id)
    mnist, dogs = _sources(config, out)
    digits = genlab.data.splits(mnist)
    gan = plan_gan(config, dogs, _crop(config, dogs, out))
    real = training_images(gan)
    refuse_within(dogs, out)
    with run_lock(out), resumable(out):
        return _run(config, out, mnist, gan, digits, real)


def _run(
    config: LabConfig, out: Path, mnist: str, gan: GanConfig, digits: ImageSplits, real: ImageSet
) -> dict[str, Any]:
    """Does the unfinished steps of the lab sheet."""
    run = open_run(out, "lab", config, {"digits": digits.identity, "images": real.identity})
    if run.done:
        if not submitted(out):  # its folder was taken away
            submit(out, config.name, config.id, config.lang)
        return gather(out)
    for identity in (digits.identity, real.identity):
        if identity.stand_in:
            say(f"note: {identity.name} are an embedded stand-in; for the real thing give "
                "--preset full, or --mnist and --dogs (see: genlab data)")
    began = time.monotonic()
    dogs_vae = dogs_vae_config(config, gan.data, gan) if DOGS_VAE in config.extra else None
    if dogs_vae is not None and not (out / DOGS_VAE).exists():
        require_dogs(dogs_vae)  # what is refused is refused before hours of training
    for prior, vae in vae_configs(config, mnist).items():
        path = atomic.make_within(out, f"vae/{prior}")
        train_vae(vae, path)
        if not (path / VAE_FIGURE).exists():
            draw_vae(path, digits, drawn_languages())
    if not (out / "vae" / "priors.png").exists():
        paths = [out / "vae" / prior for prior in LAB_PRIORS]
        draw_priors(paths, out / "vae" / "priors.png", digits, drawn_languages())
    train_gan_on(real, gan, atomic.make_within(out, "gan"))
    _distances(config, real, out / "gan")
    draw_gan(out / "gan", real, drawn_languages())
    if gan.crop != "centre" and not (out / "gan" / PREPARATION).exists():
        _draw_preparation(gan, out / "gan" / PREPARATION)
    if dogs_vae is not None:
        run_dogs_vae(dogs_vae, atomic.make_within(out, DOGS_VAE), config.inception)
    submit(out, config.name, config.id, config.lang)
    say("making the page to explore")
    explore(out, out / EXPLORER, config.lang, mnist)
    run.finish(gathered(out))
    say(f"the lab took {(time.monotonic() - began) / 60:.1f} minutes in this session")
    return run.results


def _draw_preparation(gan: GanConfig, path: Path) -> None:
    """Draws photographs with the squares that the GAN learned from."""
    photos = genlab.data.images(gan.data, gan.size, gan.crop, gan.images)
    assert isinstance(photos, FilePictures)  # no others have such a crop
    atomic.write_png(path, preparation_sheet(photos))


def _distances(config: LabConfig, real: ImageSet, gan: Path) -> None:
    """Generates images, measures them, and measures as many images of each snapshot."""
    target = gan / "fid.json"
    if target.exists():
        return
    folder = gan / "generated"
    if not (folder / "results.json").exists():
        generate(of_gan(gan, config.decided_seed), config.fakes, folder)
    features, real_pictures = FeatureExtractors(config.inception), _pictures(real)
    extractors, missing = default_extractors(features)

    def measured(fake: Pictures) -> Measurement:
        sets = ImageSets(real=real_pictures, fake=fake)
        return measure_sets(sets, extractors, features, Plan(seed=config.decided_seed), missing)

    final = measured(genlab.data.images(str(folder), SIZE))
    *earlier, last = read_gan_results(Run(gan)).snapshots
    found = {epoch: measured(of_run(gan, config.fakes, config.decided_seed, epoch)) for epoch in earlier}
    epochs = [_snapshot(epoch, one) for epoch, one in (found | {last: final}).items()]
    atomic.write_json(target, to_json(GanMeasurement(**vars(final), epochs=epochs)))


def _snapshot(epoch: int, measured: Measurement) -> Snapshot:
    return Snapshot(
        epoch=epoch, n=measured.n_fake, different=measured.different.fake,
        recognised=measured.recognised_fake,
        distances={
            one.label: SnapshotDistance(distance=one.distance, null=one.null)
            for one in measured.distances
        },
    )  # fmt: skip


def _pictures(images: ImageSet) -> ArrayPictures:
    """Returns the images as pictures of the same origin."""
    who = images.identity
    origin = Origin(who.source, who.name, who.licence, who.stand_in)
    return ArrayPictures.open(images.images, origin)


def _sources(config: LabConfig, out: Path) -> tuple[str, str]:
    """Returns the sources of digits and dogs: those of the existing run, or what is at hand."""
    preset = PRESETS[config.preset]
    here = (
        (Run(out).data("digits").source, Run(out).data("images").source) if _begun(out)
        else (None, None)
    )
    mnist = config.mnist or here[0] or at_hand(preset.mnist)
    dogs = config.dogs or here[1] or at_hand(preset.dogs)
    return mnist, dogs


def _crop(config: LabConfig, dogs: str, out: Path) -> Crop:
    """Returns the crop asked for, that of the existing run, or the one that suits the dogs."""
    if config.crop is not None:
        return config.crop
    return Run(out).data("images").crop if _begun(out) else chosen_crop(dogs)


def _begun(out: Path) -> bool:
    """Returns whether there is a run already."""
    return (out / "config.json").exists() and (out / "env.json").exists()
