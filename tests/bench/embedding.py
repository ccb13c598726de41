"""Our embedder against `SentenceTransformer.encode`: python -m tests.bench.embedding [texts] [pairs]

Both get the same threads, texts and unit length. Per processor second, because it bears a shared machine.
"""

import sys

from sentence_transformers import SentenceTransformer

from cluster.embedder import Embedder
from cluster.models import embedder_dtype, embedder_path
from cluster.settings import ModelSettings
from tests.bench.measure import paired, report
from tests.bench.texts import sample_texts


def main(texts: int = 400, pairs: int = 7) -> None:
    """Print speed, padding and likeness of vectors."""
    models = ModelSettings()
    path, documents = embedder_path(models), sample_texts(texts)
    plain, ours = SentenceTransformer(path), Embedder(path, embedder_dtype(models))
    fast = SentenceTransformer(path, model_kwargs={"dtype": embedder_dtype(models)})

    def peer(model: SentenceTransformer) -> None:
        model.encode_document(documents, batch_size=32, normalize_embeddings=True)

    exact_NE = plain.encode_document(documents, normalize_embeddings=True)
    cosines_N = (exact_NE * ours.embed_documents(documents)).sum(1)
    report("embedding", {
        "texts": texts,
        "computed_per_real_token": round(ours.work.computed / ours.work.tokens, 4),
        "smallest_cosine_to_float32": round(float(cosines_N.min()), 6),
        "against_encode_float32": paired(
            lambda: peer(plain), lambda: ours.embed_documents(documents), pairs
        ),
        "against_encode_in_our_dtype": paired(
            lambda: peer(fast), lambda: ours.embed_documents(documents), pairs
        ),
    })  # fmt: skip


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
