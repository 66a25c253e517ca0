"""The looks of toy dogs: tables of shapes, like those of breeds, and of coats.

Lengths are in head units: the skull's half-width is 1. The x axis points right, the y axis down,
and the origin is between the eyes and a little below. Colours are sRGB in 0..255.
"""

__all__ = ["BREEDS", "COATS", "Breed", "Coat"]

from dataclasses import dataclass
from typing import Literal

Ears = Literal["drop", "prick", "button", "rose"]
RGB = tuple[int, int, int]

BLACK, DARK, CHOCOLATE = (50, 46, 46), (66, 50, 42), (96, 64, 47)
RED, TAN, FAWN, GOLD = (150, 92, 58), (182, 130, 86), (204, 166, 126), (214, 174, 122)
CREAM, WHITE, GREY, SILVER = (228, 208, 174), (240, 234, 226), (118, 116, 118), (170, 166, 162)
INK, LIVER, ROSE = (30, 27, 29), (104, 66, 54), (150, 100, 92)
BROWN, AMBER, BLUE = (82, 50, 28), (136, 88, 40), (142, 176, 206)


@dataclass(frozen=True, kw_only=True)
class Coat:
    """Colours and markings."""

    base: RGB
    second: RGB = WHITE
    """The colour of the markings."""
    marks: tuple[str, ...] = ()
    """Markings, painted in this order; their names are the keys of `coat.MARKS`."""
    ears: RGB | None = None
    """The colour of the ears, where it is not the base."""
    nose: RGB = INK
    eyes: RGB = BROWN


@dataclass(frozen=True, kw_only=True)
class Breed:
    """A shape and its coats."""

    coats: tuple[str, ...]
    ears: Ears
    ear: tuple[float, float] = (1.0, 0.4)
    """Length and half-width of an ear."""
    ear_out: float = 0.3
    """The tangent of the angle between an ear and the vertical."""
    skull: float = 0.86
    """Half-height of the skull."""
    cheeks: float = 0.46
    muzzle: tuple[float, float] = (0.53, 0.42)
    """Half-width and half-height of the muzzle."""
    length: float = 0.6
    """The length of the muzzle, towards the viewer."""
    nose_y: float = 0.64
    nose: float = 0.205
    eye: float = 0.105
    eye_x: float = 0.42
    fluff: float = 0.3
    """The length of the fur, from 0 (short) to 1 (a Samoyed's)."""
    curl: float = 0.0
    """The curl of the fur, from 0 (straight) to 1 (a poodle's)."""


COATS = {
    "white": Coat(base=WHITE),
    "cream": Coat(base=CREAM),
    "gold": Coat(base=GOLD, second=CREAM, marks=("beard",)),
    "red": Coat(base=RED, ears=(140, 76, 38)),
    "black": Coat(base=BLACK, eyes=(60, 38, 24)),
    "chocolate": Coat(base=CHOCOLATE, nose=LIVER, eyes=AMBER),
    "apricot": Coat(base=TAN, second=CREAM, marks=("beard",)),
    "fawn mask": Coat(base=FAWN, second=BLACK, marks=("mask", "wrinkles"), ears=DARK),
    "fawn white": Coat(base=FAWN, marks=("blaze",)),
    "red white": Coat(base=RED, marks=("blaze",)),
    "fox": Coat(base=TAN, marks=("face",)),
    "beagle": Coat(base=TAN, marks=("blaze",), ears=(142, 84, 46)),
    "liver white": Coat(base=WHITE, second=CHOCOLATE, marks=("ticks", "sides"), ears=CHOCOLATE,
                        nose=LIVER, eyes=AMBER),
    "black white": Coat(base=BLACK, marks=("blaze",)),
    "black tan": Coat(base=BLACK, second=TAN, marks=("points",)),
    "chocolate tan": Coat(base=CHOCOLATE, second=TAN, marks=("points",), nose=LIVER, eyes=AMBER),
    "tricolour": Coat(base=BLACK, second=TAN, marks=("points", "white blaze")),
    "brindle white": Coat(base=TAN, second=DARK, marks=("brindle", "white blaze"), ears=DARK),
    "blue": Coat(base=GREY, marks=("chest",)),
    "grey wolf": Coat(base=(100, 99, 104), marks=("face",), eyes=BLUE),
    "black wolf": Coat(base=(60, 58, 62), marks=("face",), eyes=BLUE),
    "shepherd": Coat(base=TAN, second=BLACK, marks=("cap", "mask"), ears=DARK),
    "sable": Coat(base=RED, marks=("white blaze",), ears=DARK),
    "merle": Coat(base=SILVER, second=(58, 56, 60), marks=("spots", "white blaze"), ears=GREY,
                  eyes=BLUE),
    "spotted": Coat(base=WHITE, second=BLACK, marks=("spots",), ears=BLACK),
    "patch": Coat(base=WHITE, second=TAN, marks=("patch",), ears=TAN),
    "black patch": Coat(base=WHITE, second=BLACK, marks=("patch",), ears=BLACK),
    "salt pepper": Coat(base=GREY, second=(214, 208, 200), marks=("beard", "brows")),
    "wheaten": Coat(base=GOLD, second=CREAM, marks=("beard",), ears=FAWN),
    "grizzle": Coat(base=DARK, second=TAN, marks=("beard", "brows")),
}

