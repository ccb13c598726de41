"""Text -> vectors, by any sentence-transformers model, with the prompts that it wants for each task.

sentence-transformers pads a fixed number of texts to the longest by characters. Here texts are sorted
by their tokens and batched by a budget of tokens, so that almost nothing is computed for padding, and a
thread tokenises the next texts while the model computes. Vectors are those of `encode_document` and
`encode_query` to a cosine of 0.999 (bfloat16) or to the last digits (float32).
"""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from cluster.questions import cut_notice, parts_of

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from torch import Tensor

Task = Literal["document", "query"]
# windows of texts, by their places, each with what is or will be its tokens
Tokenised = list[tuple[range, Future[dict[str, Any]]]]
# names of prompts in the order in which sentence-transformers looks for them
_PROMPTS: dict[Task, tuple[str, ...]] = {
    "document": ("document", "passage", "corpus"),
    "query": ("query",),
}
# texts that are tokenised, sorted and batched together
_WINDOW = 1024
_MAX_PADDING = 0.03
# below this share of the budget a batch is too small to keep the processor busy, padding or not
_SMALL_BATCH = 1 / 16


@dataclass(slots=True)
class Work:
    """What an embedder has done: tokens of texts, and tokens computed with padding."""

    texts: int = 0
    tokens: int = 0
    computed: int = 0


