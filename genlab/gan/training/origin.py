"""A run that goes on from another: its networks and optimisers begin as that one's ended.

A finished run keeps players.safetensors: generator, discriminator and both optimisers' moments
after the last step; its average is generator.safetensors. A run that goes on from it counts steps
and epochs on from there wherever they decide what is random. So of the same images, with the same
options and seed, a run of 30 epochs and one of 20 that goes on from it end, bit for bit, as one of
50 does (where no learning rate was halved on the way). Images and options may differ: then it is
training that begins with networks that have learned something already.

origin.json is the record of the run before.
"""

__all__ = ["ORIGIN", "PLAYERS", "begin", "keep_origin", "players_bytes", "refuse_more_epochs"]

from dataclasses import replace
from pathlib import Path

from torch import Tensor, nn

from genlab.common import atomic
from genlab.common.errors import InputError
from genlab.common.formats.tensors import read_tensors, require_finite
from genlab.common.paths import from_way
from genlab.common.typed_json import from_json, to_json
from genlab.configs.checks import require_alike
from genlab.configs.gan import GanConfig
from genlab.gan.load import gan_config
from genlab.gan.results import Origin, read_gan_results
from genlab.gan.training.players import Players
from genlab.runs.records import read_json
from genlab.runs.run import Run
from genlab.runs.seal import digest_of, has, read_kept, write_kept
from genlab.runs.state import pack, unpack

PLAYERS, ORIGIN = "players.safetensors", "origin.json"
"""The files' names."""
BUILT_OF = ("design", "design_options", "size", "latent", "classes")
"""Options that the networks are built of."""


def players_bytes(players: Players) -> bytes:
    """Returns the contents of players.safetensors."""
    return atomic.tensor_bytes(pack(_networks(players), players.optimisers))


def _networks(players: Players) -> dict[str, nn.Module]:
    """Returns the networks that players.safetensors holds."""
    return {"generator": players.generator, "discriminator": players.discriminator}


def begin(config: GanConfig, run: Run, players: Players) -> Origin | None:
    """Gives the players of a run that begins what its origin ended with.

    One that has begun already is left as it is, for its own states hold all.

    Arguments:
        config: The run's configuration.
        run: The run.
        players: Its players.

    Returns:
        The record of the origin; None of a run that begins with new networks.

    Raises:
        InputError: If the origin is no finished GAN run, is damaged, or its networks are others.
    """
    if config.start is None:
        return None
    file = run.path / ORIGIN
    if (run.path / "state.json").exists():
        return from_json(Origin, read_json(file), str(file))
    base = Run(from_way(run.path, config.start))
    before = gan_config(base)  # refuses runs of another kind
    if not base.done:
        raise InputError(f"`from` {base.path}: not finished; first: genlab resume {base.path}")
    require_alike(BUILT_OF, config, before, f"`from` {base.path}")
    data = read_kept(base.path / PLAYERS)
    tensors = read_tensors(data, str(base.path / PLAYERS))
    require_finite(tensors, str(base.path / PLAYERS))
    _take_over(players, tensors, base)
    results = read_gan_results(base)
    earlier = results.origin
    steps = -(-results.images // before.batch) * results.epochs
    return Origin(
        run=config.start, epochs=results.epochs + (earlier.epochs if earlier else 0),
        steps=steps + (earlier.steps if earlier else 0),
        seconds=results.seconds + (earlier.seconds if earlier else 0.0),
        sha256=digest_of(data), data=results.data,
    )


def keep_origin(origin: Origin, run: Run) -> None:
    """Writes the record of the origin into a run, before its first state."""
    if not has(run.path / ORIGIN):
        write_kept(run.path, {ORIGIN: atomic.json_bytes(to_json(origin))})


def refuse_more_epochs(out: Path, config: GanConfig) -> None:
    """Says how to go on from a finished run, where that run is asked for more epochs.

    Raises:
        InputError: If it is.
    """
    if not has(out / "config.json") or not (run := Run(out)).done or run.kind != "gan":
        return
    before = gan_config(run)
    more = config.epochs - before.epochs
    if more > 0 and replace(config, epochs=before.epochs, data=before.data) == before:
        raise InputError(
            f"`out` {out}: a finished run of {before.epochs} epochs, which stays as it is; for "
            f"{more} more give `from` {out}, `epochs` {more} and another `out`"
        )


def _take_over(players: Players, tensors: dict[str, Tensor], base: Run) -> None:
    """Loads what another run ended with."""
    try:
        unpack(tensors, _networks(players), players.optimisers)
        players.average.load_state_dict(base.weights("generator.safetensors"))
    except (RuntimeError, TypeError, ValueError, LookupError):
        raise InputError(
            f"`from` {base.path}: its networks are not built as those of this run (as many "
            "classes? the same design?)"
        ) from None