BREEDS = {
    "retriever": Breed(
        coats=("gold", "cream", "gold", "red"), ears="drop", ear=(1.05, 0.31), fluff=0.6,
    ),
    "labrador": Breed(
        coats=("cream", "black", "chocolate", "gold"), ears="drop", ear=(1.0, 0.29), fluff=0.15,
    ),
    "hound": Breed(
        coats=("beagle", "tricolour", "beagle", "red white"), ears="drop", ear=(1.3, 0.36),
        ear_out=0.22, skull=0.86, muzzle=(0.48, 0.42), fluff=0.1, nose_y=0.67, eye=0.12,
    ),
    "pointer": Breed(
        coats=("liver white", "spotted", "chocolate"), ears="drop", ear=(1.05, 0.33), fluff=0.1,
        muzzle=(0.48, 0.48), nose_y=0.70,
    ),
    "spaniel": Breed(
        coats=("red", "red white", "black white", "liver white", "gold"), ears="drop",
        ear=(1.35, 0.40), ear_out=0.3, fluff=0.6, curl=0.5, skull=0.84, eye=0.12, nose_y=0.57,
    ),
    "rottweiler": Breed(
        coats=("black tan", "chocolate tan", "black tan"), ears="drop", ear=(0.85, 0.29),
        ear_out=0.45, cheeks=0.58, muzzle=(0.59, 0.46), fluff=0.12,
    ),
    "dachshund": Breed(
        coats=("black tan", "red", "chocolate tan"), ears="drop", ear=(1.05, 0.34), cheeks=0.42,
        muzzle=(0.42, 0.42), nose_y=0.72, fluff=0.1, eye=0.12,
    ),
    "shepherd": Breed(
        coats=("shepherd", "shepherd", "black tan", "white"), ears="prick", ear=(1.05, 0.36),
        ear_out=0.28, muzzle=(0.48, 0.46), nose_y=0.70, fluff=0.5, skull=0.82,
    ),
    "husky": Breed(
        coats=("grey wolf", "black wolf", "grey wolf", "fox"), ears="prick", ear=(0.74, 0.36),
        ear_out=0.22, cheeks=0.56, muzzle=(0.48, 0.40), fluff=0.7,
    ),
    "corgi": Breed(
        coats=("fox", "fawn white", "tricolour"), ears="prick", ear=(0.95, 0.4), ear_out=0.45,
        muzzle=(0.46, 0.38), fluff=0.5, cheeks=0.56,
    ),
    "samoyed": Breed(
        coats=("white", "white", "cream", "fox"), ears="prick", ear=(0.6, 0.36), ear_out=0.42,
        cheeks=0.62, muzzle=(0.48, 0.38), nose_y=0.56, fluff=1.0,
    ),
    "chihuahua": Breed(
        coats=("fawn white", "chocolate tan", "black tan", "cream"), ears="prick",
        ear=(1.05, 0.46), ear_out=0.85, muzzle=(0.38, 0.32), length=0.42, nose_y=0.48,
        eye=0.15, eye_x=0.45, fluff=0.15,
    ),
    "westie": Breed(
        coats=("white", "wheaten", "cream", "grizzle"), ears="prick", ear=(0.6, 0.26),
        ear_out=0.35, muzzle=(0.55, 0.46), nose_y=0.54, fluff=0.9, curl=0.25,
    ),
    "terrier": Breed(
        coats=("patch", "black patch", "fawn white", "wheaten", "tricolour"), ears="button",
        ear=(0.6, 0.4), ear_out=0.3, muzzle=(0.46, 0.42), nose_y=0.64, fluff=0.35,
    ),
    "schnauzer": Breed(
        coats=("salt pepper", "grizzle", "salt pepper", "black"), ears="button", ear=(0.6, 0.38),
        ear_out=0.25, muzzle=(0.61, 0.55), fluff=0.7, curl=0.2,
    ),
    "collie": Breed(
        coats=("black white", "sable", "merle", "black white", "red white"), ears="button",
        ear=(0.62, 0.38), ear_out=0.4, muzzle=(0.43, 0.42), nose_y=0.68, fluff=0.7,
    ),
    "boxer": Breed(
        coats=("fawn mask", "brindle white", "fawn white"), ears="rose", ear=(0.6, 0.34),
        ear_out=0.8, cheeks=0.58, muzzle=(0.64, 0.46), length=0.48, nose_y=0.54, fluff=0.08,
    ),
    "pug": Breed(
        coats=("fawn mask",), ears="button", ear=(0.5, 0.3), ear_out=0.3,
        cheeks=0.6, muzzle=(0.56, 0.42), length=0.3, nose_y=0.3, nose=0.15, eye=0.16,
        eye_x=0.54, fluff=0.05,
    ),
    "bull terrier": Breed(
        coats=("blue", "fawn white", "brindle white", "patch", "red white"), ears="rose",
        ear=(0.55, 0.32), ear_out=1.0, cheeks=0.62, muzzle=(0.57, 0.46), fluff=0.08, eye=0.10,
    ),
    "bichon": Breed(
        coats=("white", "cream", "white", "apricot"), ears="drop", ear=(0.8, 0.38), ear_out=0.5,
        muzzle=(0.50, 0.40), length=0.48, nose_y=0.44, fluff=1.0, curl=0.8, eye=0.12, skull=0.96,
    ),
    "poodle": Breed(
        coats=("apricot", "black", "chocolate", "cream", "grizzle"), ears="drop",
        ear=(1.1, 0.43), ear_out=0.35, muzzle=(0.46, 0.42), fluff=0.9, curl=1.0, skull=0.99,
    ),
}
