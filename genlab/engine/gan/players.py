"""The two players of a GAN, built from a configuration, and one round of their game.

A round generates one batch of fakes and uses it for both updates: first the discriminator's, on
reals and fakes, then the generator's, against the discriminator just updated. What the frozen
network makes of the fakes is computed once; gradients reach the generator through it.

With classes, fakes are of classes drawn with the training images' frequencies; both players are
told the class of what they make or judge.

Of several processes (`torchrun`) each takes its share of the batch's rows. All draw the random
numbers of the whole batch; losses and gradients are added up, batch-norms are synchronised: what
they learn is what one process would learn, but for rounding.

The networks may be on any device and in mixed precision (`engine/hardware.py`); what lies between
them, images and scores, is float32.

Shapes: B batch, Z latent dimensions, H W pixels, P places that a head scores, K classes.
"""

__all__ = ["Players", "average_decay", "build_generator", "build_players", "play", "to_signed"]

import copy

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from torch import Tensor, nn
from torch.optim import Adam

from genlab import adversarial
from genlab.augment import augment, mirror
from genlab.engine.hardware import CPU, Hardware, keep_spectral_norms
from genlab.engine.processes import add_up, share_of, world_size
from genlab.features.efficientnet_lite0 import load_efficientnet_lite0
from genlab.nets.conditional import ClassGenerator, ClassHead, ClassHeads
from genlab.nets.dcgan import DcganDiscriminator, DcganGenerator
from genlab.nets.fastgan import FastGanGenerator
from genlab.nets.projected import Heads, Projection
from genlab.nets.residual import ResidualDiscriminator, ResidualGenerator
from genlab.nets.synced import synced
from genlab.recipes.gan import GanConfig
from genlab.rng import generator, seeded

HINGE = (adversarial.hinge_real, adversarial.hinge_fake, adversarial.hinge_generator)
SOFTPLUS = (
    adversarial.softplus_real, adversarial.softplus_fake, adversarial.softplus_generator,
)  # fmt: skip

LOSSES = {"projected": HINGE, "scratch": SOFTPLUS, "dcgan": SOFTPLUS}
"""Each recipe's losses: the discriminator's of reals, of fakes, the generator's. Of logits,
softplus is the binary cross-entropy."""

GENERATORS = {
    "projected": FastGanGenerator, "scratch": ResidualGenerator, "dcgan": DcganGenerator,
}  # fmt: skip

BETAS = {"projected": (0.0, 0.99), "scratch": (0.0, 0.99), "dcgan": (0.5, 0.999)}
"""Each recipe's memories of Adam: dcgan's as its authors have them (section 4)."""


