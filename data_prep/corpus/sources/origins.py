"""A source of a corpus as its ledger remembers it, so that it can be read again without being told."""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from cluster.errors import InputError, NotFoundError
from data_prep.documents.uris import S3

_FILE = "file://"


@dataclass(frozen=True, slots=True)
class Origin:
    """What an ingest was told to read; the columns are settings of the same names.

    `ingested` is when it was last read (UTC, ISO 8601; empty: unknown); `ignored` counts what was left out.
    """

    location: str
    text_column: str = ""
    id_column: str = ""
    ingested: str = ""
    ignored: Mapping[str, int] = field(default_factory=dict)


def normalise(location: str) -> str:
    """One name for a place however it is written: absolute, without `file://` or a slash at its end.

    Raises InputError for a name that is not UTF-8, which a ledger could not keep.
    """
    if not _is_utf8(location):
        raise InputError(
            f"source {location!r} is not valid UTF-8; give it another name, or a link to it"
        )
    if location.startswith(S3):
        return location.rstrip("/") if len(location.rstrip("/")) > len(S3) else location
    if "://" in location and not location.startswith(_FILE):
        return location
    return os.path.abspath(location.removeprefix(_FILE))


def with_origin(origins: Iterable[Origin], origin: Origin) -> tuple[Origin, ...]:
    """The origins with this one in the place of the same location, or at the end."""
    found = {known.location: known for known in origins}
    return tuple({**found, origin.location: origin}.values())


def find_origin(corpus: str, origins: Sequence[Origin], location: str) -> Origin:
    """The origin at a location, as it is written or normalised; NotFoundError lists what there is."""
    wanted = {location, normalise(location)}
    for origin in origins:
        if origin.location in wanted:
            return origin
    known = ", ".join(origin.location for origin in origins) or "none that its ledger remembers"
    raise NotFoundError(f"corpus {corpus!r} has no source {location!r}; its sources are: {known}")


def _is_utf8(text: str) -> bool:
    return text.encode(errors="replace").decode() == text
