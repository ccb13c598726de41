"""Training sets survive the object store unchanged."""

import json
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cluster import artifacts
from cluster.datasets import Datasets
from cluster.errors import InputError, NotFoundError
from cluster.objects import LocalStore
from cluster.records import ContextDocument, PackedText, Quote, RaftExample, Segment, Split, as_json


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

    assert list(datasets.read("set", "train")) == [rows[1], rows[0]]
    assert list(datasets.read("set", "test")) == []
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


def test_set_of_a_version_before_kinds_is_still_read(store: LocalStore, tmp_path: Path) -> None:
    row = as_json(example("old", {"x": 1}))
    row["provenance"] = json.dumps(row["provenance"])
    del row["abstain"]
    for document in row["documents"]:
        del document["kind"], document["poisoned"]
    pq.write_table(pa.Table.from_pylist([row]), tmp_path / "train-00000-of-00001.parquet")
    artifacts.publish(store, "datasets/set/v0", tmp_path, {"metric": "f1"})
    assert list(Datasets(store).read("set@v0", "train")) == [example("old", {"x": 1})]


def test_kind_poison_and_abstention_survive(store: LocalStore) -> None:
    plain = example("a", {})
    other, oracle = plain.documents
    marked = replace(other, kind="random", poisoned=True)
    row = replace(plain, documents=(marked, oracle), abstain=True)
    Datasets(store).publish("set", "v1", {"train": [row]}, {}, "")
    assert list(Datasets(store).read("set", "train")) == [row]


def test_packed_texts_keep_their_order_and_are_no_examples(store: LocalStore) -> None:
    def text(number: int, split: Split) -> PackedText:
        return PackedText(f"t{9 - number}", "One.", (Segment("d", 0, 4),), 3, split)

    rows = [text(n, "validation" if n % 4 == 3 else "train") for n in range(8)]
    datasets = Datasets(store)
    datasets.publish_stream("pages", "v1", iter(rows), lambda: ({"kind": "cpt"}, "# pages"))
    for split in ("train", "validation"):
        assert list(datasets.read_texts("pages", split)) == [r for r in rows if r.split == split]
    assert list(datasets.read_texts("pages", "test")) == []
    assert datasets.versions("pages") == ["v1"]
    with pytest.raises(InputError, match=r"pages@v1 is of kind 'cpt', 'raft' is needed"):
        datasets.read("pages", "train")
