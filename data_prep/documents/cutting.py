"""Cutting a parsed document for an embedder, in the process that parsed it: under the same limits."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from cluster.errors import SettingsError
from cluster.settings import ChunkSettings
from data_prep.chunking.cutter import HEAD_TOKENS, MIN_TOKENS, Cutter
from data_prep.documents.formats.notices import Notice
from data_prep.documents.formats.parsed import Parsed

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_TOLD_SHARE = 0.2


@dataclass(frozen=True, slots=True)
class Cutting:
    """What it takes: the embedder's name, its tokenizer as JSON, and how many tokens it reads."""

    embedder: str
    tokenizer: str
    max_tokens: int
    settings: ChunkSettings

    def to_json(self) -> bytes:
        """For a trip to another process."""
        fields = {name: getattr(self, name) for name in ("embedder", "tokenizer", "max_tokens")}
        return json.dumps({**fields, "settings": self.settings.model_dump()}).encode()


def cutter_for(tokenizer: "Tokenizer", max_tokens: int, settings: ChunkSettings) -> Cutter:
    """The cutter for an embedder that reads `max_tokens` at once, special tokens included."""
    room = max_tokens - tokenizer.num_special_tokens_to_add(False) - HEAD_TOKENS
    if room < MIN_TOKENS:
        raise SettingsError(
            f"models.embedder reads {max_tokens} tokens at once; chunking needs at least "
            f"{MIN_TOKENS + max_tokens - room}: choose another embedder"
        )
    return Cutter(tokenizer, min(settings.tokens, room), settings.overlap)


def cutting_from(data: bytes) -> Callable[[Parsed], Parsed]:
    """A function that adds the spans of a document, made from `Cutting.to_json`."""
    from tokenizers import Tokenizer

    task = json.loads(data)
    tokenizer = Tokenizer.from_str(task["tokenizer"])
    cutter = cutter_for(tokenizer, task["max_tokens"], ChunkSettings(**task["settings"]))

    def cut(parsed: Parsed) -> Parsed:
        cuts = cutter.cut(parsed.text, parsed.pages, parsed.markdown, parsed.separate)
        told = unreadable(cuts.unknown_share, task["embedder"])
        return replace(parsed, spans=cuts.spans, notices=(*parsed.notices, *told))

    return cut


def unreadable(share: float, embedder: str) -> tuple[Notice, ...]:
    """A notice when a model cannot read a large share of a text."""
    if share < _TOLD_SHARE:
        return ()
    text = (
        f"{share:.0%} of its letters are in words that models.embedder={embedder} does not know; it reads "
        "them all alike, so only the search by words tells such texts apart. Set models.embedder to a model "
        "of the language, such as intfloat/multilingual-e5-small, and ingest again"
    )
    return (Notice("unknown words", text),)
