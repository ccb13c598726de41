"""The false-negative screen on real sets: what the research counted does not get through."""

import json
import random
from collections.abc import Mapping
from pathlib import Path

import pytest

from cluster.api_calls import answer_call, find_calls
from cluster.records import Chunk, Question
from cluster.settings import RaftSettings
from data_prep.sets.distractors import Candidates, select_distractors
from data_prep.sets.questions import read_questions
from data_prep.sets.screen import Screen, answer_pattern


def corpus(folder: Path) -> dict[str, Chunk]:
    """One chunk a document."""
    found = {}
    for line in (folder / "corpus.jsonl").read_text("utf-8").splitlines():
        record = json.loads(line)
        name, text = record["_id"], record["text"]
        found[name] = Chunk(name, name, "uri", record["title"], text, None, 0, len(text), 1)
    return found


def distractors(question: Question, chunks: Mapping[str, Chunk], count: int) -> list[Chunk]:
    """Random ones, through the screen."""
    oracles = [chunks[doc] for doc in question.oracle]
    quotes = [quote.text for quote in question.quotes]
    screen = Screen(oracles, quotes, question.answer, RaftSettings().near_duplicate)
    pool = list(chunks.values())
    random.Random(question.id).shuffle(pool)
    found = select_distractors(Candidates(pool), oracles, screen, {"hard": count})
    return [chunk for chunk, _ in found.chosen]


def unscreened(question: Question, chunks: Mapping[str, Chunk], count: int) -> list[Chunk]:
    others = [chunk for name, chunk in chunks.items() if name not in question.oracle]
    return random.Random(question.id).sample(others, count)


def holds_call(chunk: Chunk, answer: str) -> bool:
    call = answer_call(answer)
    return call is not None and any(call.same_as(found) for found in find_calls(chunk.text))


@pytest.mark.parametrize("dataset_folder", ["apibench_huggingface"], indirect=True)
def test_no_distractor_holds_the_gold_call_of_apibench(dataset_folder: Path) -> None:
    chunks = corpus(dataset_folder)
    shared = [
        question
        for question in read_questions(dataset_folder / "qa.jsonl")
        if len(question.metadata.get("same_call_docs") or ()) > 1
    ]
    assert len(shared) >= 20
    # every document that the set itself knows to hold the same call is a candidate here
    for question in shared:
        same = {doc for doc in question.metadata["same_call_docs"] if doc in chunks}
        pool = {name: chunks[name] for name in sorted({*question.oracle, *same})}
        for chunk in distractors(question, pool, len(pool)):
            assert not holds_call(chunk, question.answer)
            assert answer_pattern(question.answer).search(chunk.text.casefold()) is None  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "dataset_folder", ["apibench_torchhub", "apibench_huggingface"], indirect=True
)
def test_contexts_of_apibench_keep_their_size_and_lose_every_identical_call(
    dataset_folder: Path,
) -> None:
    chunks = corpus(dataset_folder)
    questions = read_questions(dataset_folder / "qa.jsonl")[:300]
    assert sum(answer_call(question.answer) is not None for question in questions) > 250
    for question in questions:
        found = distractors(question, chunks, 4)
        assert len(found) == 4
        assert not any(holds_call(chunk, question.answer) for chunk in found)


@pytest.mark.parametrize("dataset_folder", ["xquad_en"], indirect=True)
def test_no_distractor_of_xquad_holds_the_answer(dataset_folder: Path) -> None:
    chunks = corpus(dataset_folder)
    raw, screened = 0, 0
    for question in read_questions(dataset_folder / "qa.jsonl"):
        pattern = answer_pattern(question.answer)
        if pattern is None:
            continue
        raw += any(pattern.search(c.text.casefold()) for c in unscreened(question, chunks, 4))
        found = distractors(question, chunks, 4)
        assert len(found) == 4
        screened += any(pattern.search(" ".join(c.text.casefold().split())) for c in found)
    assert raw >= 10
    assert screened == 0
