"""Titles that say something stay; those of programs, templates and paths give way to the file's name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_prep.documents.formats.office.titles import document_title
from data_prep.documents.formats.titles import usable_title
from data_prep.documents.parse import parse_bytes


@pytest.mark.parametrize(
    "title",
    [
        "", "  ", "untitled", "UNTITLED", "Untitled-1", "Untitled document",
        "Microsoft Word - Dokument1.docx",
        "Microsoft Word - brief.doc", "Document1", "Dokument1", "Dokument 3", "Document (2)", "Slide 1",
        "Folie 12",
        "PowerPoint Presentation", "PowerPoint-Präsentation", "Presentation1", "Präsentation1", "Mappe1",
        "Book1",
        "Sheet1", "Tabelle2", "index", "(anonymous)", "LaTeX document", "...", "—", "12", "1.2.3", "Title",
        "No title", "Sans titre", "Sin título", "Bez názvu", "Без названия", "无标题", "無題", "제목 없음",
        "C:\\Users\\anna\\Desktop\\x y.docx", "\\\\server\\share\\a", "/home/anna/x.tex", "file:///tmp/a.html",
        "https://example.org/a?b=c", "www.example.org", "report-final.pdf", "pump.TXT",
        "3f2504e0-4f89-11d3-9a0c-0305e82c3301", "Click to edit Master title style", "Titel", "scan_0042",
        "Untitled design", "Table of Contents", "Normal.dotm", "OFFICE\\anna", "Layout 1", "Welcome",
        "scan_1.tif", "безымянный", "ドキュメント", "プレゼンテーション1",
    ],
)  # fmt: skip
def test_title_that_says_nothing_gives_way_to_the_file_name(title: str) -> None:
    assert usable_title(title, "papers/pump.txt") == "pump"


@pytest.mark.parametrize(
    "title",
    [
        "Rules for gloves", "Document retention policy", "Presentation of the budget 2026", "1984", "2001",
        "Slide rules and how to use them", "Index of materials", "Title IX compliance", "灯的手册", "Ü",
        "TCP/IP", "Notes on C:\\ paths", "docs.python.org: a review", "What is untitled?", "3M",
        "The file report.pdf explained", "index.html and its history",
    ],
)  # fmt: skip
def test_title_that_says_something_stays(title: str) -> None:
    assert usable_title(f" {title}\n", "a/b.pdf") == title


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("cellar-key.txt", "cellar-key"), ("docs/04_retention-policy.md", "04_retention-policy"),
        ("manual/index.html", "manual: index"), ("pump/README.md", "pump: README"), ("README", "README"),
        ("index.html", "index"), ("a/changelog.Debian.gz", "a: changelog.Debian"),
        ("git/copyright", "git: copyright"), ("git/NEWS.Debian.gz", "git: NEWS.Debian"),
        ("git/README.emacs", "git: README.emacs"), ("git/CHANGES.md", "git: CHANGES"), ("foo.1.gz", "foo.1"),
        ("release-1.2", "release-1.2"), ("Version 2.5 plan.docx", "Version 2.5 plan"),
        ("Makefile", "Makefile"),
        ("Ordner/Häuser & Höfe.pdf", "Häuser & Höfe"), ("archive.tar.gz", "archive"),
        ("no suffix at all", "no suffix at all"),
    ],
)  # fmt: skip
def test_title_from_a_name_is_its_stem(name: str, title: str) -> None:
    if name == "archive.tar.gz":
        assert usable_title("", name) == "archive"
    else:
        assert usable_title("", name) == title


def test_program_before_a_real_title_is_left_out() -> None:
    assert usable_title("Microsoft Word - Rules for gloves", "x.pdf") == "Rules for gloves"


@given(st.text(max_size=80), st.text(min_size=1, max_size=40))
def test_any_title_is_one_line(title: str, name: str) -> None:
    found = usable_title(title, name)
    assert found == " ".join(found.split())
    assert len(found) <= 300


def test_heading_comes_before_the_file_name_where_the_title_is_a_templates() -> None:
    page = b"<title>Template</title><h1>Rules for gloves</h1><p>Wear them near the pump.</p>"
    assert parse_bytes(page, "html").title == "Rules for gloves"
    assert document_title("Vorlage", [(2, "Gloves"), (1, "Rules")]) == "Rules"
