"""A few documents in this process: what `data_prep.pipeline` does on Ray, by the same classes.

Ray's workers, and a model in one of them, take ten seconds to start; a handful of changed documents is
searchable before that. What is stored is the same, so either may finish what the other began.
"""

from collections.abc import Sequence

from cluster.session import Session
from data_prep.corpus.embed import EmbedJob, RowEmbedder, batches_of
from data_prep.corpus.staging import Progress, Shard, StageShards, StageTask
from data_prep.corpus.tables import chunks_of, get_chunks


def stage_here(session: Session, task: StageTask, shards: Sequence[Shard]) -> None:
    """Parse and chunk sources into staged shards."""
    documents, size = (
        sum(len(shard.sources) for shard in shards),
        sum(shard.bytes for shard in shards),
    )
    done, stage = Progress(), StageShards(task)
    with session.console.progress("parse and chunk", documents, "documents") as progress:

        def report(more: Progress) -> None:
            done.add(more)
            progress.note(done.note(size))
            progress.advance(more.documents)

        for shard in shards:
            stage.stage(shard.key, shard.sources, report)


def embed_here(session: Session, job: EmbedJob) -> None:
    """Embed the rows of a job and upsert them."""
    embedder, size = RowEmbedder(session.embedder), session.settings.ingest.batch_size
    with session.console.progress("embed and index", job.rows, "chunks") as progress:
        for part in job.parts:
            tables = (part.of(get_chunks(session.store, key)) for key in part.files)
            for rows, vectors_NE in embedder.embed(batches_of(tables, size)):
                session.vectors.upsert(job.collection, chunks_of(rows), vectors_NE)
                progress.advance(rows.num_rows)
