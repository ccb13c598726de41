"""`openbook corpus` as a person and as a script see it."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from cluster.cli import load_verb
from cluster.errors import InputError, NotFoundError, UsageError
from cluster.leases import Lease
from cluster.session import Session
from cluster.settings import Settings
from data_prep.corpus.ledger import Entry, read_snapshot, write_ledger
from data_prep.documents.formats.notices import Notice
from tests.handmade import NEW, OLD, OTHER_INDEX, add_rows, publish_texts, rayless

Run = Callable[..., Result]


@pytest.fixture
def session(settings: Settings, milvus_uri: str) -> Iterator[Session]:
    milvus = settings.milvus.model_copy(update={"uri": milvus_uri})
    with rayless(settings.model_copy(update={"milvus": milvus})) as opened:
        yield opened


@pytest.fixture
def run(session: Session, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    monkeypatch.setenv("OPENBOOK_HOME", str(session.settings.home))
    monkeypatch.setenv("OPENBOOK_MILVUS__URI", session.settings.milvus.uri)
    monkeypatch.chdir(tmp_path)

    def invoke(*arguments: str, answer: str | None = None) -> Result:
        options = {"input": answer, "catch_exceptions": False, "env": {"COLUMNS": "200"}}
        return CliRunner().invoke(load_verb("corpus"), list(arguments), **options)

    return invoke


def result(run: Run, *arguments: str) -> dict[str, Any]:
    done = run(*arguments, "--json")
    assert done.exit_code == 0, done.output
    return dict(json.loads(done.stdout))


def test_status_counts_and_says_what_to_do_about_failures(session: Session, run: Run) -> None:
    publish_texts(session, "docs", OLD)
    shown = run("status", "docs").output
    assert "2 documents searched, 2 chunks" in shown
    assert "2 indexed, 1 failed, 0 deleted" in shown
    assert "from /documents" in shown
    assert "bad.pdf" in shown
    assert "damaged" in shown
    assert "openbook corpus retry docs" in shown
    assert "lamp" not in shown
    assert "lamp" in run("status", "docs", "--state", "indexed").output
    status = result(run, "status", "docs")
    assert status["documents"] == {"indexed": 2, "failed": 1, "deleted": 0}
    assert len(status["entries"]) == 3
    (failed,) = result(run, "status", "docs", "--state", "failed")["entries"]
    assert (failed["doc_id"], failed["attempts"]) == ("bad.pdf", 2)


def with_notices(session: Session, corpus: str, count: int) -> None:
    """The live ledger with notices: one document has two, `count` more have the same one."""
    live = session.corpora.live(corpus).generation
    ledger = read_snapshot(session.store, corpus, live)
    scanned = Notice("pages without text", "9 of 10 pages have no text")
    hidden = Notice("hidden sheets", "sheet 'Köln' is hidden")
    entries = [replace(entry, notices=(scanned, hidden)) for entry in ledger.entries.values()][:1]
    entries += [
        Entry(f"scan-{n}.pdf", "file:///scan", "h", "indexed", notices=(scanned,))
        for n in range(count)
    ]
    origins = [replace(origin, ignored={".png": 3}) for origin in ledger.origins]
    write_ledger(session.store, corpus, live, entries, origins)


def test_status_tells_notices_by_kind_and_all_of_them_when_asked(
    session: Session, run: Run
) -> None:
    publish_texts(session, "docs", OLD)
    assert "notice" not in run("status", "docs").output
    with_notices(session, "docs", 250)
    shown = run("status", "docs").output
    assert "notice: pages without text in 251 documents, such as" in shown
    assert "notice: hidden sheets in 1 document, such as" in shown
    assert "left out as no documents: 3 .png" in shown
    assert len(shown.splitlines()) < 40
    assert "--notices lists all" in shown
    everything = run("status", "docs", "--notices").output
    assert "scan-249.pdf" in everything
    assert "lists all" not in everything
    status = result(run, "status", "docs")
    assert status["notices"] == {"pages without text": 251, "hidden sheets": 1}
    noticed = {entry["doc_id"]: entry["notices"] for entry in status["entries"]}
    assert noticed["scan-7.pdf"] == [
        {"kind": "pages without text", "text": "9 of 10 pages have no text"}
    ]


def test_sources_list_counts_what_each_brought(session: Session, run: Run) -> None:
    publish_texts(session, "docs", OLD)
    (source,) = result(run, "sources", "list", "docs")["sources"]
    assert source["location"] == "/documents"
    assert [source[name] for name in ("documents", "chunks", "failed")] == [2, 2, 1]
    assert result(run, "status", "docs")["sources"] == [source]
    assert "2 documents, 2 chunks, 1 failed" in run("sources", "list", "docs").output


def test_sources_remove_names_the_sources_and_refuses_the_last(session: Session, run: Run) -> None:
    generation = publish_texts(session, "docs", OLD).generation
    with pytest.raises(NotFoundError, match=r"no source '/other'; its sources are: /documents"):
        run("sources", "remove", "docs", "/other")
    with pytest.raises(InputError, match="openbook corpus delete docs"):
        run("sources", "remove", "docs", "file:///documents/")
    assert session.corpora.live("docs").generation == generation


def test_status_tells_what_runs_and_what_was_interrupted(session: Session, run: Run) -> None:
    generation = publish_texts(session, "docs", OLD).generation
    assert result(run, "status", "docs")["activity"] == ""
    with Lease(session.store, "corpora/docs/lock", "ingest of corpus 'docs'"):
        assert "ingest of corpus 'docs' is running" in result(run, "status", "docs")["activity"]
    session.corpora.move_live("docs", generation, generation)
    assert "a change was interrupted" in result(run, "status", "docs")["activity"]
    session.store.put("corpora/docs/staging/x/y", b"")
    assert "an ingest was interrupted" in result(run, "status", "docs")["activity"]


def test_generations_shows_live_pinned_and_used(session: Session, run: Run) -> None:
    old = publish_texts(session, "docs", OLD).generation
    new = publish_texts(session, "docs", NEW).generation
    session.datasets.publish("exam", "v1", {}, {"corpus": "docs", "generation": old}, "card")
    assert result(run, "pin", "docs", old)["pinned"]
    listed = {g["generation"]: g for g in result(run, "generations", "docs")["generations"]}
    assert (listed[new]["live"], listed[new]["pinned"]) == (True, False)
    assert (listed[old]["live"], listed[old]["pinned"]) == (False, True)
    assert listed[old]["datasets"] == ["exam@v1"]
    assert "pinned, used" in run("generations", "docs").output
    assert not result(run, "unpin", "docs", old)["pinned"]


def test_gc_dry_run_tells_what_gc_then_does(
    session: Session, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = publish_texts(session, "docs", OLD, OTHER_INDEX)
    publish_texts(session, "docs", NEW)
    monkeypatch.setenv("OPENBOOK_INGEST__KEEP_GENERATIONS", "1")
    planned = result(run, "gc", "docs", "--dry-run")
    assert (planned["removed"], planned["collections"]) == ([old.generation], [old.collection])
    assert len(session.corpora.generations("docs")) == 2
    assert result(run, "gc", "docs") == {**planned, "dry_run": False}
    assert len(session.corpora.generations("docs")) == 1


@pytest.mark.slow
def test_delete_asks_first(session: Session, run: Run) -> None:
    add_rows(session, "docs", OLD)
    generation = publish_texts(session, "docs", OLD).generation
    session.datasets.publish("exam", "v1", {}, {"corpus": "docs", "generation": generation}, "card")
    refused = run("delete", "docs", answer="n\n")
    assert refused.exit_code == 1
    assert "exam@v1" in refused.output
    with pytest.raises(UsageError, match="needs --yes"):
        run("delete", "docs", "--json")
    assert [c["corpus"] for c in result(run, "list")["corpora"]] == ["docs"]
    assert result(run, "delete", "docs", "--yes")["datasets"] == ["exam@v1"]
    assert result(run, "list")["corpora"] == []
