"""Question file + corpus -> a published set: complete, the same on any workers, built only once."""

import json
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cluster.console import Console
from cluster.corpora import Generation
from cluster.datasets import Datasets
from cluster.errors import InputError, NotFoundError
from cluster.objects import ObjectStore, open_store
from cluster.records import SPLITS, Question, RaftExample
from cluster.session import Session
from cluster.settings import RaftSettings, Settings
from data_prep.sets.synth import Order, detect_metric, synth, version_of
from tests.processes import kill_when
from tests.real_corpus import Built, IdleSession, environment

# both documents are in every state of the corpus that the tests of ingest leave behind
FACTS = {
    "warranty.html": ("31 months", "The warranty lasts 31 months from the day of purchase."),
    "spec.pdf": ("12 watts", "The lamp draws 12 watts."),
}
GENERATION = Generation("docs", "i-1", "c", {}, "minilm", 8, 1, 1, "now")


def write_questions(path: Path, count: int = 12) -> Path:
    lines = []
    for n in range(count):
        doc = list(FACTS)[n % 2]
        answer, quote = FACTS[doc]
        lines.append({
            "id": f"q{n:02d}", "question": f"Question {n}: what does {doc} say?", "answer": answer,
            "oracle": [doc], "quotes": [{"doc": doc, "text": quote}],
            "split": ("train", "train", "test")[n % 3],
        })  # fmt: skip
    lines.append({"id": "lost", "question": "?", "answer": "x", "oracle": ["no.md"]})
    path.write_text("\n".join(json.dumps(line) for line in lines), "utf-8")
    return path


def questions(answers: list[str]) -> list[Question]:
    return [Question(f"q{n}", "?", a, ("d",), (), None, "train") for n, a in enumerate(answers)]


def examples(settings: Settings, spec: str) -> list[RaftExample]:
    datasets = Datasets(open_store(settings))
    return [example for split in SPLITS for example in datasets.read(spec, split)]


@pytest.mark.long
@pytest.mark.ray
@pytest.mark.slow
@pytest.mark.timeout(180)
def test_set_is_built_once_and_does_not_depend_on_workers(built: Built, tmp_path: Path) -> None:
    order = Order("docs", "lamps", write_questions(tmp_path / "qa.jsonl"), None)
    raft = RaftSettings(distractors=2, batch_size=5)
    settings = built.settings.model_copy(update={"raft": raft})
    session = Session(settings, Console(quiet=True))
    report = synth(session, order)
    session.vectors.close()
    assert report["examples"] == {"train": 8, "validation": 0, "test": 4}
    assert report["rejected"] == {"oracle_not_in_corpus": 1}
    assert report["oracle_retrieved"] == 1.0
    assert not report["unchanged"]
    found = examples(settings, f"lamps@{report['version']}")
    for example in found:
        texts = {document.chunk_id: document.text for document in example.documents}
        assert len(texts) == len(example.documents) == 3
        assert example.oracle[0] in FACTS
        assert example.provenance["generation"] == report["generation"]
        quoted = [texts[q.chunk_id][q.start : q.end] for q in example.quotes]
        assert quoted == ([FACTS[example.oracle[0]][1]] if example.oracle_present else [])
    present = [example.oracle_present for example in found if example.split == "train"]
    assert report["oracle_fraction"] == {"target": 0.8, "measured": sum(present) / 8}

    again = synth(IdleSession(settings, Console(quiet=True)), order)
    assert again["unchanged"]
    assert again["version"] == report["version"]

    other = replace(order, dataset="again", questions=write_questions(tmp_path / "same.jsonl"))
    reversed_lines = other.questions.read_text().splitlines()[::-1]
    other.questions.write_text("\n".join(reversed_lines))
    alone = settings.model_copy(update={"raft": raft.model_copy(update={"batch_size": 64})})
    session = Session(alone, Console(quiet=True))
    repeated = synth(session, other)
    session.vectors.close()
    assert repeated["version"] == report["version"]
    assert examples(settings, "again") == found