Seen = tuple[list[Tensor], Tensor | None]
"""What a discriminator sees: views of images, and their classes where there are any."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Players:
    """The networks of a game with their optimisers."""

    generator: nn.Module
    """Latents `(B, Z)`, and labels where there are classes, to images `(B, 3, H, W)`, [-1, 1]."""
    average: nn.Module
    """Its moving average, in evaluation mode: what samples are drawn from."""
    view: Callable[[Tensor], list[Tensor]]
    """What the discriminator sees of images: the frozen projection, or the images."""
    discriminator: nn.Module
    """The trained part of the discriminator: scores `(B, P)`, one tensor a head, of a view."""
    adam_generator: Adam
    adam_discriminator: Adam
    frequencies: Tensor | None = None
    """The share of training images that each class has, `(K,)`; None without classes."""
    on: Hardware = CPU
    """What the networks run on."""

    @property
    def modules(self) -> dict[str, nn.Module]:
        """The networks whose tensors change."""
        return {
            "generator": self.generator,
            "average": self.average,
            "discriminator": self.discriminator,
        }

    @property
    def optimisers(self) -> dict[str, torch.optim.Optimizer]:
        """The optimisers by the names of their networks."""
        return {"generator": self.adam_generator, "discriminator": self.adam_discriminator}


class OneHead(nn.Module):
    """A discriminator of images as a judge of views: one view, one head."""

    def __init__(self, discriminator: ResidualDiscriminator | DcganDiscriminator) -> None:
        super().__init__()
        self.discriminator = discriminator

    def forward(self, views: list[Tensor]) -> list[Tensor]:
        return [self.discriminator(view) for view in views]


def as_it_is(images: Tensor) -> list[Tensor]:
    """The view of a discriminator that sees the images themselves."""
    return [images]


def build_generator(config: GanConfig, classes: int = 0) -> nn.Module:
    """Builds the generator (of K classes, if any) with its first weights, by the seed."""
    with seeded(config.seed, "generator"):
        maker = GENERATORS[config.recipe](config.latent, config.width, config.size)
        return ClassGenerator(maker, config.latent, classes) if classes else maker


def build_judge(config: GanConfig, classes: int = 0) -> nn.Module:
    """Builds the trained part of the discriminator (of K classes, if any), by the seed."""
    width, size = config.discriminator_width, config.size
    with seeded(config.seed, "discriminator"):
        if config.recipe == "projected":
            return ClassHeads(width, classes) if classes else Heads(width)
        build = ResidualDiscriminator if config.recipe == "scratch" else DcganDiscriminator
        judge = build(width, size)
        return ClassHead(judge, classes) if classes else OneHead(judge)


def build_players(
    config: GanConfig, frequencies: Tensor | None = None, on: Hardware = CPU
) -> Players:
    """Builds both players; all weights, the frozen random ones too, follow from the seed.

    Arguments:
        config: The configuration.
        frequencies: The share of images that each class has, `(K,)`; None without classes.
        on: What the networks run on; their first weights are the same.
    """
    classes = 0 if frequencies is None else len(frequencies)
    maker, judge = build_generator(config, classes), build_judge(config, classes)
    view: Callable[[Tensor], list[Tensor]] = as_it_is
    if config.recipe == "projected":
        assert config.feature_size is not None  # GanConfig sees to it
        network = load_efficientnet_lite0()
        with seeded(config.seed, "projection"):
            projection = Projection(network, config.feature_size, config.discriminator_width)
        view = on.frozen(projection)
    if world_size() > 1:
        maker, judge = synced(maker), synced(judge)
    maker, judge = maker.to(on.device), judge.to(on.device)
    average = copy.deepcopy(maker).eval().requires_grad_(False)
    keep_spectral_norms(judge, on)
    betas = BETAS[config.recipe]
    return Players(
        generator=maker, average=average, view=view, discriminator=judge,
        adam_generator=Adam(maker.parameters(), config.learning_rate, betas, fused=True),
        adam_discriminator=Adam(judge.parameters(), config.discriminator_rate, betas, fused=True),
        frequencies=frequencies, on=on,
    )


def to_signed(images: Tensor) -> Tensor:
    """Brings uint8 images to [-1, 1]."""
    # One memory layout, whatever the source's: kernels for another round otherwise.
    return images.contiguous().float() / 127.5 - 1


def play(
    players: Players, config: GanConfig, images: Tensor, step: int, labels: Tensor | None = None
) -> Tensor:
    """Plays one round.

    Arguments:
        players: The players; both are updated, and the average with them.
        config: The configuration.
        images: The round's real images, uint8 with shape `(B, 3, H, W)`, B at most the batch;
            the same in all processes, on any device.
        step: The round's number: with the seed it decides all that is random.
        labels: Their classes, int64 with shape `(B,)`, on the processor; None without classes.

    Returns:
        The discriminator's loss, the generator's loss, the mean score of reals and that of
        fakes, with shape `(4,)`, float64, on the processor.

    Raises:
        FloatingPointError: If a loss or gradient is not finite; that player is not updated.
    """
    own_real, own_fake = share_of(len(images)), share_of(config.batch)
    shares = tuple((own.stop - own.start) / n
                   for own, n in ((own_real, len(images)), (own_fake, config.batch)))
    random, device = generator(config.seed, "round", step), players.on.device
    real = to_signed(images.to(device, non_blocking=True))
    real = augment(mirror(real, random) if config.mirror else real, config.augment, random)
    with torch.no_grad():
        seen_real = seen(players, real[own_real])
    z = torch.randn(config.batch, config.latent, generator=random)
    of_real = of_fake = None
    if players.frequencies is not None and labels is not None:
        drawn = torch.multinomial(players.frequencies, config.batch, True, generator=random)
        of_real, of_fake = (of[own].to(device, non_blocking=True)
                            for of, own in ((labels, own_real), (drawn, own_fake)))
    z = z.to(device, non_blocking=True)
    fake = in_batch(made(players, z[own_fake], of_fake), own_fake, config.batch)
    seen_fake = seen(players, augment(fake, config.augment, random)[own_fake])
    loss_d, score_real, score_fake = update_discriminator(
        players, config, (seen_real, of_real), ([view.detach() for view in seen_fake], of_fake),
        step, shares,
    )
    loss_g = update_generator(players, config, (seen_fake, of_fake), shares[1])
    decay = average_decay(config, (step + 1) * config.batch)
    update_average(players.average, players.generator, decay)
    return torch.stack([loss_d, loss_g, score_real, score_fake]).double().cpu()


def made(players: Players, z: Tensor, labels: Tensor | None) -> Tensor:
    """Returns the generator's images of latents, float32."""
    with players.on.autocast():
        return told(players.generator, z, labels).float()


