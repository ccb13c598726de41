"""A set built with every option at once, on a real corpus, retriever and tokenizer: as the settings say."""

import json
from pathlib import Path

import pytest

from cluster.console import Console
from cluster.datasets import Datasets
from cluster.objects import open_store
from cluster.records import SPLITS, RaftExample
from cluster.session import Session
from cluster.settings import ModelSettings, RaftSettings, Settings
from data_prep.sets.synth import Order, synth
from tests.real_corpus import Built

pytestmark = [pytest.mark.long, pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(240)]
ASKED = {
    "spec.pdf": ("12 watts", "The lamp draws 12 watts."),
    "warranty.html": ("31 months", "The warranty lasts 31 months from the day of purchase."),
}


def write_questions(path: Path) -> Path:
    lines = []
    for n in range(20):
        doc = list(ASKED)[n % 2]
        answer, quote = ASKED[doc]
        lines.append({
            "id": f"q{n:02d}", "question": f"What is fact number {n} of {doc}?", "answer": answer,
            "oracle": [doc], "quotes": [{"doc": doc, "text": quote.upper()}],
        })  # fmt: skip
    lines += [
        {**lines[0], "id": "again", "question": "what is FACT number 0 of spec.pdf"},
        {**lines[0], "id": "page", "question": "According to the passage, what does it draw?"},
        {**lines[0], "id": "lie", "quotes": [{"doc": "spec.pdf", "text": "It draws a lot of it."}]},
    ]
    lines[-1]["question"] = "How much does it draw, roughly?"
    path.write_text("\n".join(json.dumps(line) for line in lines), "utf-8")
    return path


def build(settings: Settings, order: Order) -> dict[str, object]:
    session = Session(settings, Console(quiet=True))
    try:
        return synth(session, order)
    finally:
        session.vectors.close()  # leaving the session would end the Ray that all tests share


def test_every_option_at_once_is_kept_and_told(
    built: Built, base_model: str, tmp_path: Path
) -> None:
    raft = RaftSettings(
        distractors=2,
        random_share=0.5,
        same_document_share=0.25,
        oracle_fraction=0.5,
        absent_policy="abstain",
        poison_fraction=0.5,
        max_tokens=400,
        batch_size=4,
    )
    settings = built.settings.model_copy(
        update={"raft": raft, "models": ModelSettings(base=base_model)}
    )
    order = Order("docs", "options", write_questions(tmp_path / "qa.jsonl"), None)
    report = build(settings, order)
    assert report["rejected"] == {
        "duplicate_question": 1, "quote_not_found": 1, "refers_to_its_source": 1,
    }  # fmt: skip
    datasets = Datasets(open_store(settings))
    found: list[RaftExample] = [e for s in SPLITS for e in datasets.read("options", s)]
    assert len(found) == 20
    assert {e.abstain for e in found if not e.oracle_present} <= {True}
    assert {d.kind for e in found for d in e.documents} >= {None, "hard", "random"}
    assert any(d.poisoned for e in found for d in e.documents)
    splits = {doc: {e.split for e in found if doc in e.oracle} for doc in ASKED}
    assert all(len(of_document) == 1 for of_document in splits.values())

    manifest = datasets.manifest("options")
    assert manifest["leakage"]["oracle_chunks"] == 0
    assert manifest["leakage"]["splits"] == "assigned"
    assert manifest["quotes"] == {"repaired": 20}
    assert sum(n for _, n in manifest["histograms"]["training tokens"]) == 20
    card = open_store(settings).get(f"datasets/options/{report['version']}/README.md").decode()
    assert "Training and test share no oracle chunk" in card

    # other groups of questions, other workers: not a byte differs
    alone = raft.model_copy(update={"batch_size": 64})
    other = settings.model_copy(update={"raft": alone})
    again = build(other, Order("docs", "options-alone", order.questions, None))
    files = datasets.manifest("options-alone")["files"]
    assert again["version"] == report["version"]
    assert {n: h for n, h in files.items() if n.endswith(".parquet")} == {
        n: h for n, h in manifest["files"].items() if n.endswith(".parquet")
    }
