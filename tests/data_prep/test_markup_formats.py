"""Manuals in markup: headings as `#` lines, code in fences, rows that name their columns."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_prep.documents.formats.kinds import Format
from data_prep.documents.formats.parsed import Parsed, ParseError
from data_prep.documents.parse import parse_bytes

MARKUP: tuple[Format, ...] = (
    "rst",
    "asciidoc",
    "org",
    "latex",
    "texinfo",
    "man",
    "rtf",
    "xml",
    "json",
)


def parsed(format: Format, text: str) -> Parsed:
    return parse_bytes(text.encode(), format)


REST = """\
===========
Pump manual
===========

:Author: Anna
:Version: 3

.. contents::

.. a comment

.. _start:

Start
-----

The |pump| needs *oil*, see :ref:`the table <parts>` and `our site <http://x.y>`_. Run::

    $ pump # not a heading

# no heading either

.. note:: Keep the valve
   shut.

.. code-block:: python
   :linenos:

   def start():
       return 1

- one
- two

  - inner

1. first
   goes on

term
    Its meaning.

Parts
~~~~~

====== =====
Part   Price
====== =====
Bolt   2 EUR
Valve  9 EUR
====== =====

+------+--------+
| Size | Weight |
+======+========+
| 2    | 1 kg   |
+------+--------+

.. list-table:: Colours
   :header-rows: 1

   * - Name
     - Code
   * - red
     - 7

.. csv-table::
   :header: "Town", "Hall"

   "Ulm", 4

Use :func:`~os.path.join`, ``a_b`` and word_ [1]_.

.. [1] A footnote.

