"""The readers of a run's files, of the course's files, and of what is handed in."""

__all__ = ["READERS", "in_provenance"]

import hashlib
import io
import json
import shutil
import zipfile

from collections.abc import Callable
from contextlib import redirect_stderr, suppress
from pathlib import Path
from random import Random

import numpy as np
import torch

from cases.fid import gan_measurement
from cases.fuzz.bytes import any_change
from cases.fuzz.campaign import Change, Reader
from cases.fuzz.inside import in_json, in_png, in_safetensors, in_zip
from cases.fuzz.pictures import PNGS
from safetensors.torch import save

import genlab.data

from genlab.common.errors import TrainingError
from genlab.common.formats.word import open_in_word
from genlab.common.typed_json import from_json, to_json
from genlab.fid.results import GanMeasurement
from genlab.gan.classes import read_classes
from genlab.lab.handin.template import read_template
from genlab.lab.verify.readers.archive_reader import Archive
from genlab.lab.verify.readers.docx_reader import read_docx
from genlab.lab.verify.readers.given import Given, members_of
from genlab.lab.verify.readers.names import Naming, system_file
from genlab.notebook.run import Run
from genlab.runs import run as runs
from genlab.runs import seal as sealing
from genlab.runs.examine import examine
from genlab.runs.marker import _check
from genlab.runs.records import kind_of, read_json, read_lines


def in_provenance(random: Random, data: bytes) -> bytes:
    """Changes the JSON that a file of statistics holds as text."""
    with np.load(io.BytesIO(data)) as arrays:
        found = dict(arrays)
    if "provenance" in found:
        changed = in_json(random, str(found["provenance"]).encode())
        found["provenance"] = np.str_(changed.decode("utf-8", "replace"))
    buffer = io.BytesIO()
    np.savez(buffer, **found)
    return buffer.getvalue()


def json_record(folder: Path) -> Reader:
    """A record of a run."""
    record = {"kind": "vae", "config": {"a": [1, 2.5, None, True, "词"]}, "n": {}}
    honest = [json.dumps(record).encode()]

    def read(data: bytes) -> object:
        (folder / "config.json").write_bytes(data)
        return read_json(folder / "config.json"), kind_of(folder)

    return Reader("json record", honest, read, [in_json])


def json_lines(folder: Path) -> Reader:
    """A log of a run."""
    honest = [b'{"step": 1, "elbo": -3.5}\n{"step": 2, "elbo": -3.25}\n{"step": 3, "elbo": -3}\n']

    def read(data: bytes) -> object:
        (folder / "metrics.jsonl").write_bytes(data)
        return read_lines(folder / "metrics.jsonl")

    return Reader("json lines", honest, read, [in_json])


def classes(folder: Path) -> Reader:
    """The classes of a GAN's images."""
    honest = json.dumps({"by": "folders", "names": ["cat", "dog"], "counts": [2, 1],
                         "labels": [0, 1, 0, 1], "held_out": [3]}).encode()  # fmt: skip

    def read(data: bytes) -> object:
        (folder / "classes.json").write_bytes(data)
        return read_classes(folder)

    return Reader("classes", [honest], read, [in_json])


def template(folder: Path) -> Reader:
    """A teacher's template."""
    (folder / "a.docx").write_bytes(_docx())
    honest = [
        b'title = "Lab 3"\nreference = "a.docx"\n[names]\ndocx = "L_{name}_{id}.docx"\n'
        b'code = "C_{name}_{id}.zip"\nsupport = "S_{name}_{id}.zip"\n',
        "names.docx = '实验_{name}_{id}.docx'\ntitle = '''\n词\n'''\n".encode(),
    ]

    def read(data: bytes) -> object:
        (folder / "t.toml").write_bytes(data)
        return read_template(folder / "t.toml")

    return Reader("template", honest, read)


def weights(folder: Path) -> Reader:
    """A file of weights of a run."""
    (folder / "config.json").write_text('{"kind": "vae", "config": {}}')
    (folder / "env.json").write_text('{"data": {}, "sessions": []}')
    honest = save({"a.weight": torch.randn(3, 4), "b": torch.zeros(2, dtype=torch.int64)})

    def read(data: bytes) -> object:
        (folder / "model.safetensors").write_bytes(data)
        sealing.seal(folder)
        return runs.Run(folder).weights("model.safetensors")

    return Reader("weights", [honest], read, [in_safetensors])


