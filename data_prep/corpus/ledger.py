"""The ledger: what became of every document of a corpus, one snapshot a generation.

`corpora/{corpus}/ledger/{generation}.parquet`. A document that was indexed and later cannot be
parsed keeps its last good chunks: it is `failed`, with `indexed_hash` naming the content that is
still searched. Deleted documents stay as tombstones. The snapshot remembers the sources of the corpus and
which of them list a document, so that each is brought up to date by itself, and failed documents can be
tried again without being told where they lie. A ledger of a single source, of before, is read as such.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import pyarrow as pa

from cluster.errors import NotFoundError
from cluster.keys import corpus_prefix
from cluster.objects import ObjectStore
from data_prep.corpus.sources.origins import Origin, normalise
from data_prep.corpus.tables import get_table, put_table
from data_prep.documents.formats.notices import Notice

_ORIGINS = b"openbook.origins"
_ORIGIN = b"openbook.origin"  # the only one, in ledgers of before
State = Literal["indexed", "failed", "deleted"]
SCHEMA = pa.schema([
    ("doc_id", pa.string()), ("uri", pa.string()), ("content_hash", pa.string()),
    ("state", pa.string()), ("reason", pa.string()), ("indexed_hash", pa.string()),
    ("chunks", pa.int64()), ("generation", pa.string()), ("attempts", pa.int64()),
    ("sources", pa.list_(pa.string())), ("notices", pa.string()),
])  # fmt: skip


@dataclass(frozen=True, slots=True)
class Entry:
    """One document: `content_hash` is what the source last held, `indexed_hash` what is searched.

    `indexed_hash` is empty when nothing is; `generation` is the one that last changed the entry;
    `attempts` is how often this content was tried. `sources` are the locations that list the document, the
    one that brought it first; `notices` say what of it is not searched, or not as it was meant.
    """

    doc_id: str
    uri: str
    content_hash: str
    state: State
    reason: str = ""
    indexed_hash: str = ""
    chunks: int = 0
    generation: str = ""
    attempts: int = 1
    sources: tuple[str, ...] = ()
    notices: tuple[Notice, ...] = ()


Entries = Mapping[str, Entry]


@dataclass(frozen=True, slots=True)
class Ledger:
    """One snapshot: the documents by `doc_id`, and the sources in the order in which they were added."""

    entries: Entries = field(default_factory=dict)
    origins: tuple[Origin, ...] = ()


def read_ledger(store: ObjectStore, corpus: str, generation: str) -> dict[str, Entry]:
    """The documents of a generation by `doc_id`; NotFoundError when its snapshot was lost."""
    return dict(read_snapshot(store, corpus, generation).entries)


def read_snapshot(store: ObjectStore, corpus: str, generation: str) -> Ledger:
    """The snapshot of a generation; NotFoundError when it was lost."""
    try:
        table = get_table(store, ledger_key(corpus, generation))
    except NotFoundError as error:
        raise NotFoundError(
            f"the ledger of corpus {corpus!r}, generation {generation}, is missing from {store.url}"
        ) from error
    origins = _origins(table.schema.metadata or {})
    single = (origins[0].location,) if len(origins) == 1 else ()
    entries = (_entry(row, single) for row in table.to_pylist())
    return Ledger({entry.doc_id: entry for entry in entries}, origins)


def write_ledger(
    store: ObjectStore,
    corpus: str,
    generation: str,
    entries: Iterable[Entry],
    origins: Iterable[Origin] = (),
) -> None:
    """Write or replace the snapshot of a generation."""
    ordered = sorted(entries, key=lambda entry: entry.doc_id)
    columns = {name: [getattr(entry, name) for entry in ordered] for name in SCHEMA.names}
    columns["notices"] = [_notices_json(entry) for entry in ordered]
    table = pa.Table.from_pydict(columns, schema=SCHEMA)
    metadata = json.dumps([asdict(origin) for origin in origins], ensure_ascii=False)
    put_table(
        store, ledger_key(corpus, generation), table.replace_schema_metadata({_ORIGINS: metadata})
    )


def count_notices(entries: Iterable[Entry]) -> dict[str, int]:
    """How many documents have a notice of each kind, the most frequent kind first."""
    kinds = Counter(kind for entry in entries for kind in {n.kind for n in entry.notices})
    return dict(sorted(kinds.items(), key=lambda item: (-item[1], item[0])))


def ledger_key(corpus: str, generation: str) -> str:
    """The object that holds the snapshot of a generation."""
    return f"{corpus_prefix(corpus)}/ledger/{generation}.parquet"


def _notices_json(entry: Entry) -> str:
    return json.dumps([asdict(notice) for notice in entry.notices], ensure_ascii=False)


def _entry(row: Mapping[str, Any], single: tuple[str, ...]) -> Entry:
    """A row as an entry; `single` is the source where the ledger does not say."""
    notices = tuple(Notice(**notice) for notice in json.loads(row.get("notices") or "[]"))
    sources = row.get("sources")
    return Entry(**{
        **row, "sources": single if sources is None else tuple(sources), "notices": notices,
    })  # fmt: skip


def _origins(metadata: Mapping[bytes, bytes]) -> tuple[Origin, ...]:
    if _ORIGINS in metadata:
        rows = json.loads(metadata[_ORIGINS])
    else:
        rows = [json.loads(metadata[_ORIGIN])] if _ORIGIN in metadata else []
    return tuple(Origin(**{**row, "location": normalise(row["location"])}) for row in rows)
