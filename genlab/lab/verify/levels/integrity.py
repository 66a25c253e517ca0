"""Level 1: the files are there, belong together, and are what their manifests say.

An archive that passes is unpacked, under names that were checked, into the folder of a run as the
report was made from it; every JSON file, every header of weights and of pictures has been read
with limits by then. The source in the code archive is hashed and never written anywhere.
"""

__all__ = ["Sources", "Unpacked", "check_integrity"]

import codecs
import hashlib

from dataclasses import dataclass
from pathlib import Path

import genlab

from genlab.common.errors import InputError
from genlab.common.formats.json_text import read_object
from genlab.common.formats.tensors import header_of
from genlab.common.formats.word import WordDocument
from genlab.lab.handin.archive import MANIFEST
from genlab.lab.verify.readers.archive_reader import Archive
from genlab.lab.verify.readers.given import Given
from genlab.lab.verify.readers.pictures import size_of
from genlab.lab.verify.readers.submissions import Submission
from genlab.lab.verify.results.findings import Finding, Verdict, Words
from genlab.runs.seal import DONE, NEEDED, seal

SHARED = ("config.json", "results.json", "metrics.jsonl")
"""Records of the GAN that lie in both archives."""
EXCHANGED = {
    "code": "no models in it: are the two archives exchanged?",
    "support": "models in it: are the two archives exchanged?",
}
MOST_LINES = 100_000


@dataclass(frozen=True, kw_only=True)
class Sources:
    """How the source in the code archive compares with the genlab that checks it."""

    changed: tuple[str, ...]
    """Files that differ, are missing or further, sorted."""

    @property
    def same(self) -> bool:
        """Whether it is this very genlab."""
        return not self.changed


@dataclass(frozen=True, kw_only=True)
class Unpacked:
    """A submission whose integrity was found good."""

    submission: Submission
    run: Path
    """The run's folder, rebuilt from both archives."""
    docx: Given
    sources: Sources


def check_integrity(submission: Submission, folder: Path) -> tuple[list[Finding], Unpacked | None]:
    """Checks the files of a submission and unpacks its archives.

    Arguments:
        submission: The files.
        folder: An empty folder; the run is rebuilt in it.

    Returns:
        What was found; and the run, if nothing was wrong.
    """
    findings = [_complete(submission)]
    if findings[0].verdict is Verdict.TAMPERED:
        return findings, None
    digests: dict[str, dict[str, str]] = {}
    sources = Sources(changed=())
    for kind in ("code", "support"):
        given = submission.files[kind][0]
        try:
            archive = Archive(given.read(), given.name, MANIFEST)
            digests[kind] = _check_manifest(archive)
            _unpack(archive, kind, folder)
            if kind == "code":
                sources = _sources(archive)
        except (InputError, OSError) as error:
            findings.append(_tampered(kind, error))
            continue
        count, ignored = len(archive.names), ""
        if archive.ignored:
            ignored = f" ({len(archive.ignored)} × {archive.ignored[0][:60]} …)"
        findings.append(_row(kind, Verdict.PASS, Words(
            f"{count}个文件，与清单一致" + (ignored and f"；忽略系统文件{ignored}"),
            f"{count} files, as the manifest lists them"
            + (ignored and f"; ignored, of a system{ignored}"))))
    docx = submission.files["docx"][0]
    try:
        WordDocument(docx.read(), docx.name)
        findings.append(_row("docx", Verdict.PASS, Words("可以打开", "can be opened")))
    except (InputError, OSError) as error:
        findings.append(_tampered("docx", error))
    if len(digests) == 2:
        findings.append(_belong(digests))
    if any(finding.verdict is Verdict.TAMPERED for finding in findings):
        return findings, None
    findings.append(_source_row(sources))
    for config in folder.glob("**/config.json"):  # sealed by what the manifests say, not by DONE
        if all((config.parent / name).exists() for name in (*NEEDED, "results.json")):
            seal(config.parent)
    return findings, Unpacked(submission=submission, run=folder, docx=docx, sources=sources)


def _row(kind: str, verdict: Verdict, found: Words) -> Finding:
    names = {
        "docx": Words("报告可读", "the report is readable"),
        "code": Words("代码压缩包与清单", "the code archive and its manifest"),
        "support": Words("支撑材料压缩包与清单", "the supporting archive and its manifest"),
        "files": Words("三个文件齐全且同名", "three files of one name"),
        "belong": Words("两个压缩包来自同一次运行", "both archives are of one run"),
        "source": Words("源代码", "the source"),
    }
    return Finding("integrity", names[kind], verdict, found)


def _tampered(kind: str, error: Exception) -> Finding:
    return _row(kind, Verdict.TAMPERED, Words(str(error), str(error)))


