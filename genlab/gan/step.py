"""One round of a GAN's game.

A round generates one batch of fakes and uses it for both updates: first the discriminator's, on
reals and fakes, then the generator's, against the discriminator just updated. What the frozen
network makes of the fakes is computed once; gradients reach the generator through it.

With classes, fakes are of classes drawn with the training images' frequencies; both players are
told the class of what they make or judge.

Of several processes (`torchrun`) each takes its share of the batch's rows. All draw the random
numbers of the whole batch; losses and gradients are added up, batch-norms are synchronised: what
they learn is what one process would learn, but for rounding.

Shapes: B batch, H W pixels.
"""

__all__ = ["play", "update_discriminator", "update_generator"]

from collections.abc import Callable

import torch

from torch import Tensor

from genlab.common.rng import generator
from genlab.compute.distributed import all_reduce_sum, local_slice
from genlab.configs.gan import GanConfig
from genlab.gan import losses as adversarial
from genlab.gan.augment import augment, mirror
from genlab.gan.ema import average_decay, update_average
from genlab.gan.optimiser import descend
from genlab.gan.players import Players, judged, made, seen, to_signed

HINGE = (adversarial.hinge_real, adversarial.hinge_fake, adversarial.hinge_generator)
SOFTPLUS = (
    adversarial.softplus_real, adversarial.softplus_fake, adversarial.softplus_generator,
)  # fmt: skip

LOSSES = {"projected": HINGE, "scratch": SOFTPLUS, "dcgan": SOFTPLUS}
"""Each recipe's losses: the discriminator's of reals, of fakes, the generator's. Of logits,
softplus is the binary cross-entropy."""

Seen = tuple[list[Tensor], Tensor | None]
"""What a discriminator sees: views of images, and their classes where there are any."""


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
    own_real, own_fake = local_slice(len(images)), local_slice(config.batch)
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
    all_reduce_sum(means)
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
    all_reduce_sum([total])
    return total


def sum_over_heads(
    loss: Callable[[Tensor], Tensor], scores: list[Tensor], share: float
) -> Tensor:
    """Returns the sum over the heads of this share's part in the batch's mean loss."""
    return share * torch.stack([mean_of(loss(s) if len(s) else s) for s in scores]).sum()


def mean_of(values: Tensor) -> Tensor:
    """Returns the mean; 0 of none, which a process has if there are fewer rows than processes."""
    return values.mean() if len(values) else values.sum()
