"""Questions -> vectors: embedded together, those of the last questions kept."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence

import numpy as np

from cluster.keys import content_id
from serve.batcher import Batcher

Vector = np.ndarray  # float32, unit length
Embed = Callable[[list[str]], Awaitable[Sequence[Vector]]]


class QueryVectors:
    """`embed` is called once for all questions that wait; `entries` vectors are kept.

    `embedder_id` is part of the key, so that a vector is never taken for one of another model.
    """

    def __init__(self, embed: Embed, embedder_id: str, entries: int, max_batch: int) -> None:
        self._embed = embed
        self._embedder_id = embedder_id
        self._entries = entries
        self._kept: OrderedDict[str, Vector] = OrderedDict()  # least recently used first
        self._batcher = Batcher(self._embed_unique, max_batch)

    async def of(self, texts: Sequence[str]) -> list[Vector]:
        """One vector for each text, in order."""
        keys = [content_id(self._embedder_id, text, length=32) for text in texts]
        found = {key: self._kept[key] for key in keys if key in self._kept}
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in found}
        vectors = await self._batcher.ask(None, list(missing.values()))
        found.update(zip(missing, vectors, strict=True))
        self._keep(found)
        return [found[key] for key in keys]

    def _keep(self, found: dict[str, Vector]) -> None:
        for key, vector in found.items():
            self._kept[key] = vector
            self._kept.move_to_end(key)
        while len(self._kept) > self._entries:
            self._kept.popitem(last=False)

    async def _embed_unique(self, _: None, texts: list[str]) -> list[Vector]:
        unique = list(dict.fromkeys(texts))
        vectors = dict(zip(unique, await self._embed(unique), strict=True))
        return [vectors[text] for text in texts]