def _complete(submission: Submission) -> Finding:
    """Says which files there are, and which are missing."""
    who = submission.who
    missing = [
        submission.naming.of(kind, who) for kind in submission.naming.ends
        if kind not in submission.files
    ]
    there = "; ".join(files[0].shown for files in submission.files.values())
    zh, en = f"{who}：{there}", f"{who}: {there}"
    if submission.others:
        others = "; ".join(submission.others)
        zh, en = f"{zh}。未检验：{others}", f"{en}. Not checked: {others}"
    if missing:
        names = ", ".join(missing)
        verb = "is" if len(missing) == 1 else "are"
        return _row("files", Verdict.TAMPERED, Words(
            f"缺少{names}。有{zh}", f"{names} {verb} missing; there is {en}"))
    return _row("files", Verdict.LOOK if submission.others else Verdict.PASS, Words(zh, en))


def _check_manifest(archive: Archive) -> dict[str, str]:
    """Returns the SHA-256 of every file, each being as the manifest says and none left over."""
    listed: dict[str, str] = {}
    for line in archive.read(MANIFEST, 4 << 20).decode("ascii", "replace").splitlines():
        digest, gap, name = line[:64], line[64:66], line[66:]
        if gap not in ("  ", " *") or not name or name in listed:
            raise InputError(f"{MANIFEST}: not a list as sha256sum makes it: {ascii(line[:80])}")
        listed[name] = digest
    there = set(archive.names) - {MANIFEST}
    if missing := sorted(set(listed) - there):
        raise InputError(f"missing, though listed: {_some(missing)}")
    if extra := sorted(there - set(listed)):
        raise InputError(f"there, but not listed: {_some(extra)}")
    wrong = [name for name in sorted(there) if _digest(archive.read(name)) != listed[name]]
    if wrong:
        raise InputError(f"changed, their SHA-256 is not the listed one: {_some(wrong)}")
    return listed


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _some(names: list[str]) -> str:
    return ", ".join(names[:4]) + (f" (+{len(names) - 4})" if len(names) > 4 else "")


def _unpack(archive: Archive, kind: str, folder: Path) -> None:
    """Writes what a run is made of below `folder`; every file is read with limits first."""
    archive.renew()
    if any(name.startswith("models/") for name in archive.names) != (kind == "code"):
        raise InputError(EXCHANGED[kind])
    for name in archive.names:
        if kind == "code" and not name.startswith("models/"):
            continue
        below = name.removeprefix("models/") if kind == "code" else f"gan/{name}"
        if name == MANIFEST or name.endswith((".md", f"/{DONE}")):
            continue
        data = archive.read(name)
        _check_content(name, data)
        target = folder / below
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)


def _check_content(name: str, data: bytes) -> None:
    """Refuses what is not of the kind that its name says."""
    if name.endswith(".json"):
        read_object(data, name)
    elif name.endswith(".jsonl"):
        lines = data.split(b"\n")
        if len(lines) > MOST_LINES or lines[-1]:
            raise InputError(f"{name}: too many lines, or the last has no end")
        for number, line in enumerate(lines[:-1], 1):
            read_object(line, f"{name}, line {number}")
    elif name.endswith(".safetensors"):
        header_of(data, name)
    elif name.endswith(".png"):
        size_of(data, name)
    elif name.endswith(".webp"):  # never decoded here
        if data[:4] != b"RIFF" or data[8:12] != b"WEBP":
            raise InputError(f"{name}: not a WebP picture")
    elif data:
        raise InputError(f"{name}: a kind of file that no run has")


def _belong(digests: dict[str, dict[str, str]]) -> Finding:
    code, support = digests["code"], digests["support"]
    differ = [name for name in SHARED if code.get(f"models/gan/{name}") != support.get(name)]
    if differ:
        shown = _some(differ)
        return _row("belong", Verdict.TAMPERED, Words(
            f"GAN的记录在两个压缩包中不同：{shown}", f"the GAN's records differ between them: {shown}"))
    return _row("belong", Verdict.PASS, Words("GAN的记录相同", "the same records of the GAN"))


def _sources(archive: Archive) -> Sources:
    """Compares source files but for their line ends: git may change these in a checkout."""
    root = Path(genlab.__file__).parent
    ours = {
        f"genlab/{path.relative_to(root).as_posix()}": _text_digest(path.read_bytes())
        for path in root.rglob("*.py")
    }
    archive.renew()
    theirs = {
        name: _text_digest(archive.read(name)) for name in archive.names
        if name.startswith("genlab/") and name.endswith(".py")
    }
    names = set(ours) | set(theirs)
    return Sources(changed=tuple(sorted(n for n in names if ours.get(n) != theirs.get(n))))


def _text_digest(text: bytes) -> str:
    """Returns the digest of a text with line ends LF and without a byte order mark."""
    plain = text.removeprefix(codecs.BOM_UTF8)
    return _digest(plain.replace(b"\r\n", b"\n").replace(b"\r", b"\n"))


def _source_row(sources: Sources) -> Finding:
    if sources.same:
        return _row("source", Verdict.PASS, Words(
            "与检验所用的genlab相同", "that of the genlab that checks it"))
    count, shown = len(sources.changed), _some(list(sources.changed))
    return _row("source", Verdict.LOOK, Words(
        f"{count}个源文件与检验所用的genlab不同（{shown}）：版本不同或被学生修改；不会被执行",
        f"{count} source files differ from the genlab that checks ({shown}): another version, or "
        "changed by the student; none of it is executed"))