def state(folder: Path) -> Reader:
    """The marker of a training state, its own check made right."""
    run, first = _stopped(folder)

    def read(data: bytes) -> object:
        (folder / "state.json").write_bytes(data)
        with redirect_stderr(io.StringIO()):
            return run.newest_state(), run.load_state(), examine(folder)

    def in_marker(random: Random, data: bytes) -> bytes:
        changed = in_json(random, data)
        try:
            marker = json.loads(changed)
            marker.pop("check")
            return json.dumps(marker | {"check": _check(marker)}).encode()
        except (ValueError, AttributeError, KeyError, TypeError):
            return changed

    return Reader("state", [first], read, [in_marker])


def _stopped(folder: Path) -> tuple[runs.Run, bytes]:
    (folder / "config.json").write_text('{"kind": "vae", "config": {}}')
    (folder / "env.json").write_text('{"data": {}, "sessions": []}')
    run = runs.Run(folder)
    run.log({"step": 1})
    run.save_state({"a": torch.zeros(2)}, 1, 0.5)
    return run, (folder / "state.json").read_bytes()


def seal(folder: Path) -> Reader:
    """The seal of a finished run."""
    run, _ = _stopped(folder)
    run.finish({"elbo": -3.0})

    def read(data: bytes) -> object:
        (folder / "DONE").write_bytes(data)
        return run.results, examine(folder)

    return Reader("seal", [(folder / "DONE").read_bytes()], read, [in_json])


def _of_run(name: str) -> Callable[[Path], Reader]:
    def make(folder: Path) -> Reader:
        """A file of a run, which is sealed as it is: no digest stands before it."""
        for file in ("config.json", "env.json", "results.json", "metrics.jsonl"):
            shutil.copy(folder.parent / "vae" / file, folder / file)

        def read(data: bytes) -> object:
            (folder / name).write_bytes(data)
            sealing.seal(folder)
            with redirect_stderr(io.StringIO()):
                run = Run(folder)
                shown = run.kind, run.metrics(), run.figures, run._repr_html_(), run.results
                return shown, runs.Run(folder).env

        return Reader(f"run {name}", [(folder / name).read_bytes()], read, [in_json])

    make.__name__ = f"run_{name.partition('.')[0]}"
    return make


def model(folder: Path) -> Reader:
    """The configuration of a run, from which its model is built."""
    return _model(folder, "config.json", [in_json])


def model_weights(folder: Path) -> Reader:
    """The weights of a run, which its model must fit and draw images with."""
    return _model(folder, "model.safetensors", [in_safetensors])


def _model(folder: Path, name: str, changes: list[Change]) -> Reader:
    for file in ("config.json", "env.json", "results.json", "model.safetensors"):
        shutil.copy(folder.parent / "vae" / file, folder / file)

    def read(data: bytes) -> object:
        (folder / name).write_bytes(data)
        sealing.seal(folder)
        with redirect_stderr(io.StringIO()), suppress(TrainingError):  # images not finite
            return Run(folder).sample(2)

    return Reader(f"model {name}", [(folder / name).read_bytes()], read, changes)


def distances(folder: Path) -> Reader:
    """A GAN's distances to the real images."""
    found = gan_measurement({1: 120.0, 2: 81.5}, {1: 0.1, 2: 0.25}, "FID", error=3.5)

    def read(data: bytes) -> object:
        (folder / "fid.json").write_bytes(data)
        return from_json(GanMeasurement, read_json(folder / "fid.json"), "fid.json")

    return Reader("distances", [json.dumps(to_json(found)).encode()], read, [in_json])


def drawn(folder: Path) -> Reader:
    """The record of a folder that genlab drew images into."""
    files = {}
    for index, data in enumerate(PNGS[:3]):
        (folder / f"{index:03d}.png").write_bytes(data)
        files[f"{index:03d}.png"] = hashlib.sha256(data).hexdigest()
    honest = json.dumps({"gan": "dogs", "n": 3, "seed": 0, "files": files}).encode()

    def read(data: bytes) -> object:
        (folder / "results.json").write_bytes(data)
        with redirect_stderr(io.StringIO()):
            return genlab.data.images(folder, 16)

    return Reader("drawn", [honest], read, [in_json])


