"""A live generation becomes a CPT set: all its text, packed by the real tokenizer, split by document."""

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import typer
import yaml
from typer.testing import CliRunner

from cluster.console import Console
from cluster.corpora import Corpora
from cluster.errors import InputError, UsageError
from cluster.models import base_tokenizer
from cluster.records import Split
from cluster.session import Session
from cluster.settings import CptSettings, ModelSettings, Settings
from data_prep.corpus.generations import publish_generation
from data_prep.corpus.tables import chunk_table
from data_prep.sets.cpt import CptOrder, build_cpt
from data_prep.synth_cli import synth
from tests.corpus_texts import MANIFEST, documents, text_of

COUNT = 60
SPLITS_WITH_TEXT: tuple[Split, ...] = ("train", "validation")


@pytest.fixture
def session(settings: Settings, base_model: str) -> Session:
    cpt = CptSettings(tokens=128, validation_fraction=0.2)
    models = ModelSettings(base=base_model)
    session = Session(
        settings.model_copy(update={"cpt": cpt, "models": models}), Console(quiet=True)
    )
    table = chunk_table(documents(COUNT))
    publish_generation(session.store, table, {**MANIFEST, "chunks": table.num_rows})
    Corpora(session.store).move_live("texts", "g-1", None)
    return session


@pytest.mark.slow
def test_corpus_text_is_packed_once_and_split_by_document(session: Session) -> None:
    report = build_cpt(session, CptOrder("texts", "reading"))
    tokenizer = base_tokenizer(session.settings)
    seen: dict[str, str] = {}
    split_of: dict[str, Split] = {}
    for split in SPLITS_WITH_TEXT:
        rows = list(session.datasets.read_texts("reading", split))
        assert len(rows) == report["examples"][split] > 0
        for row in rows:
            tokens = 0
            for segment in row.segments:
                piece = row.text[segment.start : segment.end]
                tokens += len(tokenizer(piece, add_special_tokens=False)["input_ids"]) + 1
                seen[segment.doc_id] = f"{seen.get(segment.doc_id, '')} {piece}"
                assert split_of.setdefault(segment.doc_id, split) == split
            assert row.tokens == tokens <= 128
    for number in range(COUNT):
        assert seen[f"d{number:04d}"].split() == text_of(number).split()
    assert report["documents"]["train"] + report["documents"]["validation"] == COUNT
    assert report["fill"] > 0.8


@pytest.mark.slow
def test_set_is_built_once_and_says_what_it_is(session: Session, tmp_path: Path) -> None:
    first = build_cpt(session, CptOrder("texts", "reading"))
    again = build_cpt(session, CptOrder("texts", "reading"))
    assert (first["unchanged"], again["unchanged"]) == (False, True)
    assert again["version"] == first["version"]
    prefix = f"datasets/reading/{first['version']}"
    card = session.store.get(f"{prefix}/README.md").decode()
    front: dict[str, Any] = yaml.safe_load(card.split("---")[1])
    assert [f["split"] for f in front["configs"][0]["data_files"]] == list(SPLITS_WITH_TEXT)
    assert "packed to rows of at most 128 tokens" in card
    with pytest.raises(InputError, match=r"of kind 'cpt', 'raft' is needed"):
        session.datasets.read("reading", "train")
    session.store.download(f"{prefix}/train-00000-of-00001.parquet", tmp_path / "t.parquet")
    assert pq.read_table(tmp_path / "t.parquet").num_rows == first["examples"]["train"]


@pytest.mark.slow
def test_verb_builds_the_set(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENBOOK_HOME", str(session.settings.home))
    monkeypatch.setenv("OPENBOOK_MODELS__BASE", session.settings.models.base)
    app = typer.Typer()
    app.command()(synth)
    arguments = ["--corpus", "texts", "--dataset", "reading", "--cpt", "--json"]
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    report = json.loads(result.stdout)
    assert (report["kind"], report["unchanged"]) == ("cpt", False)
    assert session.datasets.manifest("reading")["version"] == report["version"]
    with pytest.raises(UsageError, match="leave out --qa"):
        CliRunner().invoke(app, [*arguments, "--qa", "q.jsonl"], catch_exceptions=False)
