"""Text -> vectors, by a sentence-transformers model; the same for documents and queries."""

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from tokenizers import Tokenizer


class Embedder:
    """Loads the model at `path` (folder or Hugging Face id) on first use."""

    def __init__(self, path: str) -> None:
        self._path = path

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        return int(self._model.get_embedding_dimension())

    @property
    def max_tokens(self) -> int:
        """Longest input in tokens, special tokens included; the rest would be cut silently."""
        return int(self._model.max_seq_length)

    def embed_documents(self, texts: Sequence[str]) -> np.ndarray:
        """`vectors_NE`, float32, unit length, in the order of `texts`."""
        return self._embed(self._model.encode_document, texts)

    def embed_queries(self, texts: Sequence[str]) -> np.ndarray:
        """`vectors_NE` for questions: models with prompts embed them differently."""
        return self._embed(self._model.encode_query, texts)

    def tokenizer(self) -> "Tokenizer":
        """A copy of the model's tokenizer that neither cuts nor pads: for counting and chunking."""
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_str(self._model.tokenizer.backend_tokenizer.to_str())
        tokenizer.no_truncation()
        tokenizer.no_padding()
        return tokenizer

    def _embed(self, encode: Any, texts: Sequence[str]) -> np.ndarray:
        if not texts:
            return np.zeros((0, self.dimension), dtype=np.float32)
        vectors_NE = encode(
            list(texts), normalize_embeddings=True, convert_to_numpy=True, show_progress_bar=False
        )
        return np.ascontiguousarray(vectors_NE, dtype=np.float32)

    @cached_property
    def _model(self) -> Any:
        from sentence_transformers import SentenceTransformer

        return SentenceTransformer(self._path, device=None)