def seen(players: Players, images: Tensor) -> list[Tensor]:
    """Returns what the discriminator sees of images, in the networks' precision."""
    with players.on.autocast():
        return players.view(images)


def judged(
    players: Players, views: list[Tensor], labels: Tensor | None, exact: bool = False
) -> list[Tensor]:
    """Returns the discriminator's scores, float32; its own precision too is, if `exact`."""
    with players.on.autocast(not exact):
        return [scores.float() for scores in told(players.discriminator, views, labels)]


def told(player: nn.Module, what: Tensor | list[Tensor], labels: Tensor | None) -> Any:
    """Returns what a player makes of latents or views, told their classes where there are any."""
    return player(what) if labels is None else player(what, labels)


def in_batch(rows: Tensor, own: slice, batch: int) -> Tensor:
    """Puts this process's rows where they are in the batch of all; others are grey.

    Augmentation then draws for the whole batch, as in one process.
    """
    if len(rows) == batch:
        return rows
    grey = [rows.new_zeros(n, *rows.shape[1:]) for n in (own.start, batch - own.stop)]
    return torch.cat([grey[0], rows, grey[1]])


def update_discriminator(
    players: Players, config: GanConfig, seen_real: Seen, seen_fake: Seen, step: int,
    shares: tuple[float, ...] = (1.0, 1.0),
) -> tuple[Tensor, Tensor, Tensor]:
    """Updates the discriminator on views; returns its loss and its mean scores of both sides.

    `shares` are the parts of the batch's reals and fakes that are this process's.
    """
    loss_real, loss_fake, _ = LOSSES[config.recipe]
    penalise = config.r1_every is not None and step % config.r1_every == 0
    (real, of_real), (fake, of_fake) = seen_real, seen_fake
    real = [view.requires_grad_(penalise) for view in real]
    count = len(real[0])
    if config.recipe == "dcgan":  # batch-norm: reals and fakes are batches of their own
        apart = [judged(players, *side) for side in ((real, of_real), (fake, of_fake))]
        scores = [torch.cat(pair) for pair in zip(*apart)]
    else:
        both = [torch.cat(pair) for pair in zip(real, fake)]
        of_both = None if of_real is None or of_fake is None else torch.cat([of_real, of_fake])
        scores = judged(players, both, of_both, exact=penalise)
    loss = sum_over_heads(loss_real, [s[:count] for s in scores], shares[0])
    loss = loss + sum_over_heads(loss_fake, [s[count:] for s in scores], shares[1])
    total = loss
    if penalise and count:
        assert config.r1_gamma is not None
        assert config.r1_every is not None
        # "Lazy" (Karras et al., 2020, section 3.1): seldom, and so many times as heavy.
        weight = config.r1_every * config.r1_gamma / 2
        (head,), (view,) = scores, real
        total = loss + shares[0] * weight * adversarial.r1(head[:count], view).mean()
    descend(players.adam_discriminator, total, "discriminator", config.clip)
    means = [loss.detach().clone(), *(
        share * torch.stack([mean_of(s.detach()[part]) for s in scores]).mean()
        for part, share in zip((slice(count), slice(count, None)), shares)
    )]
    add_up(means)
    return means[0], means[1], means[2]


