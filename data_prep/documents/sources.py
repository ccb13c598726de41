"""What to ingest: a folder, pattern, file, `s3://` prefix or files of records -> a listing of sources.

Listing parses no document. Files are named by the hash of their bytes, objects by the etag that S3 lists,
records by the hash of their fields: an unchanged corpus costs one pass over the disk, or one listing of
the bucket. What cannot become a document (unknown format, unreadable, special, a link to elsewhere, a
malformed record) is listed with its reason and never stops the rest; what is left out by rule (pictures
and styles beside documents, hidden files, columns that no document keeps) is counted. A source is read
again by `reading`, in any process that sees the same path.
"""

import hashlib
import os
from collections import Counter
from collections.abc import Mapping
from pathlib import PurePosixPath

from cluster.errors import InputError
from cluster.keys import content_id
from cluster.settings import IngestSettings, StoreSettings
from data_prep.documents.folders import Findings, Found, LeftOut, Progress, readable
from data_prep.documents.formats.kinds import companion_suffixes, named_format
from data_prep.documents.formats.names import COMPRESSED
from data_prep.documents.listed import Failure, Listing, Source
from data_prep.documents.locations import find, open_bytes, open_regular
from data_prep.documents.records.fields import MAX_ID_BYTES
from data_prep.documents.records.files import FAULTS, UnreadableFile, container
from data_prep.documents.records.listing import RecordLister
from data_prep.documents.records.metadata import clean_text
from data_prep.documents.uris import MAX_URI_BYTES

_MIB = 1024 * 1024
_SHOWN_NAME = 180
_UNNAMEABLE = f"its path is not valid UTF-8 or too long: {MAX_ID_BYTES} bytes are allowed"
_EMPTY = "files of records without a record"


def list_sources(
    location: str,
    ingest: IngestSettings,
    store: StoreSettings,
    progress: Progress | None = None,
) -> Listing:
    """List a location (see `locations.find`); files of records are read, others hashed.

    `doc_id` is the path below the folder, the file name, or the record's id. `progress` is called with
    the number of files and of bytes read so far. Raises InputError when there is nothing to read at all,
    UnavailableError when S3 does not answer.
    """
    findings = find(location, store, ingest.follow_links, progress)
    listing = _Listing(ingest, store, findings, progress)
    listing.run()
    if listing.is_unreadable():
        raise InputError(f"source {location!r}: {listing.failures[0].reason}")
    if not (listing.sources or listing.failures):
        raise InputError(f"{location!r} is empty: expected one JSON record a line, or rows")
    return Listing(
        tuple(sorted(listing.sources, key=lambda s: (s.path, s.offset, s.doc_id))),
        tuple(sorted(listing.failures, key=lambda f: f.doc_id)),
        dict(listing.ignored.most_common()),
        tuple(listing.unseen),
    )