def class_archive(folder: Path) -> Reader:
    """The archive of a class, which holds what each has handed in."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("张三_1/实验五_张三_1.docx", "b/notes.txt", "c.zip"):
            archive.writestr(name, b"PK" * 99)

    def read(data: bytes) -> object:
        (folder / "a.zip").write_bytes(data)
        given = Given("a.zip", "a.zip", folder / "a.zip")
        return [one.read() for one, why in members_of(given) if not why]

    return Reader("class archive", [buffer.getvalue()], read, [in_zip()])


def names(folder: Path) -> Reader:
    """The name of a file that was handed in, as mail programs and systems change it."""
    del folder
    naming = Naming()
    honest = ["实验五_张三_2021.docx".encode(), b"=?utf-8?B?5a6e6aqM5LqUX+W8oOS4iV8yMDIx?=.docx",
              "%E5%AE%9E%E9%AA%8C%E4%BA%94_张三_2021 (1).docx".encode()]  # fmt: skip

    def read(data: bytes) -> object:
        name = data.decode("utf-8", "surrogateescape")[:300]
        found = naming.read(name)
        return found, [naming.authors(who) for who in (name, "张三_2021")], system_file(name)

    return Reader("names", honest, read)


def _docx() -> bytes:
    import docx

    document = docx.Document()
    document.add_heading("Lab", 1)
    document.add_paragraph("A text of some words, 3.5 nats.").add_run("bold").bold = True
    table = document.add_table(1, 2)
    table.cell(0, 0).text = "a"
    document.add_picture(io.BytesIO(PNGS[0]))
    buffer = io.BytesIO()
    document.save(buffer)
    return _lean(buffer.getvalue())


def _lean(data: bytes) -> bytes:
    """Leaves the thumbnail out of a document, and packs it as Word does."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as given, zipfile.ZipFile(
        buffer, "w", zipfile.ZIP_DEFLATED
    ) as archive:
        for name in given.namelist():
            content = given.read(name)
            if "thumbnail" not in name:
                archive.writestr(name, content.replace(
                    b'<Relationship Id="rId2" Type="http://schemas.openxmlformats.org/package/2006/'
                    b'relationships/metadata/thumbnail" Target="docProps/thumbnail.jpeg"/>', b""
                ))  # fmt: skip
    return buffer.getvalue()


def word(folder: Path) -> Reader:
    """A report that was handed in."""
    del folder
    return Reader("word", [_docx()], lambda data: read_docx(data, "a.docx"),
                  [in_zip((".xml", any_change), (".rels", any_change))])  # fmt: skip


def reference(folder: Path) -> Reader:
    """A teacher's document, whose styles a report takes."""
    (folder / "t.toml").write_text('reference = "a.docx"')

    def read(data: bytes) -> object:
        (folder / "a.docx").write_bytes(data)
        read_template(folder / "t.toml")
        document = open_in_word(data, "a.docx")
        document.save(io.BytesIO())
        return [(style.style_id, style.name) for style in document.styles]

    return Reader("reference", [_docx()], read,
                  [in_zip((".xml", any_change), (".rels", any_change))])  # fmt: skip


def verified_archive(folder: Path) -> Reader:
    """An archive that was handed in."""
    del folder
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in {"MANIFEST.sha256": b"0" * 64 + b"  a.json\n", "a.json": b'{"a": 1}',
                           "models/m.safetensors": save({"a": torch.zeros(3)}), "b/0.png": PNGS[0],
                           "data.bin": bytes(5000)}.items():  # fmt: skip
            archive.writestr(name, data)

    def read(data: bytes) -> object:
        found = Archive(data, "a.zip", "MANIFEST.sha256")
        return [found.read(name) for name in found.names]

    inner = in_zip((".json", in_json), (".safetensors", in_safetensors), (".png", in_png))
    return Reader("verified archive", [buffer.getvalue()], read, [inner])


READERS = (
    json_record, json_lines, classes, template, weights, state, seal,
    *map(_of_run, ("config.json", "env.json", "results.json", "metrics.jsonl")),
    model, model_weights, distances, drawn, class_archive, names, word, reference,
    verified_archive,
)  # fmt: skip
