"""One GAN training step.

A step generates one batch of fakes and uses it for both updates: first the discriminator's, on
reals and fakes, then the generator's, against the discriminator just updated. The features of the
fakes are computed once; gradients reach the generator through them.

With classes, the classes of fakes are drawn with the training images' frequencies, and both
networks are conditional.

Of several processes (`torchrun`) each takes its slice of the batch's rows. All draw the random
numbers of the whole batch; losses and gradients are summed, batch-norms are synchronised: up to
rounding, they learn what one process would learn.

Shapes: B batch, H W pixels.
"""

__all__ = ["train_step", "update_discriminator", "update_generator"]

from collections.abc import Callable

import torch

from torch import Tensor

from genlab.common.rng import generator
from genlab.compute.distributed import all_reduce_sum, local_slice
from genlab.configs.gan import GanConfig
from genlab.gan.augment import augment, mirror
from genlab.gan.losses import r1
from genlab.gan.training.ema import average_decay, update_average
from genlab.gan.training.optimiser import optimiser_step
from genlab.gan.training.players import Players, to_signed

Views = tuple[list[Tensor], Tensor | None]
"""Views of images, and the images' classes where there are any."""


def train_step(
    players: Players, config: GanConfig, images: Tensor, step: int, labels: Tensor | None = None
) -> Tensor:
    """Updates both players, and the generator's average.

    Arguments:
        players: The players.
        config: The configuration.
        images: The step's real images, uint8 with shape `(B, 3, H, W)`, B at most the batch;
            the same in all processes, on any device.
        step: The step's number: with the seed it decides all that is random.
        labels: Their classes, int64 with shape `(B,)`, on the processor; None without classes.

    Returns:
        The discriminator's loss, the generator's loss, the mean score of reals and that of
        fakes, with shape `(4,)`, float64, on the processor.

    Raises:
        TrainingError: If a loss or gradient is not finite; that player is not updated.
    """
    own_real, own_fake = local_slice(len(images)), local_slice(config.batch)
    shares = tuple((own.stop - own.start) / n
                   for own, n in ((own_real, len(images)), (own_fake, config.batch)))
    random, device = generator(config.seed, "round", step), players.hardware.device
    real = to_signed(images.to(device, non_blocking=True))
    real = augment(mirror(real, random) if config.mirror else real, config.augment, random)
    with torch.no_grad():
        views_real = players.project(real[own_real])
    z = torch.randn(config.batch, config.latent, generator=random)
    labels_real = labels_fake = None
    if players.frequencies is not None and labels is not None:
        drawn = torch.multinomial(players.frequencies, config.batch, True, generator=random)
        labels_real, labels_fake = (
            y[own].to(device, non_blocking=True)
            for y, own in ((labels, own_real), (drawn, own_fake))
        )
    z = z.to(device, non_blocking=True)
    fake = in_batch(players.generate(z[own_fake], labels_fake), own_fake, config.batch)
    views_fake = players.project(augment(fake, config.augment, random)[own_fake])
    loss_d, score_real, score_fake = update_discriminator(
        players, config, (views_real, labels_real),
        ([view.detach() for view in views_fake], labels_fake), step, shares,
    )
    loss_g = update_generator(players, config, (views_fake, labels_fake), shares[1])
    decay = average_decay(config, (step + 1) * config.batch)
    update_average(players.average, players.generator, decay)
    return torch.stack([loss_d, loss_g, score_real, score_fake]).double().cpu()


def in_batch(rows: Tensor, own: slice, batch: int) -> Tensor:
    """Pads this process's rows with grey images to the batch of all processes.

    Augmentation then draws for the whole batch, as in one process.
    """
    if len(rows) == batch:
        return rows
    grey = [rows.new_zeros(n, *rows.shape[1:]) for n in (own.start, batch - own.stop)]
    return torch.cat([grey[0], rows, grey[1]])


def update_discriminator(
    players: Players, config: GanConfig, real: Views, fake: Views, step: int,
    shares: tuple[float, ...] = (1.0, 1.0),
) -> tuple[Tensor, Tensor, Tensor]:
    """Updates the discriminator on views; returns its loss and its mean scores of both.

    `shares` are this process's shares of the batch's reals and of its fakes.
    """
    losses, joint = players.design.losses, players.design.joint_batches
    r1_weight = players.design.r1_weight(step, config.size)
    penalise = r1_weight > 0
    (views_real, labels_real), (views_fake, labels_fake) = real, fake
    views_real = [view.requires_grad_(penalise) for view in views_real]
    count = len(views_real[0])
    if not joint:
        apart = [players.score(*views, exact=penalise) for views in (real, fake)]
        scores = [torch.cat(pair) for pair in zip(*apart)]
    else:
        both = [torch.cat(pair) for pair in zip(views_real, views_fake)]
        labels = None
        if labels_real is not None and labels_fake is not None:
            labels = torch.cat([labels_real, labels_fake])
        scores = players.score(both, labels, exact=penalise)
    loss = sum_over_heads(losses.real, [s[:count] for s in scores], shares[0])
    loss = loss + sum_over_heads(losses.fake, [s[count:] for s in scores], shares[1])
    total = loss
    if penalise and count:
        (head,), (view,) = scores, views_real
        total = loss + shares[0] * r1_weight * r1(head[:count], view).mean()
    optimiser_step(players.adam_discriminator, total, "discriminator", config.clip)
    means = [loss.detach().clone(), *(
        share * torch.stack([mean_of(s.detach()[part]) for s in scores]).mean()
        for part, share in zip((slice(count), slice(count, None)), shares)
    )]
    all_reduce_sum(means)
    return means[0], means[1], means[2]


def update_generator(
    players: Players, config: GanConfig, fake: Views, share: float = 1.0
) -> Tensor:
    """Updates the generator through the views of its images; returns its loss."""
    players.discriminator.requires_grad_(False)  # saves the gradients of its weights
    try:
        loss = sum_over_heads(players.design.losses.generator, players.score(*fake), share)
        optimiser_step(players.adam_generator, loss, "generator", config.clip)
    finally:  # training may go on after a failure
        players.discriminator.requires_grad_(True)
    total = loss.detach().clone()
    all_reduce_sum([total])
    return total


def sum_over_heads(
    loss: Callable[[Tensor], Tensor], scores: list[Tensor], share: float
) -> Tensor:
    """Returns the mean loss of an image, summed over the heads, times `share`."""
    return share * torch.stack([mean_of(loss(s) if len(s) else s) for s in scores]).sum()


def mean_of(values: Tensor) -> Tensor:
    """Returns the mean; 0 of no rows, as where there are fewer rows than processes."""
    return values.mean() if len(values) else values.sum()
