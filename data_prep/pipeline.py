"""The Ray Data flows, and nothing else: what runs on workers is in plain classes elsewhere.

sources ─▶ StageShards ─▶ staged chunks          parse and chunk, one shard a task
staged chunks ─▶ EmbedFiles ─▶ MilvusSink        actor pool, then upsert
questions ─▶ BuildExamples ─▶ examples           retrieve distractors, assemble
"""

import logging
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import pyarrow as pa
import ray
from ray import data as ray_data

from cluster import errors
from cluster.runtime import ray_cpus
from cluster.session import Session
from data_prep.corpus.embed import EmbedFiles, EmbedJob, references
from data_prep.corpus.sink import MilvusSink
from data_prep.corpus.staging import Progress, Shard, StageShards, StageTask

_POLL_S = 0.5
_FILES_A_CALL = 16
_CALLS_AN_ACTOR = 4
_LOST = (
    ray.exceptions.ActorDiedError,
    ray.exceptions.NodeDiedError,
    ray.exceptions.OutOfMemoryError,
    ray.exceptions.WorkerCrashedError,
)
_OURS = re.compile(rf"^{errors.__name__}\.(\w+): (.+)$", re.MULTILINE)


def stage_documents(session: Session, task: StageTask, shards: Sequence[Shard]) -> None:
    """Parse and chunk sources into staged shards."""
    if not shards:
        return
    _start(session)
    largest_first = sorted(
        shards, key=lambda shard: -shard.bytes
    )  # so that none is left to the end
    rows = [shard.as_row() for shard in largest_first]
    staged = ray_data.from_items(rows, override_num_blocks=len(rows)).map_batches(
        StageShards,
        batch_size=1,
        batch_format="pyarrow",
        fn_constructor_args=(task,),
        compute=_pool(len(rows)),
        num_cpus=1,
    )
    documents = sum(len(shard.sources) for shard in shards)
    size, done = sum(shard.bytes for shard in shards), Progress()
    with (
        _explained(),
        session.console.progress("parse and chunk", documents, "documents") as progress,
    ):
        for batch in staged.iter_batches(batch_size=None, batch_format="pyarrow"):
            for row in batch.to_pylist():
                done.add(Progress(**row))
                progress.note(done.note(size))
                progress.advance(row["documents"])


def embed_chunks(session: Session, job: EmbedJob) -> None:
    """Embed the rows of a job and upsert them; ConflictError when not all were written."""
    if not job.rows:
        return
    _start(session)
    settings = session.worker_settings()
    ingest = settings.ingest
    files = references(job.parts)
    # an actor is called for some files at a time, so that few rows are left over; all have work to the end
    at_once = max(1, min(_FILES_A_CALL, len(files) // (_CALLS_AN_ACTOR * ingest.embed_actors)))
    with (
        _explained(),
        session.console.progress("embed and index", job.rows, "chunks") as progress,
        _tally(progress.advance) as report,
    ):
        vectors = ray_data.from_items(
            files, override_num_blocks=-(-len(files) // at_once)
        ).map_batches(
            EmbedFiles,
            batch_size=at_once,
            batch_format="pyarrow",
            fn_constructor_args=(
                settings,
                job.parts,
                ray_cpus() // ingest.embed_actors or 1,
                report,
            ),
            compute=ray_data.ActorPoolStrategy(size=ingest.embed_actors),
            num_cpus=1,
            num_gpus=ingest.embed_gpus,
        )
        writers = 1 if session.vectors.one_writer else ingest.milvus_writers
        sink = MilvusSink(settings, job.collection, job.rows)
        vectors.write_datasink(sink, concurrency=writers)


def map_groups(
    session: Session, groups: Sequence[bytes], worker: Any, *args: Any
) -> Iterator[pa.Table]:
    """Pickled groups through a pool of `worker(*args)`, one at a time; results in any order.

    What is computed together is decided by the caller and not by Ray's blocks, so results do not
    depend on them: a model's float sums differ in the last digits with the batch around a text.
    """
    _start(session)
    rows = [{"group": group} for group in groups]
    results = ray_data.from_items(rows, override_num_blocks=len(rows)).map_batches(
        worker,
        batch_size=1,
        batch_format="pyarrow",
        fn_constructor_args=args,
        compute=_pool(len(rows)),
        num_cpus=1,
    )
    with _explained():
        yield from results.iter_batches(batch_size=None, batch_format="pyarrow")


def _start(session: Session) -> None:
    """Ray, without Ray Data's own bars and logs: progress is shown by our console."""
    session.start_ray()
    context = ray_data.DataContext.get_current()
    context.enable_progress_bars = False
    context.memory_usage_poll_interval_s = None  # walks all pages of a worker every second
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)


@contextmanager
def _explained() -> Iterator[None]:
    """An error of ours on a worker as itself: Ray Data keeps only its text, inside a traceback."""
    try:
        yield
    except _LOST as error:
        raise errors.UnavailableError(
            f"Ray lost a worker, which often means too little memory: {error}; free some or lower "
            "ingest.embed_actors, then run the same command again: it continues"
        ) from error
    except ray.exceptions.RayError as error:
        found = _OURS.findall(str(error))
        if found:
            kind, message = found[-1]
            raise getattr(errors, kind)(message) from error
        raise


def _pool(tasks: int) -> ray_data.ActorPoolStrategy:
    return ray_data.ActorPoolStrategy(min_size=1, max_size=min(tasks, ray_cpus()))


class _Tally:
    """An actor that counts rows, because a sink's result comes only at the end."""

    def __init__(self) -> None:
        self._rows = 0

    def add(self, rows: int) -> None:
        self._rows += rows

    def take(self) -> int:
        """Rows since the last call."""
        rows, self._rows = self._rows, 0
        return rows


@contextmanager
def _tally(advance: Callable[[int], None]) -> Iterator[Callable[[int], Any]]:
    """A function for workers to report rows with; `advance` hears of them on this side."""
    actor = ray.remote(num_cpus=0)(_Tally).remote()
    done = threading.Event()

    def watch() -> None:
        while not done.wait(_POLL_S):
            advance(ray.get(actor.take.remote()))

    watcher = threading.Thread(target=watch, name="embed progress", daemon=True)
    watcher.start()
    try:
        yield actor.add.remote
    finally:
        done.set()
        watcher.join()
        with suppress(ray.exceptions.RayError):  # the count is not worth hiding what went wrong
            advance(ray.get(actor.take.remote()))
            ray.kill(actor)
