"""Advice about each finding of `check_folder`, in plain sentences.

A sentence appears only where its numbers make it true.
"""

__all__ = ["advice"]

from typing import Any

from genlab.common.text import many

FEWEST, FEW = 16, 300
LOST = 0.2  # of a picture, from which the choice of the square matters


def advice(f: dict[str, Any]) -> list[str]:
    """Returns sentences, the most pressing first.

    Arguments:
        f: The findings of `check_folder`.
    """
    lines = [*_reading(f), *_copies(f), *_content(f), *_shape(f), *_notes(f)]
    return lines or ["Nothing to mend."]


def _reading(f: dict[str, Any]) -> list[str]:
    lines = []
    if bad := len(f["unusable"]):
        lines.append(
            f"{many(bad, 'file')} cannot be used (the page lists them with the reason). Training "
            "stops at the first of them: mend or remove them, or let `clean` copy the others."
        )
    if f["left_out"]:
        lines.append(f"Left out, in training too: {', '.join(f['left_out'])}.")
    if f["images"] < FEWEST:
        lines.append(
            f"{many(f['images'], 'usable image')}: a GAN needs at least {FEWEST}, better {FEW}."
        )
    elif f["images"] < FEW:
        lines.append(
            f"{f['images']:,} usable images are few for a GAN ({FEW} are better): look in its "
            "samples for training images that come back."
        )
    return lines


def _copies(f: dict[str, Any]) -> list[str]:
    lines = []
    if f["copies"]:
        extra = sum(len(group) - 1 for group in f["copies"])
        lines.append(
            f"{many(extra, 'image')} {'is an exact copy' if extra == 1 else 'are exact copies'} "
            "of another, pixel by pixel. Copies count more often in training, and a copy on "
            "either side of a held-out split flatters the measurement: keep one of each."
        )
    if f["near_duplicates"]:
        lines.append(
            f"{many(len(f['near_duplicates']), 'pair')} of images look like the same picture "
            "again (mirrored, recoloured, compressed or cut a little differently): look at them "
            "on the page (it shows the most alike), and keep one of each."
        )
    if f["groups"]:
        lines.append(
            "`clean` DIR copies the folder without unusable files, keeping of each group of "
            "copies the one in colour, else the largest."
        )
    return lines


def _content(f: dict[str, Any]) -> list[str]:
    lines, share = [], f["dogs"]["share"]
    if share < 0.5:
        lines.append(
            f"EfficientNet-Lite0 recognises a dog in {share:.0%} of the images. If they are to "
            "show dogs, look at those least like one. If not, train all the same; but what share "
            "of generated images is recognised as dogs will then say little."
        )
    elif share < 0.9:
        lines.append(
            f"EfficientNet-Lite0 recognises a dog in {share:.0%} of the images: look at those "
            "least like a dog and remove what is none. Of photographs of dogs it misses about one "
            "in twenty."
        )
    if 0 < f["grey"] < f["images"]:
        lines.append(
            f"{many(f['grey'], 'image')} of {f['images']:,} {'has' if f['grey'] == 1 else 'have'} "
            "almost no colour: a GAN learns to make grey images too. Remove them if those are not "
            "wanted."
        )
    for key, words, most in (
        ("dark", "very dark (a mean grey value under 30 of 255)", "darkest"),
        ("bright", "very bright (a mean grey value over 225 of 255)", "brightest"),
        ("flat", "almost of one grey value", "flattest"),
    ):
        if f[key]:
            be = "is" if f[key] == 1 else "are"
            lines.append(f"{many(f[key], 'image')} {be} {words}; the page shows the {most}.")
    return lines


def _shape(f: dict[str, Any]) -> list[str]:
    lines = []
    lost = f["left_out_by_central_square"]["median"]
    if lost >= LOST or f["twice_as_long"]:
        long = many(f["twice_as_long"], "image")
        # A GAN learns heads of dogs better than dogs that stand, lie and turn away.
        better = (
            "With `crop` face a GAN is trained on the square around a dog's head instead; with "
            "`crop` subject on the one around what an ImageNet network recognises."
            if f["dogs"]["share"] >= 0.5 else
            "With `crop` subject a GAN is trained on the square around what an ImageNet network "
            "recognises instead."
        )
        lines.append(
            f"The central square leaves out {lost:.0%} of a picture (the median)"
            + (f", and at least half of {long}" if f["twice_as_long"] else "")
            + f". {better}"
        )
    if small := f["under_64_pixels"]:
        have = "has" if small == 1 else "have"
        lines.append(
            f"{many(small, 'image')} {have} a shorter side under 64 pixels: "
            "enlarged for training at 64 pixels, and soft."
        )
    return lines


def _notes(f: dict[str, Any]) -> list[str]:
    lines = []
    if turned := f["turned_by_exif"]:
        lines.append(
            f"{many(turned, 'image')} stored turned or mirrored, as EXIF says: genlab "
            "puts them upright; other programs may not."
        )
    if f["transparent"]:
        lines.append(
            f"{many(f['transparent'], 'image')} with transparency: what is transparent becomes "
            "white."
        )
    if f["several_frames"]:
        lines.append(
            f"{many(f['several_frames'], 'file')} with several frames or pages: the first is used."
        )
    return lines