def update_generator(
    players: Players, config: GanConfig, seen_fake: Seen, share: float = 1.0
) -> Tensor:
    """Updates the generator through the views of its images; returns its loss."""
    _, _, loss_generator = LOSSES[config.recipe]
    players.discriminator.requires_grad_(False)  # saves the gradients of its weights
    try:
        loss = sum_over_heads(loss_generator, judged(players, *seen_fake), share)
        descend(players.adam_generator, loss, "generator", config.clip)
    finally:  # training may go on after a failure
        players.discriminator.requires_grad_(True)
    total = loss.detach().clone()
    add_up([total])
    return total


def sum_over_heads(
    loss: Callable[[Tensor], Tensor], scores: list[Tensor], share: float
) -> Tensor:
    """Returns the sum over the heads of this share's part in the batch's mean loss."""
    return share * torch.stack([mean_of(loss(s) if len(s) else s) for s in scores]).sum()


def mean_of(values: Tensor) -> Tensor:
    """Returns the mean; 0 of none, which a process has if there are fewer rows than processes."""
    return values.mean() if len(values) else values.sum()


def descend(optimiser: Adam, loss: Tensor, player: str, clip: float) -> None:
    """Takes one step down the loss, unless it or its gradient is not finite.

    A gradient longer than `clip` times its usual length is shortened to that; 0 shortens none.
    """
    told = loss.detach().clone()
    add_up([told])  # all processes fail, or none does
    if not torch.isfinite(told):
        raise FloatingPointError(f"the {player}'s loss is {told.item()}")
    optimiser.zero_grad()
    loss.backward()
    gradients = [p.grad for g in optimiser.param_groups for p in g["params"] if p.grad is not None]
    add_up(gradients)
    norms = torch._foreach_norm(gradients)  # pyright: ignore[reportPrivateImportUsage]
    length = torch.stack(norms).norm()  # NaN if one is; a tenth of the time of a maximum
    if not torch.isfinite(length):
        raise FloatingPointError(f"the {player}'s gradient is {length.item()} long")
    if clip:
        shorten(optimiser, gradients, length, clip)
    optimiser.step()


def shorten(optimiser: Adam, gradients: list[Tensor], length: Tensor, most: float) -> None:
    """Shortens the gradient g, of this length, to `most` times its usual length, if it is longer:

        g <- g min(1, most u / ||g||),   u = sqrt(sum_i v_i / (1 - beta_2^t)),

    v being Adam's second moments after t steps. Adam forgets with beta_2: where gradients suddenly
    are a hundred times as long, v lags behind and a step is up to 1 / sqrt(1 - beta_2) times the
    learning rate in every weight (Adafactor, Shazeer and Stern, 2018, sections 5 and 6, clips
    updates for that reason). The first step, of which nothing is usual, stays as it is.
    """
    (group,) = optimiser.param_groups
    states = [optimiser.state[p] for p in group["params"] if p in optimiser.state]
    if states:
        moments = torch.stack([state["exp_avg_sq"].sum() for state in states]).sum()
        steps = states[0]["step"].to(moments.device)  # where it is depends on the device
        usual = (moments / (1 - group["betas"][1] ** steps)).sqrt()
        length = length.clamp(min=torch.finfo(torch.float32).tiny)
        share = (most * usual / length).clamp(max=1.0)  # no question asked: it stays on its device
        torch._foreach_mul_(gradients, share)  # pyright: ignore[reportPrivateImportUsage]


def average_decay(config: GanConfig, seen: int) -> float:
    """Returns the share that the average keeps each step: 0.5^(batch / half-life).

    The half-life is `average_share` of the images seen so far, `average_images` at most: early
    in a run, when the generator moves fast, the average is short (Karras et al., 2020, "ramp-up").

    Arguments:
        config: The configuration.
        seen: How many images have been seen, those of this step included.
    """
    half_life = min(config.average_images, config.average_share * seen)
    return 0.5 ** (config.batch / half_life)


@torch.no_grad()
def update_average(average: nn.Module, current: nn.Module, decay: float) -> None:
    """Moves the average, batch-norm statistics included, towards `current`; copies counters."""
    pairs = [(a, c) for a, c in zip(average.state_dict().values(), current.state_dict().values())]
    floats = [(a, c) for a, c in pairs if a.is_floating_point()]
    pair = [a for a, _ in floats], [c for _, c in floats]
    torch._foreach_lerp_(*pair, 1 - decay)  # pyright: ignore[reportPrivateImportUsage]
    for a, c in pairs:
        if not a.is_floating_point():
            a.copy_(c)
