"""What the gateway needs of the other parts, wherever they run, and what travels between them."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from cluster.errors import OpenbookError
from cluster.prompts import Message
from cluster.records import Hit
from serve.engine.protocol import EngineStats, GenerationChunk, GenerationRequest


@dataclass(frozen=True, slots=True)
class Query:
    """Questions to one corpus; `filter` is a Milvus expression on chunk fields.

    Hits whose cosine is below `min_score` are left out (None: as the settings say).
    """

    corpus: str
    questions: tuple[str, ...]
    top_k: int | None = None
    filter: str | None = None
    min_score: float | None = None


@dataclass(frozen=True, slots=True)
class Retrieved:
    """For each question its hits, best first, and which build of the corpus they are from.

    `notices` are what to tell of each question; empty where there is nothing for any.
    """

    corpus: str
    generation: str
    hits: tuple[tuple[Hit, ...], ...]
    notices: tuple[tuple[str, ...], ...] = ()

    def told(self, question: int) -> list[str]:
        """The notices of one question, by its place."""
        return list(self.notices[question]) if self.notices else []


@dataclass(frozen=True, slots=True)
class Embedded:
    """One unit vector for each text, in order."""

    vectors: tuple[tuple[float, ...], ...]
    tokens: int


@dataclass(frozen=True, slots=True)
class Held:
    """The adapters that one generator replica has loaded -> requests that use them now."""

    replica: str
    adapters: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Change:
    """What became of an order to one generator replica; `error` when nothing did."""

    replica: str
    outcome: Literal["loaded", "evicted", "not loaded", "failed"]
    error: OpenbookError | None = None


class Retrieving(Protocol):
    """The retriever."""

    async def retrieve(self, query: Query) -> Retrieved:
        """NotFoundError for an unknown corpus, UnavailableError when Milvus does not answer."""

    async def embed(self, texts: Sequence[str]) -> Embedded:
        """UsageError for a text longer than the embedder takes."""


class Generating(Protocol):
    """The generator."""

    async def fit(self, prompts: Sequence[Sequence[Message]], max_tokens: int) -> int:
        """Index of the first prompt that fits the context; ContextError when none does."""

    def generate(self, request: GenerationRequest) -> AsyncGenerator[GenerationChunk, None]:
        """Stream an answer; the first chunk is empty and says that the request is admitted.

        ContextError instead, when the prompt leaves no room for the answer.
        """

    async def stats(self) -> EngineStats:
        """What the engine is doing."""


class Naming(Protocol):
    """Which models exist."""

    async def resolve(self, model: str) -> str | None:
        """The exact `name@version` that a model name means now; None for the base model."""

    async def plain(self, adapter: str) -> bool:
        """Whether a `name@version` learned chats as they are sent, not Openbook's prompts."""


class Holding(Protocol):
    """What all generator replicas hold; adapters are exact, `name@version`."""

    async def held(self) -> list[Held]:
        """One entry for each replica."""

    async def preload(self, adapter: str) -> list[Change]:
        """Load it everywhere, now."""

    async def evict(self, adapter: str) -> list[Change]:
        """Forget it wherever no request uses it."""
