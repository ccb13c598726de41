"""Records that cross a border: between stages, processes, or us and the disk.

Frozen dataclasses with plain fields, so that they pickle, compare, and become JSON by `as_json`.
No heavy imports. Offsets are code points; `end` is exclusive.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from cluster.prompts import ABSTENTION

Role = Literal["oracle", "distractor"]
# hard: the retriever confuses it with the oracle; same-document: beside the oracle; random: any
Kind = Literal["hard", "same-document", "random"]
Split = Literal["train", "validation", "test"]
# between the headings of a section's path
SECTION_MARK = " > "
SPLITS: tuple[Split, ...] = ("train", "validation", "test")
# how the answers of a set are scored, see `train.metrics`
Metric = Literal["exact_match", "f1", "label", "api_call"]


def as_json(record: Any) -> dict[str, Any]:
    """A record as plain JSON types, in field order."""
    return asdict(record)


@dataclass(frozen=True, slots=True)
class Document:
    """One source file or corpus record after parsing.

    `pages` holds (page number, start offset) in rising order, empty when the format has no pages.
    """

    doc_id: str
    uri: str
    title: str
    text: str
    content_hash: str
    pages: tuple[tuple[int, int], ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Chunk:
    """A span of a document: `text == document.text[start:end]`.

    `section` is the path of headings above it, outermost first, joined by `SECTION_MARK`; empty where there
    is none.
    """

    chunk_id: str
    doc_id: str
    uri: str
    title: str
    text: str
    page: int | None
    start: int
    end: int
    tokens: int
    metadata: Mapping[str, Any] = field(default_factory=dict)
    section: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the text of a hit stands once more."""

    chunk_id: str
    doc_id: str
    uri: str
    title: str
    page: int | None


@dataclass(frozen=True, slots=True)
class Hit:
    """A chunk that the retriever returned; `rank` counts from 1, a higher `score` is better.

    `score` is the cosine of question and chunk. Other chunks with the same text are in `also`.
    """

    chunk: Chunk
    score: float
    rank: int
    also: tuple[Place, ...] = ()


def hit_summary(hit: Hit) -> dict[str, Any]:
    """A hit as JSON without its text: what an answer's `rag.hits` lists."""
    return {
        "chunk_id": hit.chunk.chunk_id,
        "doc_id": hit.chunk.doc_id,
        "title": hit.chunk.title,
        "section": hit.chunk.section,
        "score": round(hit.score, 6),
        "rank": hit.rank,
        "also": [as_json(place) for place in hit.also],
    }


def hit_json(hit: Hit) -> dict[str, Any]:
    """A hit as JSON with its text and its place in the document."""
    chunk = hit.chunk
    place = {"uri": chunk.uri, "page": chunk.page, "start": chunk.start, "end": chunk.end}
    return {**hit_summary(hit), "text": chunk.text, **place, "metadata": dict(chunk.metadata)}


@dataclass(frozen=True, slots=True)
class SourceQuote:
    """A quote as a question file gives it: text that should occur in document `doc`."""

    doc: str
    text: str


@dataclass(frozen=True, slots=True)
class Question:
    """One line of a question file (`qa.jsonl`); `split_given` is False where the split is still open."""

    id: str
    question: str
    answer: str
    oracle: tuple[str, ...]
    quotes: tuple[SourceQuote, ...]
    reasoning: str | None
    split: Split
    metadata: Mapping[str, Any] = field(default_factory=dict)
    split_given: bool = True


@dataclass(frozen=True, slots=True)
class ContextDocument:
    """A numbered document of a RAFT example, in prompt order.

    `kind` says where a distractor comes from; a `poisoned` one carries a planted instruction.
    """

    chunk_id: str
    doc_id: str
    title: str
    text: str
    role: Role
    score: float | None
    rank: int | None
    kind: Kind | None = None
    poisoned: bool = False


@dataclass(frozen=True, slots=True)
class Quote:
    """A verified span: `chunk.text[start:end]`."""

    chunk_id: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class RaftExample:
    """Question + oracle and distractor documents -> reasoned, quoting answer (RAFT §3).

    `reasoning` is what the model should write before the answer, quotes already between
    the markers of `cluster.prompts`. `plain_reasoning` is the part of it that needs no documents:
    what a DSF example trains on. `oracle` names the documents (`doc_id`) that settle the answer,
    in the prompt or not. With `abstain` the right thing to say about these documents is that they do
    not answer; `answer` stays what is true.
    """

    id: str
    question: str
    documents: tuple[ContextDocument, ...]
    oracle_present: bool
    reasoning: str
    plain_reasoning: str
    answer: str
    quotes: tuple[Quote, ...]
    oracle: tuple[str, ...]
    split: Split
    seed: int
    provenance: Mapping[str, Any] = field(default_factory=dict)
    abstain: bool = False

    @property
    def open_book_answer(self) -> str:
        """What to answer in view of the documents: `answer`, or the abstention."""
        return ABSTENTION if self.abstain else self.answer

    @property
    def size(self) -> int:
        """Characters of documents and reasoning."""
        return len(self.reasoning) + sum(len(document.text) for document in self.documents)


@dataclass(frozen=True, slots=True)
class Segment:
    """A run of one document inside a packed text: `text[start:end]`."""

    doc_id: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class PackedText:
    """One row of a CPT set: whole documents and parts of long ones, in the corpus' order.

    `tokens` counts the segments' tokens, and one end-of-text token after each segment.
    """

    id: str
    text: str
    segments: tuple[Segment, ...]
    tokens: int
    split: Split

    @property
    def size(self) -> int:
        """Characters."""
        return len(self.text)


@dataclass(frozen=True, slots=True)
class Turn:
    """One message of a conversation; what an assistant says without `learn` is only read."""

    role: Literal["system", "user", "assistant"]
    content: str
    learn: bool = True


@dataclass(frozen=True, slots=True)
class Conversation:
    """A record of an instruction set; its last turn is the assistant's."""

    id: str
    messages: tuple[Turn, ...]
    split: Split

    @property
    def size(self) -> int:
        """Characters of all turns."""
        return sum(len(turn.content) for turn in self.messages)


@dataclass(frozen=True, slots=True)
class AdapterRef:
    """Exactly which adapter: `str()` gives `name@version`."""

    name: str
    version: str

    def __str__(self) -> str:
        return f"{self.name}@{self.version}"


@dataclass(frozen=True, slots=True)
class AdapterManifest:
    """What an adapter version is and where it came from; written after its files."""

    name: str
    version: str
    base_model: str
    mode: str
    method: str
    rank: int
    target_modules: tuple[str, ...]
    prompt_hash: str
    created: str
    files: Mapping[str, str]
    lineage: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, Any] = field(default_factory=dict)

    @property
    def plain(self) -> bool:
        """Whether it learned chats as they are sent: no prompt of ours is in its training."""
        return not self.prompt_hash


@dataclass(frozen=True, slots=True)
class ModelManifest:
    """What a version of a trained model is and where it came from; written after its files."""

    name: str
    version: str
    base_model: str
    mode: str
    method: str
    prompt_hash: str
    created: str
    files: Mapping[str, str]
    lineage: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, Any] = field(default_factory=dict)

    @property
    def setting(self) -> str:
        """What `models.base` is set to, to serve it or to train on it."""
        return f"store:{self.name}@{self.version}"
