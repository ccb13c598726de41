"""How files arrive: listed, parsed in the sandbox and cut into chunks, as an ingest does before it embeds."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tokenizers import Tokenizer

from cluster.objects import open_store
from cluster.records import Chunk
from cluster.settings import IngestSettings, Settings, StoreSettings
from data_prep.corpus.plan import Outcome
from data_prep.corpus.staging import StageShards, StageTask, Staging
from data_prep.corpus.tables import chunks_of
from data_prep.documents.listed import Listing
from data_prep.documents.sources import list_sources

CASES = Path(__file__).parents[3] / "shared" / "cases" / "documents"


@dataclass(frozen=True, slots=True)
class Arrival:
    """What became of everything at a place."""

    listing: Listing
    outcomes: Mapping[str, Outcome]
    chunks: list[Chunk]

    def of(self, doc_id: str) -> list[Chunk]:
        """The chunks of a document in their order."""
        return [chunk for chunk in self.chunks if chunk.doc_id == doc_id]

    def text(self, doc_id: str) -> str:
        """What of a document can be found, a chunk after the other."""
        return "\n\n".join(chunk.text for chunk in self.of(doc_id))

    def title(self, doc_id: str) -> str:
        """The title of a document."""
        (title,) = {chunk.title for chunk in self.of(doc_id)}
        return title

    def notices(self, doc_id: str) -> str:
        """What is said of a document, as one text."""
        return "\n".join(
            f"{notice.kind}: {notice.text}" for notice in self.outcomes[doc_id].notices
        )


def arrive(
    place: Path, home: Path, tokenizer: Tokenizer, ingest: IngestSettings | None = None
) -> Arrival:
    """List, parse and cut what lies at a place, with the packaged embedder's tokenizer."""
    chosen = ingest or IngestSettings(parse_timeout_s=30)
    settings = Settings(home=home, ingest=chosen)
    staging = Staging(open_store(settings), "docs", "index")
    listing = list_sources(str(place), chosen, StoreSettings())
    shards = staging.shards(listing.sources, 64)
    task = StageTask(settings, staging.put_tokenizer(tokenizer), 256, "print")
    stage = StageShards(task)
    for shard in shards:
        stage.stage(shard.key, shard.sources, lambda done: None)
    outcomes = {outcome.doc_id: outcome for outcome in staging.outcomes(shards)}
    return Arrival(listing, outcomes, chunks_of(staging.chunks(shards)))
