"""Errors about images: one line for one image, a list for several."""

__all__ = ["DANGLING", "MEND", "refuse_images"]

from collections.abc import Sequence

from genlab.common.errors import InputError

MEND = "; mend or remove it"
DANGLING = f"a link to nothing{MEND}"
LISTED = 10
"""The most images that one error names."""


def refuse_images(problems: Sequence[str], count: int, source: str) -> None:
    """Raises one `InputError` for all images that cannot be used, if there are any.

    Arguments:
        problems: The messages about them, in the order of their names.
        count: The number of all images, good ones too.
        source: The source that they come from.
    """
    if not problems:
        return
    if len(problems) == 1:
        raise InputError(problems[0])
    shown = [f"  {problem.removesuffix(MEND)}" for problem in problems[:LISTED]]
    if len(problems) > LISTED:
        shown.append(f"  and {len(problems) - LISTED} more")
    head = f"{source}: {len(problems)} of {count} images cannot be used; mend or remove them"
    raise InputError(head, *shown)