class _Listing:
    """One listing as it grows; a name may occur once among all documents and records."""

    def __init__(
        self,
        ingest: IngestSettings,
        store: StoreSettings,
        findings: Findings,
        progress: Progress | None,
    ) -> None:
        self._max_mib = ingest.max_file_mib
        self._store = store
        self._suffixes = ingest.suffixes
        self._found, companions = _documents_of(findings.found, ingest.suffixes)
        self._progress = progress
        self._bytes = 0
        self._unreadable = 0
        self.sources: list[Source] = []
        self.failures = [_left_out(item) for item in findings.left_out]
        self.ignored = findings.ignored + companions
        self.unseen = list(findings.unseen)
        self._lister = RecordLister(ingest, self.ignored)

    def run(self) -> None:
        """Documents first: a record that is named as one of them is the one that fails."""
        records = []
        for file in self._found:
            if not _is_nameable(file):
                self._add(_failure(file, _UNNAMEABLE))
            elif container(file.name):
                records.append(file)
                continue
            else:
                self._add(self._document(file))
                self._lister.take(file.name, f"the document {file.name}")
            self._tell(file.size)
        for file in records:
            self._record_file(file, alone=len(records) == len(self._found))
            self._tell(file.size)

    def is_unreadable(self) -> bool:
        """Whether the source is files of records alone, and none of them could be read."""
        files = len(self._found)
        return not self.sources and 0 < files == self._unreadable == len(self.failures)

    def _add(self, item: Source | Failure) -> None:
        if isinstance(item, Failure):
            self.failures.append(item)
        else:
            self.sources.append(item)

    def _tell(self, size: int) -> None:
        self._bytes += size
        if self._progress is not None:
            self._progress(len(self._found), self._bytes)

    def _document(self, file: Found) -> Source | Failure:
        format = named_format(file.name, self._suffixes)
        if format is None:
            return Failure(file.name, file.uri, _unsupported(file.name))
        if file.size > self._max_mib * _MIB:
            return Failure(file.name, file.uri, self._too_large(f"{file.size / _MIB:.0f} MiB"))
        if file.etag:
            return Source(file.name, file.uri, f"etag:{file.etag}", format, file.path, 0, file.size)
        try:
            digest, size = _digest(file, self._max_mib * _MIB)
        except OSError as error:
            return Failure(file.name, file.uri, f"cannot be read: {error.strerror or error}")
        if not digest:
            says = f"holds more than {size / _MIB:.0f} MiB and says {file.size} bytes"
            return Failure(file.name, file.uri, self._too_large(says))
        return Source(file.name, file.uri, digest, format, file.path, 0, size)

    def _too_large(self, size: str) -> str:
        return f"{size}, ingest.max_file_mib allows {self._max_mib}"

    def _record_file(self, file: Found, alone: bool) -> None:
        before = len(self.sources) + len(self.failures)
        try:
            with open_bytes(file.path, self._store) as opened:
                for item in self._lister.list(file, opened):
                    self._add(item)
        except UnreadableFile as error:
            self._lose(file, str(error))
        except InputError as error:
            hint = "" if alone else "; leave it out, or ingest files of records on their own"
            self._fail(file, f"{error}{hint}")
        except FAULTS as error:
            self._lose(file, f"cannot be read: {getattr(error, 'strerror', None) or error}")
        else:
            if len(self.sources) + len(self.failures) == before:
                self.ignored[_EMPTY] += 1

    def _lose(self, file: Found, reason: str) -> None:
        """A file of records that could not be looked into: its records are not known to be gone."""
        self._fail(file, reason)
        self.unseen.append(f"{file.uri}#")

    def _fail(self, file: Found, reason: str) -> None:
        self._unreadable += 1
        self._add(_failure(file, reason))


def _documents_of(
    found: list[Found], suffixes: Mapping[str, str]
) -> tuple[list[Found], Counter[str]]:
    """What is no companion of documents, and how many are; all of them where there is nothing else."""
    kinds = [PurePosixPath(file.name.removesuffix(".gz")).suffix.lower() for file in found]
    beside = companion_suffixes(kinds, suffixes)
    files = [file for file, kind in zip(found, kinds, strict=True) if kind not in beside]
    if not files:
        return found, Counter()
    return files, Counter(kind for kind in kinds if kind in beside)


def _failure(file: Found, reason: str) -> Failure:
    return Failure(_doc_id(file.name), file.uri[:MAX_URI_BYTES], clean_text(reason))


def _left_out(item: LeftOut) -> Failure:
    uri, reason = item.uri[:MAX_URI_BYTES], readable(item.reason)
    return Failure(_doc_id(item.name), uri, reason, withdrawn=item.withdrawn)


def _is_nameable(file: Found) -> bool:
    """Whether a row of Milvus, and of Arrow, can hold the name and the path of a document."""
    is_text = readable(file.path) == file.path
    return is_text and _doc_id(file.name) == file.name and len(file.uri) <= MAX_URI_BYTES


def _doc_id(name: str) -> str:
    """The name itself, or where it is no UTF-8 or too long, one that stands for it and no other."""
    shown = readable(name)
    if shown == name and len(name.encode()) <= MAX_ID_BYTES:
        return name
    if len(shown) <= _SHOWN_NAME:
        return shown
    return f"{shown[:_SHOWN_NAME]}~{content_id(shown, length=12)}"


def _unsupported(name: str) -> str:
    path = PurePosixPath(name.lower())
    suffix = path.suffix
    if suffix in COMPRESSED:  # one rule for all that is compressed would be wrong for most
        suffix = PurePosixPath(path.stem).suffix + suffix
    return (
        f"unsupported format ({suffix}), unlike .md, .txt, .html, .pdf, .docx and many others; if it is one "
        f"of them under another name, say so: ingest.suffixes: {{{suffix!r}: text}}; or leave it out: ignore"
    )


def _digest(file: Found, limit: int) -> tuple[str, int]:
    """The hash and the bytes of a file, whatever size the system tells; no hash above the limit."""
    digest, size = hashlib.sha256(), 0
    with open_regular(file.path, file.real) as opened:
        while block := os.read(opened.fileno(), _MIB):
            size += len(block)
            if size > limit:
                return "", size
            digest.update(block)
    return digest.hexdigest(), size
