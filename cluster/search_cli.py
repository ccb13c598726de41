"""`openbook search`: what the retriever returns."""

from typing import Annotated

import typer

from cluster.options import ConfigFlag, JsonFlag, SetFlag, open_session
from cluster.records import hit_json

_SHOWN = 160


def search(
    query: Annotated[str, typer.Argument(help="A question or a few words.")],
    corpus: Annotated[str, typer.Option(help="Name of the corpus.")],
    top_k: Annotated[int | None, typer.Option("-k", "--top-k", min=1, help="How many.")] = None,
    filter: Annotated[str | None, typer.Option(help="Milvus expression on chunk fields.")] = None,
    json_output: JsonFlag = False,
    config: ConfigFlag = None,
    overrides: SetFlag = None,
) -> None:
    """What the retriever returns for QUERY, best first; the score is the cosine similarity."""
    with open_session(json_output, config, overrides, retrieval__top_k=top_k) as session:
        generation = session.corpora.live(corpus)
        hits = session.retriever.retrieve(generation, [query], filter=filter)[0]
        for hit in hits:
            page = f", page {hit.chunk.page}" if hit.chunk.page else ""
            text = " ".join(hit.chunk.text.split())[:_SHOWN]
            session.console.line(
                f"{hit.rank}. {hit.score:.3f}  {hit.chunk.doc_id}{page}\n   {text}"
            )
        session.console.result({
            "corpus": corpus,
            "generation": generation.generation,
            "hits": [hit_json(hit) for hit in hits],
        })  # fmt: skip