@pytest.mark.long
@pytest.mark.ray
@pytest.mark.slow
@pytest.mark.timeout(240)
def test_killed_synth_ends_as_if_it_had_not_been(built: Built, tmp_path: Path) -> None:
    store = open_store(built.settings)
    questions = write_questions(tmp_path / "qa.jsonl", 24)
    whole = run_synth(built.settings, Order("docs", "whole", questions, None))

    before = builders()  # of the set above: they may still be ending

    def half_built() -> bool:
        return bool(builders() - before)

    options = ["--corpus", "docs", "--dataset", "killed", "--qa", str(questions)]
    kill_when(half_built, ["synth", *options], environment(built.settings))
    assert store.exists("datasets/killed/lock")
    assert "killed" not in Datasets(store).names()
    report = run_synth(built.settings, Order("docs", "killed", questions, None))
    assert report["version"] == whole["version"]
    assert durable_set(store, "killed") == durable_set(store, "whole")


@pytest.mark.long
@pytest.mark.ray
@pytest.mark.slow
@pytest.mark.timeout(180)
def test_set_whose_publishing_was_cut_short_does_not_exist_and_is_built_again(
    built: Built, tmp_path: Path
) -> None:
    store = open_store(built.settings)
    order = Order("docs", "short", write_questions(tmp_path / "qa.jsonl"), None)
    version = run_synth(built.settings, order)["version"]
    before = durable_set(store, "short")
    for name in ("latest.json", f"{version}/manifest.json", f"{version}/README.md"):
        store.delete(f"datasets/short/{name}")
    with pytest.raises(NotFoundError):
        Datasets(store).manifest("short")
    assert not run_synth(built.settings, order)["unchanged"]
    assert durable_set(store, "short") == before


def run_synth(settings: Settings, order: Order) -> dict[str, Any]:
    session = Session(settings, Console(quiet=True))
    try:
        return synth(session, order)
    finally:
        session.vectors.close()  # leaving the session would end the Ray that all tests share


def builders() -> set[int]:
    """Processes of this machine that build examples; Ray names a worker's command after its work."""
    found = set()
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(FileNotFoundError, ProcessLookupError):  # it has just ended
            if b"MapBatches(BuildExamples)" in path.read_bytes():
                found.add(int(path.parent.name))
    return found


def durable_set(store: ObjectStore, name: str) -> dict[str, Any]:
    """Everything that a synth leaves, but for the name of the set and the time."""
    manifest = Datasets(store).manifest(name)
    data = {s: manifest["files"].get(f"{s}-00000-of-00001.parquet") for s in SPLITS}
    left = {key.removeprefix(f"datasets/{name}/") for key in store.list(f"datasets/{name}")}
    del manifest["created"], manifest["dataset"], manifest["files"]
    return {"manifest": manifest, "sha256": data, "keys": left}


@pytest.mark.ray
@pytest.mark.slow
@pytest.mark.timeout(180)
def test_unusable_questions_and_unknown_corpus_are_errors(built: Built, tmp_path: Path) -> None:
    session = IdleSession(built.settings, Console(quiet=True))
    path = write_questions(tmp_path / "qa.jsonl", 0)
    with pytest.raises(InputError, match=r"none of 1 questions .*lost: document 'no\.md'"):
        synth(session, Order("docs", "lamps", path, None))
    with pytest.raises(NotFoundError, match=r"known: .*docs"):
        synth(session, Order("nowhere", "lamps", path, None))


def test_answers_that_are_calls_are_scored_as_calls() -> None:
    calls = [f"hub.load('model-{n}', pretrained=True)" for n in range(30)]
    assert detect_metric(questions(calls)) == "api_call"
    assert detect_metric(questions([*calls, *map(str, range(10))])) == "exact_match"
    assert detect_metric(
        questions([f"It is made by load('{n}'), they say." for n in range(30)])
    ) == ("exact_match")


def test_few_repeated_answers_are_labels() -> None:
    assert detect_metric(questions(["yes", "No", "no "] * 7)) == "label"
    assert detect_metric(questions(["yes", "no"] * 5)) == "exact_match"
    assert detect_metric(questions([f"{n}" for n in range(6)] * 9)) == "exact_match"


def test_version_names_the_inputs_and_not_their_order() -> None:
    asked = questions(["yes", "no"])
    base = version_of(asked, GENERATION, Settings(), "label")
    assert version_of(asked[::-1], GENERATION, Settings(), "label") == base
    others = {
        version_of(asked[:1], GENERATION, Settings(), "label"),
        version_of(asked, replace(GENERATION, generation="i-2"), Settings(), "label"),
        version_of(asked, GENERATION, Settings(raft=RaftSettings(seed=1)), "label"),
        version_of(asked, GENERATION, Settings(), "f1"),
    }
    assert len(others | {base}) == 5
