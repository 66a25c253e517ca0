r"""Class activation maps: the places in a picture that speak for a class of ImageNet.

The network ends in global average pooling and a linear layer: the logit of class c is

    l_c = b_c + sum_k w_ck mean_xy f_k(x, y) = b_c + mean_xy M_c(x, y),
    M_c(x, y) = sum_k w_ck f_k(x, y)                                (Zhou et al., equation 2)

so the map M_c says, exactly, what each place adds to the logit. Of the 118 dog classes D the
expectation under p(c | D) is taken (of the gradient of log sum_D exp l_c, that is):

    M_D = sum_{c in D} p(c | D) M_c,    mean_xy M_D = sum_{c in D} p(c | D) (l_c - b_c)

A dog is seen if the most probable class is in D, or D together has more than half of the
probability; else the map is that of the most probable class.

References:
    | Learning Deep Features for Discriminative Localization (Zhou et al., 2016), equation 2
    | https://arxiv.org/abs/1512.04150

Shapes: F = 1280 features, h w the map's rows and columns, 32 pixels apart.
"""

__all__ = ["Activation", "activation_map"]

from typing import NamedTuple

import torch

from torch import Tensor

from genlab.networks.pretrained.efficientnet_lite0 import (
    DOG_CLASSES,
    EfficientNetLite0,
    dog_probability,
)


class Activation(NamedTuple):
    """The class activation map of one picture, and what it is the map of."""

    map: Tensor
    """M, float64 with shape `(h, w)`; positive where a place speaks for the class."""
    classes: Tensor
    """The weight of each ImageNet class in M, float64 with shape `(1000,)`, summing to one."""
    logits: Tensor
    """The ImageNet logits, float64 with shape `(1000,)`."""
    dog: float
    """The probability that all dog classes have together."""


@torch.no_grad()
def activation_map(network: EfficientNetLite0, x: Tensor) -> Activation:
    """Returns the class activation map of dogs, or of another class if that is recognised.

    Arguments:
        network: The network.
        x: One picture as the network takes it, with shape `(1, 3, H, W)`; any H and W.

    Raises:
        ValueError: If `x` is not one picture.
    """
    if len(x) != 1:
        raise ValueError(f"{len(x)} pictures: give one")
    maps = network.maps(x)
    logits = network.classify(maps.mean((2, 3)))[0].double()
    dog = float(dog_probability(logits[None]))
    top = int(logits.argmax())
    classes = torch.zeros_like(logits)
    if dog > 0.5 or DOG_CLASSES.start <= top < DOG_CLASSES.stop:
        classes[DOG_CLASSES] = logits[DOG_CLASSES].softmax(0)
    else:
        classes[top] = 1
    weights = classes @ network.classifier.weight.double()
    found = torch.einsum("f,fhw->hw", weights, maps[0].double())
    return Activation(found, classes, logits, dog)
