"""A corpus and a teacher over real HTTP -> a question file: nothing paid twice, nothing over budget."""

import json
import random
from pathlib import Path
from typing import Any

import pytest

from cluster.errors import (
    BusyError,
    GateError,
    InputError,
    NotFoundError,
    SettingsError,
    UnavailableError,
)
from cluster.keys import seed_of
from data_prep.sets.questions import read_questions
from data_prep.teacher.question_file import (
    QuestionRequest,
    Written,
    estimate_questions,
    write_questions,
)
from tests.fake_teacher import FakeTeacher, Trouble
from tests.taught_corpus import CORPUS, chunk, publish_corpus, taught

COUNT = 24
PRICES = {"input_usd_per_million": 2.0, "output_usd_per_million": 8.0}
WORK = QuestionRequest(CORPUS, "pumps")
TROUBLES = (
    Trouble(429, headers={"Retry-After": "0.05"}), Trouble(500), Trouble(kind="cut"),
    Trouble(kind="garbage"), Trouble(503), Trouble(kind="cut_body"),
)  # fmt: skip


@pytest.fixture
def home(tmp_path: Path) -> Path:
    publish_corpus(taught(tmp_path, "http://nobody").settings, COUNT)
    return tmp_path


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The file of a run that nothing disturbed."""
    folder = tmp_path_factory.mktemp("whole")
    publish_corpus(taught(folder, "http://nobody").settings, COUNT)
    with FakeTeacher() as server:
        return write_questions(taught(folder, server.url), WORK).path.read_bytes()


def troubled(key: str, attempt: int) -> Trouble | None:
    """One or two troubles for half of the calls."""
    chance = random.Random(seed_of(key, attempt))
    return chance.choice(TROUBLES) if attempt <= 2 and chance.random() < 0.5 else None


def lines(written: Written) -> list[dict[str, Any]]:
    return [json.loads(line) for line in written.path.read_text("utf-8").splitlines()]


def test_questions_are_written_answered_and_quoted(home: Path) -> None:
    with FakeTeacher() as server:
        written = write_questions(taught(home, server.url), WORK)
        assert set(server.answered.values()) == {1}
    assert len(lines(written)) == written.report["questions"] == 2 * COUNT
    texts = {chunk(number).chunk_id: chunk(number).text for number in range(COUNT)}
    for line in lines(written):
        text = texts[line["metadata"]["chunk_id"]]
        assert all(quote["text"] in text for quote in line["quotes"])
        assert line["answer"] in text
        assert set(line["metadata"]["teacher"]["calls"]) <= server.answered.keys()
    assert written.report["calls"] == {"asked": 3 * COUNT, "reused": 0, "unanswered": 0}
    spent = {"input": server.tokens_in, "output": server.tokens_out}
    assert written.report["tokens"] == spent
    assert not written.report["partial"]


def test_file_is_read_as_a_question_file_whose_splits_are_open(home: Path) -> None:
    with FakeTeacher() as server:
        questions = read_questions(write_questions(taught(home, server.url), WORK).path)
    assert len(questions) == 2 * COUNT
    assert not any(question.split_given for question in questions)


def test_second_run_asks_nothing_and_writes_the_same(home: Path, whole: bytes) -> None:
    with FakeTeacher() as server:
        first = write_questions(taught(home, server.url), WORK)
    again = write_questions(taught(home, "http://127.0.0.1:9/v1"), WORK)  # nobody answers there
    assert again.path.read_bytes() == first.path.read_bytes() == whole
    assert again.report["calls"] == {"asked": 0, "reused": 3 * COUNT, "unanswered": 0}
    assert again.report["tokens"] == first.report["tokens"]


def test_trouble_changes_neither_the_questions_nor_the_bill(home: Path, whole: bytes) -> None:
    with FakeTeacher(troubled) as server:
        written = write_questions(taught(home, server.url), WORK)
    assert written.path.read_bytes() == whole
    assert set(server.answered.values()) == {1}
    assert server.attempts.total() > 4 * COUNT


@pytest.mark.parametrize("limit", [1, 3])
def test_no_more_calls_are_under_way_than_allowed(home: Path, whole: bytes, limit: int) -> None:
    with FakeTeacher(delay_s=0.01) as server:
        written = write_questions(taught(home, server.url, concurrency=limit), WORK)
    assert server.most_active == limit
    assert written.path.read_bytes() == whole


def test_budget_stops_before_it_is_exceeded_and_a_larger_one_goes_on(
    home: Path, whole: bytes
) -> None:
    with FakeTeacher() as server:
        for limit in (0.012, 0.02):
            session = taught(home, server.url, max_cost_usd=limit, **PRICES)
            with pytest.raises(GateError, match=r"of 0\.\d+ USD.*--max-cost.*--allow-partial"):
                write_questions(session, WORK)
            cost = (server.tokens_in * 2 + server.tokens_out * 8) / 1e6
            assert limit / 2 < cost <= limit
        written = write_questions(taught(home, server.url, max_cost_usd=9, **PRICES), WORK)
        assert set(server.answered.values()) == {1}
    assert written.path.read_bytes() == whole
    assert written.report["cost_usd"] == pytest.approx(
        (server.tokens_in * 2 + server.tokens_out * 8) / 1e6
    )


def test_partial_set_holds_whole_questions_of_the_sample(home: Path, whole: bytes) -> None:
    with FakeTeacher() as server:
        session = taught(home, server.url, max_tokens=12_000, concurrency=1)
        written = write_questions(session, QuestionRequest(CORPUS, "pumps", allow_partial=True))
    assert written.report["partial"]
    assert 0 < written.report["questions"] < 2 * COUNT
    assert set(written.path.read_bytes().splitlines()) < set(whole.splitlines())


def test_sets_pay_for_themselves_and_share_answers(home: Path) -> None:
    with FakeTeacher() as server:
        session = taught(home, server.url, limit_chunks=6)
        write_questions(session, WORK)
        other = write_questions(session, QuestionRequest(CORPUS, "others"))
        assert other.report["calls"]["asked"] == 0
        assert other.report["tokens"] == {"input": 0, "output": 0}
        more = write_questions(taught(home, server.url, limit_chunks=8), WORK)
        assert more.report["calls"] == {"asked": 6, "reused": 18, "unanswered": 0}


def test_dry_run_asks_nobody_and_counts_the_calls(home: Path) -> None:
    with FakeTeacher() as server:
        session = taught(home, server.url, **PRICES)
        before = estimate_questions(session, WORK)
        assert server.attempts.total() == 0
        assert not (home / "teacher").exists()
        written = write_questions(session, WORK)
        after = estimate_questions(session, WORK)
        more = estimate_questions(taught(home, server.url, questions_per_chunk=3), WORK)
    assert before["calls"] == {"questions": COUNT, "answers": 2 * COUNT, "answered_before": 0}
    assert 0.5 < before["tokens"]["input"] / written.report["tokens"]["input"] < 2
    assert before["cost_usd"] < before["cost_usd_most"]
    assert after["calls"] == {"questions": 0, "answers": 0, "answered_before": 3 * COUNT}
    assert after["cost_usd"] == 0
    assert after["spent_before"]["cost_usd"] == pytest.approx(written.report["cost_usd"], abs=1e-4)
    # other prompts are other calls, and earlier answers tell how long these will be
    assert more["calls"]["questions"] == COUNT
    assert more["cost_usd"] is None


def test_unusable_replies_are_counted_and_none_left_is_an_error(home: Path) -> None:
    said = rf"no usable question.*'refusal': {COUNT}"
    with FakeTeacher(text="I'm sorry, I can't.") as server, pytest.raises(GateError, match=said):
        write_questions(taught(home, server.url), WORK)


def test_repeated_questions_are_not_answered(home: Path) -> None:
    said, text = f"'repeated_question': {2 * COUNT - 1}", '["How much water?", "how much WATER"]'
    with FakeTeacher(text=text) as server, pytest.raises(GateError, match=said):
        write_questions(taught(home, server.url), WORK)
    assert server.answered.total() == COUNT + 1


def test_refused_key_ends_the_run_and_keeps_what_was_answered(home: Path, whole: bytes) -> None:
    answers = 20

    def revoked(key: str, attempt: int) -> Trouble | None:
        return Trouble(401) if server.answered.total() >= answers else None

    with FakeTeacher(revoked) as server:
        with pytest.raises(SettingsError, match="API key"):
            write_questions(taught(home, server.url), WORK)
        assert server.answered.total() >= answers
        server.trouble = lambda key, attempt: None
        assert write_questions(taught(home, server.url), WORK).path.read_bytes() == whole
        assert set(server.answered.values()) == {1}


def test_unanswered_calls_fail_the_run_and_the_next_asks_only_those(
    home: Path, whole: bytes
) -> None:
    def unlucky(key: str, attempt: int) -> Trouble | None:
        return Trouble(500) if key[0] == "7" else None

    with FakeTeacher(unlucky) as server:
        session = taught(home, server.url, attempts=2)
        with pytest.raises(UnavailableError, match=r"calls got no answer.*run again"):
            write_questions(session, WORK)
        asked = server.answered.total()
        server.trouble = lambda key, attempt: None
        written = write_questions(session, WORK)
        assert set(server.answered.values()) == {1}
    assert written.path.read_bytes() == whole
    assert written.report["calls"]["reused"] == asked


def test_endpoint_that_is_down_ends_the_run_early(home: Path) -> None:
    with FakeTeacher(lambda key, attempt: Trouble(503)) as server:
        with pytest.raises(UnavailableError, match=r"teacher at http://127"):
            write_questions(taught(home, server.url, attempts=2), WORK)
        assert server.attempts.total() < COUNT


def test_two_runs_of_one_teacher_do_not_ask_side_by_side(home: Path) -> None:
    def other_run(key: str, attempt: int) -> Trouble | None:
        if attempt == 1 and server.attempts.total() == 1:
            with pytest.raises(BusyError, match=r"asking 'wise'"):
                write_questions(taught(home, server.url), QuestionRequest(CORPUS, "others"))
            busy.append(key)
        return None

    busy: list[str] = []
    with FakeTeacher(other_run) as server:
        write_questions(taught(home, server.url, concurrency=1), WORK)
    assert len(busy) == 1


def test_wrong_orders_say_what_to_give(home: Path) -> None:
    with pytest.raises(SettingsError, match="--teacher-model"):
        write_questions(taught(home, "http://t/v1", model=""), WORK)
    with pytest.raises(NotFoundError, match="ingest"):
        write_questions(taught(home, "http://t/v1"), QuestionRequest("nothing", "pumps"))
    with pytest.raises(InputError, match=r"teacher\.min_chunk_tokens"):
        write_questions(taught(home, "http://t/v1", min_chunk_tokens=999), WORK)
    with pytest.raises(SettingsError, match=r"teacher\.input_usd_per_million"):
        write_questions(taught(home, "http://t/v1", max_cost_usd=1), WORK)
