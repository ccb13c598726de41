"""What a listing holds: sources, failures, and counts of what was left out."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from data_prep.documents.formats.kinds import Format
from data_prep.documents.records.files import Container


@dataclass(frozen=True, slots=True)
class Source:
    """One document before parsing: `length` bytes at `offset` of the file or object `path`.

    `content_hash` of an object begins with `etag:`. A record of a Parquet file has the number of its row
    as `offset`; records name what holds them, and the columns that hold their text and id.
    """

    doc_id: str
    uri: str
    content_hash: str
    format: Format
    path: str
    offset: int
    length: int
    text_column: str = ""
    id_column: str = ""
    container: Container = ""

    def as_row(self) -> dict[str, Any]:
        """Plain fields, for a trip to another process."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Failure:
    """Something at the source that did not become a document.

    `withdrawn` when what was indexed of it before must not stay searchable: it is nothing that the source
    holds any longer, as a link to elsewhere.
    """

    doc_id: str
    uri: str
    reason: str
    content_hash: str = ""
    withdrawn: bool = False


@dataclass(frozen=True, slots=True)
class Listing:
    """Everything found: sources in the order of their files, so that neighbours are read together.

    `ignored` counts what was left out by rule: by suffix what lay beside documents and is none
    (`COMPANIONS`), hidden files and folders, links to what is listed anyway, columns that are not kept.
    `unseen` are beginnings of addresses below which nothing could be looked at: a document that is missing
    there is not known to be gone.
    """

    sources: tuple[Source, ...]
    failures: tuple[Failure, ...]
    ignored: Mapping[str, int] = field(default_factory=dict)
    unseen: tuple[str, ...] = ()

    @property
    def items(self) -> tuple[Source | Failure, ...]:
        """Sources, then failures."""
        return (*self.sources, *self.failures)
