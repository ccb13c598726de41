"""Every arm gets every question once, in turns that no arm can profit from; failures are kept."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from cluster.console import Console
from cluster.errors import ConflictError, GateError, NotFoundError
from cluster.records import RaftExample
from cluster.settings import CompareSettings
from tests.fakes import FakeOpenAI, Loopback
from tests.train.exam import MODELS, Answers, example
from train.arms import Arm, plan_arms
from train.client import ChatClient
from train.interview import Interview, Outcome, schedule
from train.journal import Journal
from train.scene import Scene, pin_arms

SETTINGS = CompareSettings(attempts=2, retry_wait_s=0.0, concurrency=3)
ORACLE = SETTINGS.model_copy(update={"documents": "oracle"})
EXAMPLES = [example(number) for number in range(20)]
SCENE = Scene("", "handbook", "g1", 4, "tiny", SETTINGS)
ARMS = plan_arms(["rag", "raft"], "exam-dsf", "exam-raft")


def run(
    api: FakeOpenAI,
    journal: Path,
    scene: Scene | None = None,
    examples: Sequence[RaftExample] = EXAMPLES,
) -> list[Outcome]:
    """Pin, then ask everything."""

    async def all_of_it(url: str) -> list[Outcome]:
        place = replace(scene or SCENE, url=url)
        async with ChatClient(SETTINGS, url) as client:
            arms = await pin_arms(client, place, ARMS, await client.models())
            with Console(quiet=True).progress("asking", 40, "answers") as progress:
                return await Interview(client, Journal(journal), place).run(
                    arms, examples, progress
                )

    with Loopback(api.app) as server:
        return asyncio.run(all_of_it(server.url))


@pytest.fixture
def api() -> FakeOpenAI:
    return FakeOpenAI(MODELS, Answers({"base+rag": 5, "exam-raft+rag": 10}))


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "journal.jsonl"


def test_schedule_asks_everything_once_and_mixes_arms_in_every_block() -> None:
    arms = [Arm(name, "m", True) for name in "abcde"]
    order = list(schedule(arms, EXAMPLES, 4, seed=1))
    assert Counter((a.name, e.id) for a, e in order) == Counter(
        (a.name, e.id) for e in EXAMPLES for a in arms
    )
    blocks = [order[start : start + 20] for start in range(0, len(order), 20)]
    assert all(len({example.id for _, example in block}) == 4 for block in blocks)
    assert len({tuple(arm.name for arm, _ in block) for block in blocks}) > 1


def test_arms_are_pinned_and_asked_for_by_exact_version(api: FakeOpenAI, journal: Path) -> None:
    outcomes = run(api, journal)
    assert [o.example.id for o in outcomes[:4]] == ["q000", "q000", "q001", "q001"]
    assert {body["model"] for body in api.bodies[2:]} == {"base", "exam-raft@r1"}


def test_model_that_is_not_offered_is_named_before_any_question(
    api: FakeOpenAI, journal: Path
) -> None:
    del api.models["exam-raft"]
    with pytest.raises(NotFoundError, match=r"arm 'raft' needs model 'exam-raft'.*it has: base"):
        run(api, journal)
    assert api.bodies == []


def test_server_that_serves_another_model_is_refused(api: FakeOpenAI, journal: Path) -> None:
    api.models["exam-raft"] = "base"
    with pytest.raises(ConflictError, match="was served 'base'"):
        run(api, journal)


def test_server_with_another_generation_is_refused(api: FakeOpenAI, journal: Path) -> None:
    api.generation = "g0"
    with pytest.raises(ConflictError, match=r"searched generation 'g0'.*live in the store is 'g1'"):
        run(api, journal)


def test_index_that_changes_meanwhile_stops_the_comparison(api: FakeOpenAI, journal: Path) -> None:
    right = api.answer

    def answer(model: str, rag: bool, question: str) -> str:
        api.generation = "g2" if question == "What is 9?" else "g1"
        return right(model, rag, question)

    api.answer = answer
    with pytest.raises(ConflictError, match="searched generation 'g2'"):
        run(api, journal)


def test_questions_that_fail_are_kept_with_their_error(api: FakeOpenAI, journal: Path) -> None:
    api.broken.add("What is 7?")
    failed = [o for o in run(api, journal) if o.error is not None]
    assert [(o.arm, o.example.id, o.reply) for o in failed] == [
        ("rag", "q007", None),
        ("raft", "q007", None),
    ]
    assert "scripted trouble" in str(failed[0].error)


def test_too_many_failures_stop_the_comparison_and_keep_the_answers(
    api: FakeOpenAI, journal: Path
) -> None:
    api.broken |= {"What is 7?", "What is 8?", "What is 9?"}
    with pytest.raises(GateError, match=r"failed on 3 questions, allowed are 2"):
        run(api, journal)
    answered = journal.read_text().count("\n")
    assert answered > 0
    api.broken.clear()
    assert sum(o.reused for o in run(api, journal)) == answered


def test_second_run_asks_nothing_again(api: FakeOpenAI, journal: Path) -> None:
    first = run(api, journal)
    asked = len(api.bodies)
    again = run(api, journal)
    assert len(api.bodies) - asked == len(ARMS)  # one tiny request to pin each arm
    assert all(outcome.reused for outcome in again)
    assert [o.reply for o in again] == [o.reply for o in first]


def test_interrupted_run_continues_behind_a_torn_line(api: FakeOpenAI, journal: Path) -> None:
    run(api, journal)
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(lines[:10]) + lines[10][:25])
    assert sum(outcome.reused for outcome in run(api, journal)) == 10
    assert sum(outcome.reused for outcome in run(api, journal)) == 40


@pytest.mark.parametrize(
    ("change", "reused"),
    [
        ({"generation": "g2"}, 0),
        ({"top_k": 5}, 0),
        ({"settings": SETTINGS.model_copy(update={"max_tokens": 7})}, 0),
        ({"settings": ORACLE}, 0),
        ({"base_model": "other"}, 0),
        ({}, 40),
    ],
)
def test_changed_setting_asks_again(
    api: FakeOpenAI, journal: Path, change: dict[str, object], reused: int
) -> None:
    run(api, journal)
    changed = replace(SCENE, **change)
    api.generation = str(changed.generation)
    assert sum(outcome.reused for outcome in run(api, journal, changed)) == reused


def test_oracle_is_given_by_question_and_a_question_without_one_searches(
    api: FakeOpenAI, journal: Path
) -> None:
    examples = [replace(EXAMPLES[0], oracle=("left", "right")), replace(EXAMPLES[1], oracle=())]
    run(api, journal, replace(SCENE, settings=ORACLE), examples)
    filters = {
        body["messages"][0]["content"]: body["rag"].get("filter")
        for body in api.bodies
        if body["max_tokens"] > 1  # else it pins an arm
    }
    assert filters == {"What is 0?": 'doc_id in ["left", "right"]', "What is 1?": None}


def test_new_adapter_version_asks_only_that_arm_again(api: FakeOpenAI, journal: Path) -> None:
    run(api, journal)
    api.models["exam-raft"] = "exam-raft@r2"
    assert Counter(o.arm for o in run(api, journal) if o.reused) == {"rag": 20}
