"""What `openbook ingest` tells a person."""

from typing import Any

import pytest

from cluster.console import Console
from data_prep.ingest_cli import show_preview, show_report

REPORT: dict[str, Any] = {
    "corpus": "docs", "generation": "i-g", "chunks": {"written": 0, "total": 9},
    "documents": {"added": 0, "changed": 0, "unchanged": 3, "deleted": 0, "failed": 0},
    "retrieval": "hybrid", "failures": [], "notices": {}, "noticed": [], "sources": ["/x"], "gone": [],
    "renamed": [], "copies": [], "ignored": {}, "seconds": 0.1, "rebuild": False,
}  # fmt: skip


def shown(capsys: pytest.CaptureFixture[str], **changes: Any) -> str:
    show_report(Console(), {**REPORT, **changes})
    return capsys.readouterr().out


def test_quiet_ingest_says_counts_and_generation_only(capsys: pytest.CaptureFixture[str]) -> None:
    assert len(shown(capsys).splitlines()) == 2


def test_rebuild_of_all_sources_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert "all sources were read again" in shown(capsys, rebuild=True)


def test_deleted_documents_are_told_by_source_with_the_way_back(
    capsys: pytest.CaptureFixture[str],
) -> None:
    gone = [
        {"source": "/x", "documents": 12, "examples": ["a.md", "b.md", "c.md"]},
        {"source": "/y", "documents": 1, "examples": ["d.md"]},
    ]
    text = shown(capsys, gone=gone, undo="openbook corpus rollback docs")
    assert "/x: 12 documents are gone and were removed: a.md, b.md, c.md and 9 more" in text
    assert "/y: 1 document is gone and was removed: d.md" in text
    assert "undo: openbook corpus rollback docs" in text
    assert "undo" not in shown(capsys, gone=gone)


def test_many_notices_are_a_line_for_each_kind(capsys: pytest.CaptureFixture[str]) -> None:
    noticed = [
        {"doc_id": f"{n}.pdf", "uri": "", "kind": f"kind {n % 30}", "text": "2 pages"}
        for n in range(900)
    ]
    kinds = {f"kind {n}": 30 for n in range(30)}
    text = shown(capsys, notices=kinds, noticed=noticed)
    assert "notice: kind 3 in 30 documents, such as 3.pdf: 2 pages" in text
    assert "and 20 more kinds of notices" in text
    assert len(text.splitlines()) < 20


def test_names_copies_and_sources_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    text = shown(
        capsys,
        sources=["/old", "/new"],
        renamed=[{"doc_id": f"new/{n}.md", "name": f"{n}.md", "uri": ""} for n in range(30)],
        copies=[{"source": "/old", "documents": 30}],
        ignored={".png": 2},
    )
    assert "2 sources: openbook corpus sources list docs" in text
    assert "0.md is new/0.md" in text
    assert "and 20 more" in text
    assert "openbook corpus sources remove docs /old" in text
    assert "left out: 2 .png" in text


def test_preview_lists_names_of_each_source_and_stays_short(
    capsys: pytest.CaptureFixture[str],
) -> None:
    failed = [{"doc_id": f"{n}.xyz", "uri": "", "reason": "unsupported"} for n in range(50)]
    source = {
        "location": "/x", "added": [f"{n}.md" for n in range(500)], "changed": ["c.md"], "deleted": [],
        "failed": failed,
    }  # fmt: skip
    show_preview(Console(), {**REPORT, "rebuild": True, "sources": [source]})
    text = capsys.readouterr().out
    assert "nothing was changed" in text
    assert "read again" in text
    assert "500 added: 0.md" in text
    assert "1 changed: c.md" in text
    assert "deleted:" not in text
    assert "and 30 more" in text
    assert len(text.splitlines()) < 40
