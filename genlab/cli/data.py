"""The commands `genlab data ...`."""

__all__ = ["data", "with_default"]

from pathlib import Path

from tyro.conf import Positional
from tyro.extras import SubcommandApp

from genlab.cli.base import DataDir, Json, end, use_data
from genlab.cli.errors import with_options

data = SubcommandApp()


def with_default(arguments: list[str]) -> list[str]:
    """Returns the command line with `data` alone, or with options only, read as `data list`."""
    if arguments[:1] != ["data"]:
        return arguments
    after = arguments[1:2]
    bare = not after or (after[0].startswith("-") and after[0] not in ("-h", "--help"))
    return ["data", "list", *arguments[1:]] if bare else arguments


@data.command(name="list")
def data_list(get: str | None = None, data_dir: DataDir = None, json: Json = False) -> None:
    """List the data sources: where each would come from on this machine, and its identity.

    Args:
        get: Fetch this source now (mnist, imagewoof-160), or identify any SOURCE given here.
    """
    from genlab.data.inventory import describe_source, inventory

    use_data(data_dir)
    if get:
        results = describe_source(get)
        end(results, f"{get}: {results['count']} images, SHA-256 {results['sha256']}", json)
        return
    rows = inventory()
    if not json:
        for row in rows:
            print(f"{row['name']:14} {row['kind']:7} {row['size']}")
            print(f"{'':14} {'':7} licence: {row['licence']}")
            where = f"at hand: {row['place']}" if row["place"] else f"not at hand; {row['get']}"
            print(f"{'':14} {'':7} {where}")
            if row["problem"]:
                print(f"{'':14} {'':7} cannot be used: {row['problem']}")
            if identity := row["identity"]:
                shape = " x ".join(map(str, identity["shape"]))
                print(f"{'':14} {'':7} {identity['count']} of {shape}, "
                      f"SHA-256 {identity['sha256']}")
    here = [row["name"] for row in rows if row["identity"]]
    end({"sources": rows}, f"at hand: {', '.join(here)}", json)


@data.command(name="check")
def data_check(
    folder: Positional[Path],
    out: Path | None = None,
    clean: Path | None = None,
    json: Json = False,
) -> None:
    """Examine a folder of images (or a zip): unusable files, copies, crops, pictures without dogs.

    The folder is not changed. A page with pictures and results.json are written elsewhere.

    Args:
        folder: The folder, or a zip of one.
        out: The folder for the page; runs/check-FOLDER if not given.
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

    target = out or Path("runs") / f"check-{folder.resolve().stem}"
    require_page_target(target, folder, clean)
    if clean:
        require_clean_target(clean, folder)
    results = check_folder(folder)
    results["advice"] = [with_options(line) for line in results["advice"]]
    page = check_page(results, folder).encode(errors="xmlcharrefreplace")  # names not in UTF-8
    atomic.write_bytes(target / PAGE, page)
    if clean:
        results["clean"] = clean_copy(results, folder, clean)
    atomic.write_json(target / RESULTS, results)
    if not json:
        for line in results["advice"]:
            print(f"- {line}")
    groups = len(results["groups"])
    line = (
        f"{results['images']} of {results['files']} images usable, {groups} with copies, "
        f"{results['dogs']['share']:.1%} recognised as dogs; page: {target / PAGE}"
    )
    end(results, line, json)