.. |pump| replace:: big pump
"""


def test_rest_keeps_sections_code_notes_and_tables() -> None:
    document = parsed("rst", REST)
    blocks = document.text.split("\n\n")
    assert document.title == "Pump manual"
    assert document.metadata == {"author": "Anna", "version": "3"}
    assert [block for block in blocks if block.startswith("#")] == [
        "# Pump manual",
        "## Start",
        "### Parts",
    ]
    for block in (
        "The big pump needs *oil*, see the table and our site. Run:", "```\n$ pump # not a heading\n```",
        "\\# no heading either", "Note: Keep the valve shut.", "```python\ndef start():\n    return 1\n```",
        "- one\n- two\n  - inner", "1. first goes on", "term\nIts meaning.", "Part: Bolt\nPrice: 2 EUR",
        "Part: Valve\nPrice: 9 EUR", "Size: 2\nWeight: 1 kg", "Colours", "Name: red\nCode: 7",
        "Town: Ulm\nHall: 4", "Use join(), `a_b` and word [1].", "[1] A footnote.",
    ):  # fmt: skip
        assert block in blocks
    assert "comment" not in document.text
    assert "_start" not in document.text


def test_rest_tells_of_parts_in_other_files() -> None:
    document = parsed("rst", "Text.\n\n.. include:: other.rst\n\n.. automodule:: x\n")
    assert "2 parts" in document.notices[0].text


def test_asciidoc_keeps_its_structure() -> None:
    source = (
        "= Pump manual\nAnna <a@x.y>\n:pump: big pump\n\n// comment\n== Start\n\nThe {pump} is *old*, see "
        "link:http://x.y[our site] and <<parts,the parts>>.\n\n[source,sh]\n----\n# no heading\n----\n\n"
        'NOTE: Keep shut.\n\n* one\n** inner\n* two\n\n.Prices\n[options="header"]\n|===\n|Part |Price\n\n'
        "|Bolt |2 EUR\n|Valve\n|9 EUR\n|===\n\ninclude::other.adoc[]\n\nOld style\n~~~~~~~~~\nWords.\n"
    )
    document = parsed("asciidoc", source)
    blocks = document.text.split("\n\n")
    assert document.title == "Pump manual"
    for block in (
        "## Start", "The big pump is **old**, see our site and the parts.", "```sh\n# no heading\n```",
        "- one\n  - inner\n- two", "Prices", "Part: Bolt\nPrice: 2 EUR", "Part: Valve\nPrice: 9 EUR",
        "### Old style",
    ):  # fmt: skip
        assert block in blocks
    assert "comment" not in document.text
    assert [notice.kind for notice in document.notices] == ["parts elsewhere"]


def test_org_keeps_its_structure() -> None:
    source = (
        "#+TITLE: Pump manual\n#+AUTHOR: Anna\n# comment\n\n* TODO Start :tag:\n:PROPERTIES:\n:ID: x\n:END:\n"
        "The ~pump~ is *old*, see [[http://x.y][our site]].\n\n#+BEGIN_SRC sh\n# no heading\n#+END_SRC\n\n"
        "- one\n  - inner\n\n** Parts\n| Part | Price |\n|------+-------|\n| Bolt | 2 EUR |\n"
    )
    document = parsed("org", source)
    assert (document.title, document.metadata) == ("Pump manual", {"author": "Anna"})
    assert document.text.split("\n\n") == [
        "# Start", "The `pump` is **old**, see our site.", "```sh\n# no heading\n```", "- one\n  - inner",
        "## Parts", "Part: Bolt\nPrice: 2 EUR",
    ]  # fmt: skip


def test_latex_keeps_its_structure() -> None:
    source = (
        "\\documentclass{article}\n\\usepackage{x}\n\\title{Pump \\emph{manual}}\n\\author{Anna}\n"
        '\\begin{document}\n\\maketitle\n\\section{Start}\\label{s}\nThe na\\"ive pump % comment\n'
        "needs 5\\,\\% of "
        "\\textbf{oil}~-- see \\cite{x} and $a_1$.\n\n\\begin{itemize}\n\\item one\n\\item two\n"
        "\\end{itemize}\n"
        "\\begin{verbatim}\n# no heading\n\\end{verbatim}\n\\subsection*{Parts}\n"
        "\\begin{tabular}{ll}\n\\hline\n"
        "Part & Price \\\\\nBolt & 2 EUR \\\\\n\\end{tabular}\n\\end{document}\n"
    )
    document = parsed("latex", source)
    assert (document.title, document.metadata) == ("Pump manual", {"author": "Anna"})
    assert document.text.split("\n\n") == [
        "## Start", "The naïve pump needs 5 % of oil – see [x] and $a_1$.", "- one", "- two",
        "```\n# no heading\n```", "### Parts", "Part: Bolt\nPrice: 2 EUR",
    ]  # fmt: skip


def test_man_page_keeps_its_structure() -> None:
    source = (
        '.\\" comment\n.TH PUMP 8 2026-01-01\n.SH NAME\npump \\- moves water\n.SH "ALL OPTIONS"\n'
        '.TP\n.BI \\-v " level"\n'
        "Set the \\fIlevel\\fP.\n.PP\nThe \\(lqlast\\(rq one.\n.nf\n# no heading\n.fi\n.SS Sub\nEnd.\n"
    )
    document = parsed("man", source)
    assert document.title == "PUMP(8) - moves water"
    assert document.text.split("\n\n") == [
        "# NAME", "pump - moves water", "# ALL OPTIONS", "-v level Set the level.", "The “last” one.",
        "```\n# no heading\n```", "## Sub", "End.",
    ]  # fmt: skip


def test_mdoc_page_keeps_its_words() -> None:
    source = (
        ".Dd May 1, 2026\n.Dt PUMP 8\n.Os\n.Sh NAME\n.Nm pump\n.Nd moves water\n.Sh SYNOPSIS\n.Nm\n"
        ".Op Fl v Ar level\n"
        ".Sh SEE ALSO\n.Xr valve 1 ,\n.Xr pipe 2\n"
    )
    document = parsed("man", source)
    assert document.title == "PUMP(8) - moves water"
    for words in ("pump", "moves water", "[-v level]", "valve(1)", "# SEE ALSO"):
        assert words in document.text


def test_texinfo_keeps_its_structure() -> None:
    source = (
        "\\input texinfo\n@settitle Pump manual\n@c comment\n@menu\n* Start::\n@end menu\n@node "
        "Start\n@chapter Start\n"
        "The @code{pump} is @emph{old}, see @xref{Parts}.\n\n@example\n# no heading @{x@}\n@end example\n"
        "@itemize\n@item one\n@item two\n@end itemize\n@section Parts\n@multitable {a} {b}\n"
        "@headitem Part @tab Price\n"
        "@item Bolt @tab 2 EUR\n@end multitable\n@bye\n"
    )
    document = parsed("texinfo", source)
    assert document.title == "Pump manual"
    assert document.text.split("\n\n") == [
        "# Start", "The `pump` is old, see Parts.", "```\n# no heading {x}\n```", "- one\n- two", "## Parts",
        "Part: Bolt\nPrice: 2 EUR",
    ]  # fmt: skip


def test_rtf_keeps_its_words_and_title() -> None:
    source = (
        r"{\rtf1\ansi{\info{\title Pump manual}}{\b The} pump\par gr\'fcn \u8364? 5{\pict\wmetafile8 "
        r"00ff00ff}\par}"
    )
    document = parsed("rtf", source)
    assert document.title == "Pump manual"
    assert document.text.split("\n\n") == ["The pump", "grün € 5"]


@given(st.text(max_size=300), st.sampled_from(MARKUP))
def test_any_text_is_parsed_or_refused_with_a_reason(text: str, format: Format) -> None:
    with suppress(ParseError):
        parsed(format, text).text.encode()


@pytest.mark.parametrize("format", ["rst", "asciidoc", "org", "latex", "texinfo", "man"])
@given(words=st.lists(st.from_regex(r"[a-z]{3,9}", fullmatch=True), min_size=1, max_size=30))
def test_plain_words_stay_in_every_markup(format: Format, words: list[str]) -> None:
    lines = [" ".join(words[at : at + 5]) for at in range(0, len(words), 5)]
    assert parsed(format, "Begin.\n" + "\n".join(lines)).text.split() == ["Begin.", *words]


def test_man_page_of_pod2man_begins_with_its_name() -> None:
    page = (
        ".ie n \\{\\\n.    ds -- \\(*W-\n.\\}\n.el\\{\\\n.    ds -- \\|\\(em\\|\n.    ds C`\n'br\\}\n"
        '.TH OPEN 3pm\n.SH "NAME"\nopen \\- perl pragma\n'
    )
    document = parse_bytes(page.encode(), "man")
    assert document.title == "OPEN(3pm) - perl pragma"
    assert document.text.strip() == "# NAME\n\nopen - perl pragma"


def test_man_page_that_names_another_says_so() -> None:
    with pytest.raises(ParseError, match=r"text is that of man5/pam_env\.conf\.5"):
        parse_bytes(b".so man5/pam_env.conf.5\n", "man")


def test_names_that_an_xml_file_declares_are_replaced_beside_parts_elsewhere() -> None:
    document = parse_bytes(
        b'<?xml version="1.0"?><!DOCTYPE book [<!ENTITY ver "1.2.3">\n'
        b'<!ENTITY maker "<emphasis>Acme</emphasis> Inc"><!ENTITY ch1 SYSTEM "ch1.xml">\n]>'
        b"<book><title>Pump</title><para>Version &ver; of &maker;.</para>&ch1;</book>",
        "xml",
    )
    assert document.title == "Pump"
    assert "Version 1.2.3 of Acme Inc." in document.text
    assert "ENTITY" not in document.text
    assert [notice.kind for notice in document.notices] == ["parts elsewhere"]
    assert "(&ch1;)" in document.notices[0].text
