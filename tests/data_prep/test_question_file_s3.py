"""Writing questions with everything in S3, a real HTTP server, also when it fails on the way."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster.errors import UnavailableError
from cluster.objects import open_store
from cluster.settings import StoreSettings
from data_prep.teacher.ledger import ledger_prefix
from data_prep.teacher.question_file import QuestionRequest, write_questions
from tests.buckets import s3_client, s3_server
from tests.fake_teacher import FakeTeacher
from tests.faulty_http import Fault, faulty_proxy
from tests.taught_corpus import CORPUS, MODEL, publish_corpus, taught

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]
COUNT = 40
WORK = QuestionRequest(CORPUS, "pumps")


@pytest.fixture
def bucket(tmp_path: Path) -> Iterator[StoreSettings]:
    with s3_server() as server:
        name = tmp_path.name.replace("_", "-")
        s3_client(server).create_bucket(Bucket=name)
        yield server.model_copy(update={"url": f"s3://{name}/openbook", "attempts": 2})


@pytest.mark.parametrize("answers", [1, 30, 80])
def test_store_that_dies_on_the_way_costs_no_answer(
    bucket: StoreSettings, tmp_path: Path, answers: int
) -> None:
    publish_corpus(taught(tmp_path / "one", "http://t", bucket).settings, COUNT)

    def dies() -> Fault | None:
        return "503" if server.answered.total() >= answers else None

    with FakeTeacher() as server:
        with faulty_proxy(str(bucket.endpoint), dies) as url:
            dying = bucket.model_copy(update={"endpoint": url})
            with pytest.raises(UnavailableError, match="object store"):
                write_questions(taught(tmp_path / "one", server.url, dying), WORK)
        # a run in this process looks alive; a command that failed is gone and its lock taken over
        lock = f"{ledger_prefix(CORPUS, MODEL)}/lock"
        open_store(taught(tmp_path, server.url, bucket).settings).delete(lock)
        before = server.answered.total()
        assert answers <= before < 3 * COUNT
        written = write_questions(taught(tmp_path / "one", server.url, bucket), WORK)
        assert set(server.answered.values()) == {1}
        assert written.report["calls"] == {
            "asked": 3 * COUNT - before, "reused": before, "unanswered": 0,
        }  # fmt: skip
        # another machine finds everything in the store
        again = write_questions(taught(tmp_path / "two", server.url, bucket), WORK)
        assert again.report["calls"]["asked"] == 0
        assert again.path.read_bytes() == written.path.read_bytes()
