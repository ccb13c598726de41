"""Training sets survive the object store unchanged."""

import pytest

from cluster.datasets import Datasets
from cluster.errors import NotFoundError
from cluster.objects import LocalStore
from cluster.records import ContextDocument, Quote, RaftExample


def example(id: str, provenance: dict[str, object]) -> RaftExample:
    document = ContextDocument("c1", "d1", "T", "It is amber.", "oracle", 0.5, 1)
    other = ContextDocument("c2", "d2", "", "Nothing.", "distractor", None, None)
    return RaftExample(
        id=id,
        question="Which colour?",
        documents=(other, document),
        oracle_present=True,
        reasoning="Document [2] says ##begin_quote##It is amber.##end_quote##",
        plain_reasoning="",
        answer="amber",
        quotes=(Quote("c1", 0, 12),),
        oracle=("d1",),
        split="train",
        seed=7,
        provenance=provenance,
    )


def test_dataset_published_and_read_is_the_same(store: LocalStore) -> None:
    datasets = Datasets(store)
    rows = [example("b", {"x": [1]}), example("a", {"y": {"z": None}})]
    datasets.publish("set", "v1", {"train": rows}, {"metric": "exact_match"}, "# card")

    assert datasets.read("set", "train") == [rows[1], rows[0]]
    assert datasets.read("set", "test") == []
    assert datasets.manifest("set@v1")["metric"] == "exact_match"
    assert datasets.resolve("set") == ("set", "v1")
    assert datasets.names() == ["set"]


def test_dataset_latest_follows_the_newest_version(store: LocalStore) -> None:
    datasets = Datasets(store)
    for version in ("v1", "v2"):
        datasets.publish("set", version, {"train": [example(version, {})]}, {}, "")
    assert datasets.resolve("set") == ("set", "v2")
    assert [e.id for e in datasets.read("set@v1", "train")] == ["v1"]


def test_dataset_unknown_says_which_exist_and_how_to_make_one(store: LocalStore) -> None:
    with pytest.raises(NotFoundError, match=r"'set' does not exist \(known: none yet\).*synth"):
        Datasets(store).read("set", "train")
