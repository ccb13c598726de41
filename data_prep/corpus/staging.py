"""First durable step of ingest: documents parsed and chunked, as parquet shards in the object store.

`corpora/{corpus}/staging/{index}/{shard}.chunks.parquet` and, written after it, `.outcomes.parquet`.
A shard's name follows from its sources, so a killed ingest finds its finished shards again and
parses only the rest. Checkpoints by document would lose chunks of documents that were half written.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from cluster.errors import SettingsError
from cluster.keys import content_id, corpus_prefix
from cluster.models import model_id
from cluster.objects import ObjectStore
from cluster.records import Chunk, Document
from cluster.session import Session
from cluster.settings import IngestSettings, Settings
from data_prep.corpus.chunk import Chunker
from data_prep.corpus.plan import Outcome
from data_prep.corpus.tables import CHUNKS, chunk_table, get_tables, put_table
from data_prep.documents.cutting import Cutting, cutter_for
from data_prep.documents.formats.layout import MISSING
from data_prep.documents.formats.notices import Notice
from data_prep.documents.formats.parsed import Parsed, ParseError
from data_prep.documents.formats.titles import usable_title
from data_prep.documents.listed import Source
from data_prep.documents.reading import SourceReader
from data_prep.documents.sandbox import Sandbox

if TYPE_CHECKING:
    from tokenizers import Tokenizer

OUTCOMES = pa.schema([
    ("doc_id", pa.string()), ("content_hash", pa.string()), ("chunks", pa.int64()),
    ("reason", pa.string()), ("notices", pa.string()),
])  # fmt: skip
TITLE_CHARS = 300
_MIB = 1024 * 1024
# a shard holds a 64th of all bytes, so that large files are work for all processors, but neither so little
# that shards outnumber documents nor so much that a kill costs many minutes
_SHARE = 64
_LEAST_BYTES, _MOST_BYTES = _MIB, 64 * _MIB
_CHUNKS, _OUTCOMES = ".chunks.parquet", ".outcomes.parquet"


@dataclass(frozen=True, slots=True)
class Shard:
    """Sources that are staged together; `key` has no suffix."""

    key: str
    sources: tuple[Source, ...]

    @property
    def bytes(self) -> int:
        """What there is to read; a row of Parquet counts as one."""
        return sum(source.length for source in self.sources)

    def as_row(self) -> dict[str, str]:
        """For a trip through Ray Data."""
        sources = [source.as_row() for source in self.sources]
        return {"key": self.key, "sources": json.dumps(sources, ensure_ascii=False)}


class Staging:
    """The staged shards of one index of a corpus."""

    def __init__(self, store: ObjectStore, corpus: str, index: str) -> None:
        self._store = store
        self._root = f"{corpus_prefix(corpus)}/staging"
        self._prefix = f"{self._root}/{index}"

    def shards(self, sources: Sequence[Source], documents: int) -> list[Shard]:
        """Shards in the order of the sources: at most `documents` each, and a fair share of the bytes."""
        fair = sum(source.length for source in sources) // _SHARE
        most = min(max(fair, _LEAST_BYTES), _MOST_BYTES)
        groups = _groups(sources, documents, most)
        return [Shard(f"{self._prefix}/{_name(group)}", group) for group in groups]

    def put_tokenizer(self, tokenizer: "Tokenizer") -> str:
        """Leave the tokenizer to the workers; returns its key."""
        key = f"{self._prefix}/tokenizer.json"
        self._store.put(key, tokenizer.to_str().encode())
        return key

    def missing(self, shards: Sequence[Shard]) -> list[Shard]:
        """Shards that still have to be staged."""
        done = set(self._store.list(self._prefix))
        return [shard for shard in shards if shard.key + _OUTCOMES not in done]

    def outcomes(self, shards: Sequence[Shard]) -> list[Outcome]:
        """What became of every source of complete shards."""
        keys = [shard.key + _OUTCOMES for shard in shards]
        return [_outcome(row) for row in get_tables(self._store, keys, OUTCOMES).to_pylist()]

    def chunks(self, shards: Sequence[Shard]) -> pa.Table:
        """The chunks of complete shards."""
        return get_tables(self._store, chunk_keys(shards), CHUNKS)

    def clear(self) -> None:
        """Forget everything staged for the corpus, of any index."""
        for key in self._store.list(self._root):
            self._store.delete(key)

    def is_clear(self) -> bool:
        """Whether no ingest was interrupted since the last complete one."""
        return next(iter(self._store.list(self._root)), None) is None


def chunk_keys(shards: Sequence[Shard]) -> list[str]:
    """The objects that hold the chunks of complete shards."""
    return [shard.key + _CHUNKS for shard in shards]


@dataclass(frozen=True, slots=True)
class StageTask:
    """What a worker needs to stage. `tokenizer` is the key of a JSON object: workers load no model."""

    settings: Settings
    tokenizer: str
    max_tokens: int
    fingerprint: str


@dataclass(slots=True)
class Progress:
    """What was staged: PDF pages, slides and sheets count as pages."""

    documents: int = 0
    failed: int = 0
    pages: int = 0
    bytes: int = 0

    def add(self, more: "Progress") -> None:
        """Count more."""
        for name in ("documents", "failed", "pages", "bytes"):
            setattr(self, name, getattr(self, name) + getattr(more, name))

    def note(self, total_bytes: int) -> str:
        """For people, beside the number of documents."""
        parts = [f"{self.bytes / _MIB:.1f} of {total_bytes / _MIB:.1f} MiB"]
        parts += [f"{self.pages} pages"] if self.pages else []
        parts += [f"{self.failed} failed"] if self.failed else []
        return ", ".join(parts)


class StageShards:
    """Callable on batches of shard rows: writes each shard, returns its `Progress` as a row."""

    def __init__(self, task: StageTask) -> None:
        from tokenizers import Tokenizer

        self._store = Session.for_worker(task.settings).store
        tokenizer = Tokenizer.from_buffer(self._store.get(task.tokenizer))
        settings = task.settings
        cutter_for(tokenizer, task.max_tokens, settings.chunk)  # raises when it cannot be done
        self._chunker = Chunker(task.fingerprint)
        self._reader = SourceReader(settings.store)
        embedder = model_id(settings.models.embedder)
        cutting = Cutting(embedder, tokenizer.to_str(), task.max_tokens, settings.chunk)
        self._sandbox = Sandbox(settings.ingest, cutting=cutting)
        if settings.ingest.pdf_parser == "docling" and find_spec("docling") is None:
            raise SettingsError(MISSING)  # else every PDF of the corpus would be a failed document

    def __call__(self, batch: pa.Table) -> pa.Table:
        rows = []
        for row in batch.to_pylist():
            done = Progress()
            self.stage(
                row["key"], [Source(**fields) for fields in json.loads(row["sources"])], done.add
            )
            rows.append(asdict(done))
        return pa.Table.from_pylist(rows)

    def stage(
        self, key: str, sources: Sequence[Source], report: Callable[[Progress], None]
    ) -> None:
        """Write one shard; each document is reported when it is done."""
        outcomes: list[Outcome] = []
        chunks: list[Chunk] = []
        for source in sources:
            outcome, found, pages = self._document(source)
            outcomes.append(outcome)
            chunks.extend(found)
            report(Progress(1, int(bool(outcome.reason)), pages, source.length))
        put_table(self._store, key + _CHUNKS, chunk_table(chunks))
        table = pa.Table.from_pylist([_row(outcome) for outcome in outcomes], schema=OUTCOMES)
        put_table(self._store, key + _OUTCOMES, table)

    def _document(self, source: Source) -> tuple[Outcome, list[Chunk], int]:
        try:
            data = self._reader.read(source)
        except OSError as error:
            return Outcome(source.doc_id, "", 0, f"cannot be read: {error}"), [], 0
        try:
            parsed = self._sandbox.parse(data, source.format)
        except ParseError as error:
            return Outcome(source.doc_id, source.content_hash, 0, str(error)), [], 0
        chunks = self._chunker.chunks(_document(source, parsed), parsed.spans)
        done = Outcome(source.doc_id, source.content_hash, len(chunks), notices=parsed.notices)
        return done, chunks, parsed.pages[-1][0] if parsed.pages else 0


def _row(outcome: Outcome) -> dict[str, Any]:
    notices = [asdict(notice) for notice in outcome.notices]
    return {**asdict(outcome), "notices": json.dumps(notices, ensure_ascii=False)}


def _outcome(row: Mapping[str, Any]) -> Outcome:
    notices = tuple(Notice(**notice) for notice in json.loads(row["notices"]))
    return Outcome(**{**row, "notices": notices})


def is_small(sources: Sequence[Source], settings: IngestSettings) -> bool:
    """Whether so little is staged sooner in this process than by Ray, whose workers take seconds to start."""
    size = sum(source.length for source in sources)
    return len(sources) <= settings.local_documents and size <= settings.local_mib * _MIB


def _groups(
    sources: Sequence[Source], documents: int, most_bytes: int
) -> Iterator[tuple[Source, ...]]:
    group: list[Source] = []
    size = 0
    for source in sources:
        if group and (len(group) == documents or size + source.length > most_bytes):
            yield tuple(group)
            group, size = [], 0
        group.append(source)
        size += source.length
    if group:
        yield tuple(group)


def _document(source: Source, parsed: Parsed) -> Document:
    title = " ".join(parsed.title.split())
    if source.format != "record":
        title = usable_title(title, source.doc_id)
    return Document(
        doc_id=source.doc_id,
        uri=source.uri,
        title=title[:TITLE_CHARS],
        text=parsed.text,
        content_hash=source.content_hash,
        pages=parsed.pages,
        metadata=parsed.metadata,
    )


def _name(sources: Sequence[Source]) -> str:
    return content_id([(s.doc_id, s.uri, s.content_hash) for s in sources])
