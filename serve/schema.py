"""HTTP bodies that come in. OpenAI's shapes; whatever we do not do is refused by name, never ignored.

A parameter of OpenAI that we do not support is accepted with the value that means "do nothing"
(`n: 1`, `tools: []`, `null`), because clients send those unasked.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from cluster.errors import UsageError
from cluster.questions import check_text

UNSUPPORTED = "unsupported_parameter"
MAX_CHOICES = 16
_NOTHING = (None,)
# parameter -> values that ask for nothing
_INERT: dict[str, tuple[Any, ...]] = {
    "presence_penalty": (None, 0),
    "frequency_penalty": (None, 0),
    "logit_bias": (None, {}),
    "tools": (None, []),
    "tool_choice": (None, "none", "auto"),
    "parallel_tool_calls": (None, True, False),
    "functions": (None, []),
    "function_call": (None, "none", "auto"),
    "response_format": (None, {"type": "text"}),
    "modalities": (None, ["text"]),
    "service_tier": (None, "auto", "default"),
    "store": (None, False),
    "audio": _NOTHING,
    "best_of": (None, 1),
    "echo": (None, False),
    "guided_json": _NOTHING,
    "metadata": (None, {}),
    "min_p": (None, 0),
    "prediction": _NOTHING,
    "prompt_cache_key": _NOTHING,
    "reasoning_effort": _NOTHING,
    "repetition_penalty": (None, 1),
    "safety_identifier": _NOTHING,
    "suffix": _NOTHING,
    "verbosity": _NOTHING,
    "web_search_options": _NOTHING,
}


def _is_text(value: Any) -> Any:
    """Refuse half of a surrogate pair, which JSON can write, by its place."""
    if isinstance(value, str):
        try:
            check_text("this string", value)
        except UsageError as error:
            raise PydanticCustomError("invalid_value", "{why}", {"why": str(error)}) from error
    return value


Text = Annotated[str, BeforeValidator(_is_text), Field(max_length=1_000_000)]
Filter = Annotated[str, BeforeValidator(_is_text), Field(max_length=10_000)]


class Body(BaseModel):
    """Base of every body: unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _refuse_unsupported(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        foreign = [k for k in value if k in _INERT and k not in cls.model_fields]
        for name in foreign:
            if not any(_same(value[name], inert) for inert in _INERT[name]):
                raise PydanticCustomError(
                    UNSUPPORTED, "parameter '{param}' is not supported", {"param": name}
                )
        return {key: item for key, item in value.items() if key not in foreign}


class TextPart(Body):
    """A piece of text content."""

    type: Literal["text"]
    text: Text


class ChatMessage(Body):
    """One turn. What an earlier answer of ours carried beside its text may be sent back."""

    role: Literal["system", "user", "assistant"]
    content: Text | list[TextPart]
    name: str | None = None
    refusal: None = None
    annotations: list[Any] | None = None
    tool_calls: None = None

    @property
    def text(self) -> str:
        """The content as one string."""
        if isinstance(self.content, str):
            return self.content
        return "".join(part.text for part in self.content)


class StreamOptions(Body):
    """`include_usage` adds a last chunk with token counts."""

    include_usage: bool = False


class RagOptions(Body):
    """How to use documents: `auto` when a corpus is known, `on` or an error, `off`.

    `filter` is a Milvus expression on chunk fields; hits whose cosine is below `min_score` count as
    not found, also those found by words (unset: as `retrieval.min_score` says).
    """

    corpus: str | None = None
    mode: Literal["auto", "on", "off"] = "auto"
    top_k: int | None = Field(None, ge=1, le=100)
    filter: Filter | None = None
    min_score: float | None = Field(None, ge=-1, le=1)


class ChatRequest(Body):
    """`POST /v1/chat/completions`; `ignore_eos`, as in vLLM, generates all tokens that are allowed."""

    model: str = Field(max_length=256)
    messages: list[ChatMessage] = Field(min_length=1, max_length=1000)
    stream: bool = False
    stream_options: StreamOptions | None = None
    temperature: float | None = Field(None, ge=0, le=2)
    top_p: float | None = Field(None, gt=0, le=1)
    top_k: int | None = Field(None, ge=0, lt=2**31)
    max_tokens: int | None = Field(None, ge=1)
    max_completion_tokens: int | None = Field(None, ge=1)
    n: int | None = Field(None, ge=1, le=MAX_CHOICES)
    stop: str | list[str] | None = None
    seed: int | None = Field(None, ge=-(2**63), lt=2**63)
    ignore_eos: bool | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = Field(None, ge=0, le=20)
    user: str | None = None
    rag: RagOptions = RagOptions()

    @model_validator(mode="after")
    def _check(self) -> "ChatRequest":
        if self.messages[-1].role != "user" or not self.messages[-1].text.strip():
            raise PydanticCustomError("invalid_value", "the last message must be a user's question")
        if len(self.stops) > 4 or not all(self.stops):
            raise PydanticCustomError(
                "invalid_value", "stop takes 1 to 4 strings that are not empty"
            )
        if self.stream_options is not None and not self.stream:
            raise PydanticCustomError("invalid_value", "stream_options needs stream: true")
        if self.top_logprobs and not self.logprobs:
            raise PydanticCustomError("invalid_value", "top_logprobs needs logprobs: true")
        return self

    @property
    def stops(self) -> tuple[str, ...]:
        """Stop strings."""
        if self.stop is None:
            return ()
        return (self.stop,) if isinstance(self.stop, str) else tuple(self.stop)

    @property
    def limit(self) -> int | None:
        """Tokens the client wants at most, by either name."""
        return self.max_completion_tokens or self.max_tokens


class AdapterRequest(Body):
    """`POST /admin/adapters/preload` and `/admin/adapters/evict`: which model."""

    model: str = Field(max_length=256)


class EmbeddingRequest(Body):
    """`POST /v1/embeddings`."""

    model: str = Field(max_length=256)
    input: Text | Annotated[list[Text], Field(min_length=1, max_length=256)]
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: int | None = Field(None, ge=1)
    user: str | None = None

    @property
    def texts(self) -> list[str]:
        """The inputs as a list."""
        return [self.input] if isinstance(self.input, str) else self.input


class RetrieveRequest(Body):
    """`POST /v1/retrieve`: what the retriever returns for one `query` or several `queries`."""

    corpus: str | None = None
    query: Text | None = None
    queries: Annotated[list[Text], Field(min_length=1, max_length=256)] | None = None
    top_k: int | None = Field(None, ge=1, le=100)
    filter: Filter | None = None
    min_score: float | None = Field(None, ge=-1, le=1)

    @model_validator(mode="after")
    def _check(self) -> "RetrieveRequest":
        if (self.query is None) == (self.queries is None):
            raise PydanticCustomError("invalid_value", "give either query or queries")
        if not all(text.strip() for text in self.texts):
            raise PydanticCustomError("invalid_value", "a query must not be empty")
        return self

    @property
    def texts(self) -> list[str]:
        """The queries as a list."""
        return [self.query] if self.query is not None else self.queries or []


def _same(value: Any, inert: Any) -> bool:
    """Equality that does not take True for 1."""
    return bool(value == inert) and isinstance(value, bool) == isinstance(inert, bool)
