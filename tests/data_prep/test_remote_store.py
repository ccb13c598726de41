"""Ingest and synth with everything in S3, a real HTTP server, also when it fails on the way."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from cluster.console import Console
from cluster.corpora import Corpora
from cluster.objects import open_store
from cluster.session import Session
from cluster.settings import Settings, StoreSettings
from data_prep.corpus.generations import read_chunks
from data_prep.sets.synth import Order, synth
from tests.buckets import s3_client, s3_server
from tests.data_prep.test_synth import durable_set, write_questions
from tests.faulty_http import Fault, faulty_proxy
from tests.processes import run_openbook
from tests.real_corpus import Built, durable_state, environment, here, run_ingest

pytestmark = [pytest.mark.long, pytest.mark.slow, pytest.mark.ray, pytest.mark.timeout(300)]
# one request in eleven fails, in every way that is over when the client asks again
PASSING: tuple[Fault, ...] = ("500", "cut before", "cut after", "503", "cut body")


@dataclass(slots=True)
class Weather:
    """What the next request meets: now and then a passing fault; all fail after `healthy` requests."""

    healthy: int | None = None
    seen: Iterator[int] = field(default_factory=itertools.count)
    faults: Iterator[Fault] = field(default_factory=lambda: itertools.cycle(PASSING))

    def next_fault(self) -> Fault | None:
        number = next(self.seen)
        if self.healthy is not None and number >= self.healthy:
            return "503"
        return next(self.faults) if number % 11 == 10 else None


@pytest.fixture(scope="module")
def bucket() -> Iterator[StoreSettings]:
    with s3_server() as server:
        s3_client(server).create_bucket(Bucket="books")
        yield server.model_copy(update={"url": "s3://books/openbook", "attempts": 3})


def at(home: Settings, store: StoreSettings, url: str) -> Settings:
    return home.model_copy(update={"store": store.model_copy(update={"endpoint": url})})


def test_set_built_through_a_store_with_passing_faults_equals_the_local_one(
    built: Built, bucket: StoreSettings, tmp_path: Path
) -> None:
    questions = write_questions(tmp_path / "qa.jsonl")
    with faulty_proxy(str(bucket.endpoint), Weather().next_fault) as url:
        settings = at(built.settings, bucket, url)
        report = run_ingest(settings, built.folder, "remote")
        assert report["generation"] == built.first["generation"]
        session = Session(settings, Console(quiet=True))
        there = synth(session, Order("remote", "remote", questions, None))
        session.vectors.close()
    clean = open_store(at(built.settings, bucket, str(bucket.endpoint)))
    assert read_chunks(clean, "remote", report["generation"]).to_pylist() == built.durable["chunks"]
    assert durable_set(clean, "remote")["manifest"]["counts"] == there["examples"]
    left = {key.split("/")[0] for key in clean.list("")}
    assert left == {"corpora", "datasets"}


@pytest.mark.parametrize(
    "healthy",
    [
        pytest.param(8, marks=pytest.mark.endurance),
        20,
        pytest.param(32, marks=pytest.mark.endurance),
    ],
)
def test_store_that_breaks_on_the_way_leaves_nothing_half_written(
    healthy: int, built: Built, bucket: StoreSettings
) -> None:
    name = f"broken{healthy}"
    clean = at(built.settings, bucket, str(bucket.endpoint))
    with faulty_proxy(str(bucket.endpoint), Weather(healthy).next_fault) as url:
        broken = at(built.settings, bucket, url)
        arguments = ["ingest", str(built.folder), "--corpus", name]
        failed = run_openbook(arguments, {**environment(broken), **remote(broken)})
    assert failed.returncode == 1, failed.stderr
    assert "store.endpoint" in failed.stderr
    assert "Traceback" not in failed.stderr
    assert not open_store(clean).exists(f"corpora/{name}/live.json")
    assert not list(Corpora(open_store(clean)).generations(name))

    done = run_ingest(here(clean), built.folder, name)
    assert done["generation"] == built.first["generation"]
    assert durable_state(clean, name, built.first["generation"]) == built.durable


def remote(settings: Settings) -> dict[str, str]:
    """The object store of these settings, for a command."""
    store = settings.store
    assert store.secret_key is not None
    return {
        "OPENBOOK_STORE__URL": store.url,
        "OPENBOOK_STORE__ENDPOINT": str(store.endpoint),
        "OPENBOOK_STORE__ACCESS_KEY": str(store.access_key),
        "OPENBOOK_STORE__SECRET_KEY": store.secret_key.get_secret_value(),
        "OPENBOOK_STORE__ATTEMPTS": str(store.attempts),
    }