class Embedder:
    """Loads the model at `path` (folder or Hugging Face id) on first use, on a GPU where there is one.

    `dtype` is the name of a torch dtype; a batch has at most `batch_tokens` tokens, padding included,
    or one text.
    """

    def __init__(self, path: str, dtype: str = "float32", batch_tokens: int = 8192) -> None:
        self.path = path
        self._dtype = dtype
        self._batch_tokens = batch_tokens
        self.work = Work()

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
        return self._embed(texts, "document")

    def embed_stream(self, groups: Iterable[Sequence[str]]) -> Iterator[np.ndarray]:
        """`embed_documents` of each group, in their order; the next is tokenised meanwhile."""
        return self._embed_stream(groups, "document")

    def embed_queries(self, texts: Sequence[str]) -> np.ndarray:
        """`vectors_NE` for questions: models with prompts embed them differently.

        A question longer than the model reads is read in parts: its vector is their mean and those of its
        ends, all with one weight.
        """
        parts = [self._parts(text) for text in texts]
        vectors_PE = self._embed([piece for pieces in parts for piece in pieces], "query")
        vectors_NE = np.zeros((len(texts), vectors_PE.shape[1]), dtype=np.float32)
        start = 0
        for row, pieces in enumerate(parts):
            own_PE = vectors_PE[start : start + len(pieces)]
            vectors_NE[row] = own_PE[0] if len(pieces) == 1 else _joined(own_PE)
            start += len(pieces)
        return vectors_NE

    def question_notice(self, text: str) -> str | None:
        """What to tell whoever asks this, None for a question that is read in one piece."""
        tokens = self._long(text)
        return cut_notice(len(tokens), self._room) if tokens else None

    def tokenizer(self) -> "Tokenizer":
        """A copy of the model's tokenizer that neither cuts nor pads: for counting and chunking."""
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_str(self._model.tokenizer.backend_tokenizer.to_str())
        tokenizer.no_truncation()
        tokenizer.no_padding()
        return tokenizer

    def _parts(self, text: str) -> list[str]:
        offsets = self._long(text)
        return parts_of(text, offsets, self._room) if offsets else [text]

    def _long(self, text: str) -> list[tuple[int, int]]:
        """Where the tokens of a question lie that is longer than the model reads; else empty."""
        if len(text.encode()) <= self._room:  # a token has a byte at least
            return []
        offsets = list(self._counting.encode(text, add_special_tokens=False).offsets)
        return offsets if len(offsets) > self._room else []

    @cached_property
    def _counting(self) -> "Tokenizer":
        return self.tokenizer()

    @cached_property
    def _room(self) -> int:
        """Tokens of a question beside the special ones and the prompt."""
        prompt = self._counting.encode(self._prompt("query") or "").ids
        return max(1, self.max_tokens - len(prompt))

    def _prompt(self, task: Task) -> str | None:
        model = self._model
        names = [name for name in _PROMPTS[task] if name in model.prompts]
        name = names[0] if names else model.default_prompt_name
        return model.prompts[name] if name else None

    def _embed(self, texts: Sequence[str], task: Task) -> np.ndarray:
        (vectors_NE,) = self._embed_stream([texts], task)
        return vectors_NE

    def _embed_stream(self, groups: Iterable[Sequence[str]], task: Task) -> Iterator[np.ndarray]:
        with ThreadPoolExecutor(1, "tokenise") as ahead:
            waiting: list[Tokenised] = []
            for texts in groups:
                waiting.append(self._tokenise_ahead(ahead, texts, task))
                if len(waiting) > 1:
                    yield self._vectors(waiting.pop(0), task)
            for tokenised in waiting:
                yield self._vectors(tokenised, task)

    def _tokenise_ahead(self, ahead: Executor, texts: Sequence[str], task: Task) -> Tokenised:
        windows = [range(n, min(n + _WINDOW, len(texts))) for n in range(0, len(texts), _WINDOW)]
        return [
            (window, ahead.submit(self._tokenise, [texts[n] for n in window], task))
            for window in windows
        ]

    def _vectors(self, tokenised: Tokenised, task: Task) -> np.ndarray:
        count = tokenised[-1][0].stop if tokenised else 0
        vectors_NE = np.zeros((count, self.dimension), dtype=np.float32)
        for window, future in tokenised:
            for rows, vectors in self._compute(future.result(), task):
                vectors_NE[window.start + rows] = vectors
        return vectors_NE

    def _tokenise(self, texts: list[str], task: Task) -> dict[str, Any]:
        return dict(self._model.preprocess(texts, prompt=self._prompt(task), task=task))

    def _compute(
        self, features: dict[str, Any], task: Task
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Rows of the window and their vectors, a batch at a time."""
        import torch

        model = self._model
        lengths_N = features["attention_mask"].sum(1).numpy()
        for rows in batches(lengths_N, self._batch_tokens):
            batch = cut(features, torch.from_numpy(rows))
            self.work.texts += len(rows)
            self.work.tokens += int(lengths_N[rows].sum())
            self.work.computed += batch["attention_mask"].numel()
            with torch.inference_mode():
                on_device = {name: _moved(value, model.device) for name, value in batch.items()}
                vectors_NE = model(on_device, task=task)["sentence_embedding"].float()
                unit_NE = torch.nn.functional.normalize(vectors_NE, dim=1)
            yield rows, unit_NE.cpu().numpy()

    @cached_property
    def _model(self) -> Any:
        from sentence_transformers import SentenceTransformer

        return SentenceTransformer(self.path, model_kwargs={"dtype": self._dtype}).eval()


def batches(lengths_N: np.ndarray, budget: int) -> Iterator[np.ndarray]:
    """Rows in batches, the longest first; equal lengths in the order of the texts.

    A batch ends at `budget` tokens, padding included, and before padding passes `_MAX_PADDING` of it
    unless the batch is still small.
    """
    rows: list[int] = []
    longest = real = 0
    for row in np.argsort(-lengths_N, kind="stable"):
        length = int(lengths_N[row])
        computed = longest * (len(rows) + 1)
        padded = real >= budget * _SMALL_BATCH and real + length < computed * (1 - _MAX_PADDING)
        if rows and (computed > budget or padded):
            yield np.array(rows)
            rows, real = [], 0
        longest = max(longest, length) if rows else length
        rows.append(int(row))
        real += length
    if rows:
        yield np.array(rows)


def cut(features: dict[str, Any], rows: "Tensor") -> dict[str, Any]:
    """The rows of tokenised texts, without the columns that are padding in all of them."""
    mask = features["attention_mask"]
    texts, width = mask.shape
    used = mask[rows].any(0).nonzero().flatten()
    columns = slice(int(used[0]), int(used[-1]) + 1)
    whole = {name: value for name, value in features.items() if not hasattr(value, "shape")}
    parts = {
        name: value[rows][:, columns] if tuple(value.shape[:2]) == (texts, width) else value[rows]
        for name, value in features.items()
        if name not in whole
    }
    return {**whole, **parts}


def _joined(vectors_PE: np.ndarray) -> np.ndarray:
    """Of pieces and, last, of both ends."""
    sum_E = vectors_PE[:-2].mean(axis=0) + vectors_PE[-2] + vectors_PE[-1]
    unit_E: np.ndarray = sum_E / max(float(np.linalg.norm(sum_E)), 1e-12)
    return unit_E


def _moved(value: Any, device: Any) -> Any:
    return value.to(device) if hasattr(value, "to") else value
