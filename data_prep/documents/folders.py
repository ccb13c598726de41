"""What lies below a folder, and what of it is left out and why.

The walk opens folders only, never a file: a FIFO would wait for a writer. It is no recursion, enters each
real folder once, and takes links last, in the order of their names, so that the result depends on the
folder alone. A link that leaves the source is not read unless `ingest.follow_links` says so; one that
stays inside is read where its target would not be found under its own name (Kubernetes mounts are such).
"""

import os
import stat
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from data_prep.documents.patterns import Pattern
from data_prep.documents.uris import file_uri

Progress = Callable[[int, int], None]  # files found and bytes read so far
HIDDEN_FILES, DUPLICATE_LINKS = "hidden files", "links to what is listed under its own name"
_KINDS = (
    (stat.S_ISFIFO, "a FIFO"), (stat.S_ISSOCK, "a socket"), (stat.S_ISCHR, "a character device"),
    (stat.S_ISBLK, "a block device"), (stat.S_ISDOOR, "a door"), (stat.S_ISDIR, "a folder"),
)  # fmt: skip
_MAX_NAMES = 20


@dataclass(frozen=True, slots=True)
class Found:
    """A file or an object: `name` is relative to the source, `path` opens it, `uri` is for citations.

    `real` is the path of a file without links; objects have an `etag` instead.
    """

    name: str
    path: str
    size: int
    uri: str
    etag: str = ""
    real: str = ""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Something that was met and is not read; `withdrawn` when an earlier version must not stay either."""

    name: str
    uri: str
    reason: str
    withdrawn: bool = False


@dataclass(slots=True)
class Findings:
    """What is to be read, what is not with its reason, and counts of what is left out by rule.

    `unseen` are beginnings of addresses below which nothing could be looked at.
    """

    found: list[Found] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    ignored: Counter[str] = field(default_factory=Counter)
    unseen: list[str] = field(default_factory=list)

    def hide_folder(self, name: str) -> None:
        """Count a hidden folder, by its name while there are few names."""
        kind = f"{readable(name)}/ (hidden folder)"
        few = sum(key.endswith("(hidden folder)") for key in self.ignored) < _MAX_NAMES
        self.ignored[kind if kind in self.ignored or few else "other hidden folders"] += 1


def readable(name: str) -> str:
    """A name or a sentence with one as text that can be written: bytes that are no UTF-8 as `\\xe9`."""
    return name if name.isascii() else os.fsencode(name).decode("utf-8", "backslashreplace")


def special_kind(mode: int) -> str:
    """What a file is that is no regular one; empty for a regular one."""
    if stat.S_ISREG(mode):
        return ""
    return next((kind for test, kind in _KINDS if test(mode)), "a special file")


def refusal(kind: str) -> str:
    """Why something special is not read."""
    return f"is {kind} and no regular file; it is never opened"


@dataclass(frozen=True, slots=True)
class _Place:
    """Where something is met: `name` below the source, `path` to open, `real` without links."""

    name: str
    path: str
    real: str

    def below(self, entry: str) -> "_Place":
        return _Place(
            f"{self.name}/{entry}" if self.name else entry,
            os.path.join(self.path, entry),
            os.path.join(self.real, entry),
        )


class FolderWalk:
    """One walk over the folder `root`, an absolute path; it may itself be a link."""

    def __init__(
        self,
        root: str,
        pattern: Pattern,
        follow_links: bool = False,
        progress: Progress | None = None,
    ) -> None:
        self._root = _Place("", root, os.path.realpath(root))
        self._pattern = pattern
        self._follow = follow_links
        self._progress = progress
        self._findings = Findings()
        self._entered: set[str] = set()
        self._files: set[str] = set()
        self._links: list[_Place] = []

    def run(self) -> Findings:
        """Everything that the pattern matches, in no order; OSError when the root cannot be listed."""
        os.scandir(self._root.path).close()
        self._enter(self._root)
        while self._links:
            links, self._links = sorted(self._links, key=lambda link: link.name), []
            for link in links:
                self._link(link)
        return self._findings

    def _enter(self, top: _Place) -> None:
        folders = [top]
        while folders:
            folder = folders.pop()
            if folder.real in self._entered:
                self._findings.ignored[DUPLICATE_LINKS] += 1
                continue
            self._entered.add(folder.real)
            try:
                folders.extend(self._list(folder))
            except OSError as error:
                self._cannot_list(folder, error)
            if self._progress is not None:
                self._progress(len(self._findings.found), 0)

    def _list(self, folder: _Place) -> Iterator[_Place]:
        """Sort the entries of a folder; yields the folders to enter."""
        with os.scandir(folder.path) as entries:
            for entry in entries:
                place = folder.below(entry.name)
                is_folder = entry.is_dir(follow_symlinks=False)
                if entry.name.startswith("."):
                    self._hidden(place, entry.name, is_folder)
                elif entry.is_symlink():
                    self._links.append(place)
                elif is_folder:
                    if self._pattern.reaches(place.name):
                        yield place
                elif self._pattern.matches(place.name):
                    self._file(place, entry)

    def _hidden(self, place: _Place, entry: str, is_folder: bool) -> None:
        if is_folder and self._pattern.reaches(place.name):
            self._findings.hide_folder(entry)
        elif not is_folder and self._pattern.matches(place.name):
            self._findings.ignored[HIDDEN_FILES] += 1

    def _file(self, place: _Place, entry: "os.DirEntry[str] | None" = None) -> None:
        try:
            found = entry.stat(follow_symlinks=False) if entry else os.lstat(place.real)
        except OSError as error:
            self._leave(place, f"cannot be read: {error.strerror}")
            return
        kind = special_kind(found.st_mode)
        if kind:
            self._leave(place, refusal(kind), withdrawn=True)
            return
        self._findings.found.append(
            Found(place.name, place.path, found.st_size, self._uri(place), real=place.real)
        )
        self._files.add(place.real)

    def _link(self, link: _Place) -> None:
        try:
            real = os.path.realpath(link.real, strict=True)
            is_folder = stat.S_ISDIR(os.stat(real).st_mode)
        except OSError as error:
            if self._pattern.matches(link.name):
                self._leave(link, f"is a link that leads nowhere: {error.strerror}", withdrawn=True)
            return
        if not (self._pattern.reaches if is_folder else self._pattern.matches)(link.name):
            return
        if not (self._follow or _is_below(real, self._root.real)):
            reason = (
                f"is a link to outside the source ({real}); set ingest.follow_links=true to read it"
            )
            self._leave(link, reason, withdrawn=True)
        elif is_folder:
            self._linked_folder(link, real)
        elif real in self._files:
            self._findings.ignored[DUPLICATE_LINKS] += 1
        else:
            self._file(_Place(link.name, real, real))

    def _linked_folder(self, link: _Place, real: str) -> None:
        if _is_below(link.real, real):
            self._leave(
                link, f"is a link to a folder that holds it ({real}), a loop; it is not entered"
            )
        elif real in self._entered:
            self._findings.ignored[DUPLICATE_LINKS] += 1
        else:
            self._enter(_Place(link.name, real, real))

    def _cannot_list(self, folder: _Place, error: OSError) -> None:
        self._leave(
            folder, f"folder cannot be read: {error.strerror}; nothing below it was looked at"
        )
        self._findings.unseen.append(f"{self._uri(folder)}/")

    def _leave(self, place: _Place, reason: str, withdrawn: bool = False) -> None:
        self._findings.left_out.append(LeftOut(place.name, self._uri(place), reason, withdrawn))

    def _uri(self, place: _Place) -> str:
        return file_uri(os.path.join(self._root.path, place.name))


def _is_below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")
