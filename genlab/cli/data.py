"""The commands `genlab data ...`."""

__all__ = ["data", "with_default"]

from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path

from tyro.conf import Positional
from tyro.extras import SubcommandApp

from genlab.cli.base import DataDir, Json, end, use_data
from genlab.cli.errors import with_options
from genlab.common.identity import Crop
from genlab.common.text import one_line

data = SubcommandApp()
TABLES = (".csv", ".tsv", ".npy", ".npz")
KINDS = {"digits": "grey", "images": "colour"}
"""What a list calls the kinds of sources."""


def with_default(arguments: list[str]) -> list[str]:
    """Returns the command line with `data` alone, or with options only, read as `data list`."""
    if arguments[:1] != ["data"]:
        return arguments
    after = arguments[1:2]
    bare = not after or (after[0].startswith("-") and after[0] not in ("-h", "--help"))
    return ["data", "list", *arguments[1:]] if bare else arguments


@data.command(name="list")
def data_list(get: str | None = None, data_dir: DataDir = None, json: Json = False) -> None:
    """List the data sources: where each is on this machine, or how to get it.

    Args:
        get: Fetch this source now (mnist, imagewoof-160), and identify it or any other SOURCE by
            the SHA-256 of its content.
    """
    from genlab.data.inventory import inventory

    use_data(data_dir)
    if get:
        from genlab.data.open import identity_of

        found = identity_of(get)
        line = f"{get}: {found.count} {_what(get, found.shape)}, SHA-256 {found.sha256}"
        end(asdict(found), line, json)
        return
    rows = inventory()
    if not json:
        width = max(len(row["name"]) for row in rows)
        for row in rows:
            print(f"{row['name']:{width}}  {KINDS[row['kind']]:6}  {row['size']}")
            where = f"at hand: {row['place']}" if row["place"] else f"not at hand; {row['get']}"
            lines = [f"licence: {row['licence']}", where]
            lines += [f"cannot be used: {row['problem']}"] if row["problem"] else []
            for line in lines:
                print(one_line(f"{'':{width}}  {'':6}  {line}"))
    here = [row["name"] for row in rows if row["place"] and not row["problem"]]
    end({"sources": rows}, f"at hand: {', '.join(here)}", json)


def _what(source: str, shape: tuple[int, ...]) -> str:
    if len(shape) > 1:
        return f"images of {' x '.join(map(str, shape))}"
    if Path(source).suffix.lower() in TABLES:  # of pictures the shape is that of their channels
        return f"rows of {sum(shape)} numbers"
    return "images of many sizes"


@data.command(name="check")
def data_check(
    source: Positional[str],
    out: Path | None = None,
    clean: Path | None = None,
    json: Json = False,
) -> None:
    """Examine a folder of images (or a zip): unusable files, copies, crops, pictures without dogs.

    The folder is not changed. A page with pictures and results.json are written elsewhere.

    Args:
        source: The folder, a zip of one, or a name of images (see: genlab data).
        out: The folder for the page; runs/check-NAME if not given.
        clean: Copy the usable images here, one of each group of copies.
    """
    from genlab.common import atomic
    from genlab.data.check.clean import (
        PAGE,
        RESULTS,
        clean_copy,
        require_clean_target,
        require_page_target,
    )
    from genlab.data.check.folder import check_folder
    from genlab.data.check.page import check_page
    from genlab.data.open import place_of
    from genlab.runs.lock import run_lock

    folder = place_of(source)
    target = out or Path("runs") / f"check-{folder.resolve().stem}"
    require_page_target(target, folder, clean)
    if clean:
        require_clean_target(clean, folder)
    with run_lock(target), run_lock(clean) if clean else nullcontext():
        results = check_folder(folder)
        results["advice"] = [with_options(line) for line in results["advice"]]
        page = check_page(results, folder).encode(errors="xmlcharrefreplace")  # names not in UTF-8
        atomic.write_bytes(target / PAGE, page)
        if clean:
            results["clean"] = clean_copy(results, folder, clean)
        atomic.write_json(target / RESULTS, results)
    if not json:
        for line in results["advice"]:
            print(one_line(f"- {line}"))
    groups = len(results["groups"])
    line = (
        f"{results['images']} of {results['files']} images usable, {groups} with copies, "
        f"{results['dogs']['share']:.1%} recognised as dogs; page: {target / PAGE}"
    )
    end(results, line, json)


@data.command(name="prepare")
def data_prepare(
    source: Positional[str],
    out: Positional[Path],
    size: int = 64,
    crop: Crop = "centre",
    keep: float = 1.0,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Make a folder of squares from images once, and a page of what was taken and what was left.

    Training reads the folder as it is: genlab gan train OUT. The same command goes on where it was
    stopped. The page is OUT.html.

    Args:
        source: A folder, a zip, or a name of images (see: genlab data).
        out: The folder that is made.
        size: Side of the squares in pixels.
        crop: The square taken of each image: its centre; around the subject that an ImageNet
            network finds; around a dog's head (face); or around the rectangle that a Pascal VOC
            file or a .csv in the folder gives (boxes). Images without head or rectangle are left
            out.
        keep: The share of these squares that is taken, 0.05 to 1: the most typical ones, by the
            density of an ImageNet network's features and, with the crop face, by how sure the
            heads are. What that costs is printed, and stands on the page.
    """
    from genlab.common import atomic
    from genlab.data.prepare.page import prepared_page, require_page
    from genlab.data.prepare.prepare import prepared, require_place_for_squares, write_prepared
    from genlab.runs.lock import run_lock

    use_data(data_dir)
    page = out.with_name(f"{out.name}.html")
    require_place_for_squares(out, source)
    require_page(page)
    with run_lock(out):
        found = prepared(source, size, crop, keep)
        results = write_prepared(found, out)
        html = prepared_page(found, results).encode(errors="xmlcharrefreplace")  # not UTF-8
        atomic.write_bytes(page, html)
    line = f"{out}: {results['n']:,} of {results['looked_at']:,} images taken; page: {page}"
    end(results, line, json)
