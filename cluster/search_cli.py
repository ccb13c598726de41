"""`openbook search`: what the retriever returns."""

from typing import Annotated

import typer

from cluster.options import ConfigFlag, JsonFlag, SetFlag, open_session
from cluster.records import Hit, hit_json
from cluster.retrieval import Wanted

_SHOWN = 160
_PLACES = 5


def search(
    query: Annotated[str, typer.Argument(help="A question or a few words.")],
    corpus: Annotated[str, typer.Option(help="Name of the corpus.")],
    top_k: Annotated[int | None, typer.Option("-k", "--top-k", min=1, help="How many.")] = None,
    filter: Annotated[str | None, typer.Option(help="Milvus expression on chunk fields.")] = None,
    min_score: Annotated[
        float | None, typer.Option(min=-1, max=1, help="Leave out hits whose cosine is lower.")
    ] = None,
    json_output: JsonFlag = False,
    config: ConfigFlag = None,
    overrides: SetFlag = None,
) -> None:
    """What the retriever returns for QUERY, best first; the score is the cosine similarity."""
    with open_session(json_output, config, overrides, retrieval__top_k=top_k) as session:
        generation = session.corpora.live(corpus)
        wanted = Wanted(filter=filter, min_score=min_score)
        hits = session.retriever.retrieve_wanted(generation, [query], wanted)[0]
        notices = session.retriever.notices(query)
        for notice in notices:
            session.console.line(f"note: {notice}")
        for hit in hits:
            session.console.line(_shown(hit))
        session.console.result({
            "corpus": corpus,
            "generation": generation.generation,
            "hits": [hit_json(hit) for hit in hits],
            "notices": list(notices),
        })  # fmt: skip


def _shown(hit: Hit) -> str:
    page = f", page {hit.chunk.page}" if hit.chunk.page else ""
    section = f", {hit.chunk.section}" if hit.chunk.section else ""
    lines = [
        f"{hit.rank}. {hit.score:.3f}  {hit.chunk.doc_id}{page}{section}",
        "   " + " ".join(hit.chunk.text.split())[:_SHOWN],
    ]
    if hit.also:
        places = [place.doc_id for place in hit.also[:_PLACES]]
        more = len(hit.also) - len(places)
        lines.append(f"   also in {', '.join(places)}" + (f" and {more} more" if more else ""))
    return "\n".join(lines)
