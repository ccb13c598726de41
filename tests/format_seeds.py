"""One small document of every format, with a bit of everything that its parser looks at."""

# ruff: noqa: E501  whole sentences and documents

import json
import zlib

from cluster.formats import Format
from tests.documents import docx, packed, pdf, pptx_slides, xlsx

_MARKDOWN = """---
title: Pump
tags: [water, parts]
date: 2024-05-01
---
# Pump *manual*

Press **start**, then [read](https://x.org "on"). <!-- aside -->

Old heading
-----------

- one
  1. two

```python
def run():
    return "# no heading"
```

| Part | Bolts |
|------|------:|
| Lid  | 7     |

<h2>Care</h2> ![seal](data:image/png;base64,iVBORw0KGgo=) Text[^1].

[^1]: A note.
"""
_REST = """Pump
====

:Author: Ann

.. |name| replace:: pump

.. note:: Read |name| ``code`` :func:`~a.b` first_.

Parts::

    x = 1

+-----+-----+
| A   | B   |
+=====+=====+
| 1   | 2   |
+-----+-----+

=====  =====
Part   Bolts
=====  =====
Lid    7
=====  =====

* one

  - two

.. csv-table:: T
   :header: "a", "b"

   "1", "2"
"""
_ASCIIDOC = """= Pump
:author: Ann

== Parts

* one
** two

[source,python]
----
x = 1
----

[cols="1,1",options="header"]
|===
|Part |Bolts
|Lid |7
|===

See <<parts,the parts>> and link:x.html[this], image::a.png[A seal].
"""
_ORG = """#+TITLE: Pump
* TODO Parts :tag:
:PROPERTIES:
:ID: 1
:END:
| Part | Bolts |
|------+-------|
| Lid  |     7 |

- [ ] one /two/ *three* =four= [[http://x.org][five]]
#+begin_src python
x = 1
#+end_src
"""
_LATEX = r"""\documentclass{article}\title{Pump}\author{Ann}
\begin{document}\maketitle
\section{Parts} Caf\'e costs \$5 for $x^2$ % aside
\begin{itemize}\item one \item[b] two\footnote{note}\end{itemize}
\begin{tabular}{l|r}\hline Part & Bolts \\ Lid & \multicolumn{1}{c}{7} \\ \end{tabular}
\begin{verbatim}
x = 1
\end{verbatim}
\verb|code| \[ a = b \] \cite[p. 1]{ann}
\end{document}
"""
_TEXINFO = """\\input texinfo
@settitle Pump
@chapter Parts
@itemize @bullet
@item one @code{two}
@end itemize
@multitable @columnfractions .5 .5
@headitem Part @tab Bolts
@item Lid @tab 7
@end multitable
@example
x = 1
@end example
"""
_MAN = """.TH PUMP 1 "2024"
.SH NAME
pump \\- moves water
.SH OPTIONS
.TP
.B \\-v
Says \\fImore\\fR \\(em a lot.
.nf
x = 1
.fi
.TS
tab(|);
l l.
Part|Bolts
Lid|7
.TE
"""
_RTF = (
    r"{\rtf1\ansi\ansicpg1252{\info{\title Pump}}\pard Caf\'e9 \u8364? \b bold\b0\par\cell x\row}"
)
_NOTEBOOK = {
    "cells": [
        {"cell_type": "markdown", "source": ["# Pump\n", "Text"]},
        {
            "cell_type": "code",
            "source": "x = 1",
            "outputs": [
                {"data": {"text/plain": ["1"], "image/png": "iVBO"}},
                {"text": ["out\n"]},
            ],
        },
    ],
    "metadata": {"language_info": {"name": "python"}},
    "nbformat": 4,
}
_XML = """<?xml version="1.0"?><!DOCTYPE book [<!ENTITY pump "Pump">]>
<book><title>&pump;</title><chapter><title>Parts</title><para>Lid has <emphasis>7</emphasis> bolts.</para>
<programlisting>x = 1</programlisting><table><tgroup><thead><row><entry>A</entry><entry>B</entry></row></thead>
<tbody><row><entry>1</entry><entry>2</entry></row></tbody></tgroup></table>
<itemizedlist><listitem><para>one</para></listitem></itemizedlist></chapter></book>"""
_MAIL = """From: Ann <ann@x.org>
To: =?utf-8?q?Ren=C3=A9?= <r@x.org>
Date: Mon, 06 May 2024 10:00:00 +0200
Subject: =?utf-8?b?UHVtcA==?=
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="b"

--b
Content-Type: text/plain; charset=iso-8859-1
Content-Transfer-Encoding: quoted-printable

Caf=E9 at noon.
--b
Content-Type: text/html

<p>Caf&eacute; at <b>noon</b></p>
--b
Content-Type: application/pdf; name="a.pdf"
Content-Transfer-Encoding: base64

JVBERg==
--b--
"""
_HTML = """<!doctype html><html><head><meta charset="utf-8"><title>Pump</title></head><body><main>
<h1>Pump</h1><p>Press <b>start</b>.</p><pre>x = 1
  y</pre><ul><li>one<ol><li>two</ol></ul><table><tr><th>Part<th>Bolts<tr><td rowspan=2>Lid<td>7</table>
<dl><dt>Lid<dd>A cover</dl></main></body></html>"""
_OFFICE = "urn:oasis:names:tc:opendocument:xmlns"
_SPACES = " ".join(
    f'xmlns:{name}="{_OFFICE}:{name}:1.0"' for name in ("office", "text", "table", "style", "meta")
)
_ROW = "<table:table-row>{}</table:table-row>"
_CELL = '<table:table-cell office:value-type="string"><text:p>{}</text:p></table:table-cell>'
_TABLE = '<table:table table:name="Parts">{}</table:table>'.format(
    "".join(
        _ROW.format("".join(map(_CELL.format, row))) for row in (("Part", "Bolts"), ("Lid", "7"))
    )
)


def _open_document(kind: str, body: str) -> bytes:
    content = (
        f"<office:document-content {_SPACES}><office:body><office:{kind}>{body}</office:{kind}>"
        "</office:body></office:document-content>"
    )
    media = "spreadsheet" if kind == "spreadsheet" else "text"
    return packed({
        "mimetype": f"application/vnd.oasis.opendocument.{media}",
        "content.xml": content,
        "META-INF/manifest.xml": "<manifest/>",
    })  # fmt: skip


def _book() -> bytes:
    page = '<html xmlns="http://www.w3.org/1999/xhtml"><body><h1>Pump</h1><p>Press start.</p></body></html>'
    return packed({
        "mimetype": "application/epub+zip",
        "META-INF/container.xml": '<container><rootfiles><rootfile full-path="b.opf"/></rootfiles></container>',
        "b.opf": '<package><metadata xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>Pump</dc:title>'
        '</metadata><manifest><item id="a" href="a.xhtml" media-type="application/xhtml+xml"/></manifest>'
        '<spine><itemref idref="a"/></spine></package>',
        "a.xhtml": page,
    })  # fmt: skip


def _compressed_pdf() -> bytes:
    """A page whose content is packed, so that changed bytes break the packing as well."""
    stream = zlib.compress(b"BT /F1 12 Tf 72 720 Td (The pump draws 12 watts.) Tj ET")
    plain = pdf([["x"]])
    start, end = plain.index(b"stream\n") + 7, plain.index(b"\nendstream")
    length = plain.rindex(b"/Length", 0, start)
    head = plain[:length] + b"/Filter /FlateDecode /Length %d >>\nstream\n" % len(stream)
    return head + stream + plain[end:]


SEEDS: dict[Format, list[bytes]] = {
    "markdown": [_MARKDOWN.encode()],
    "mdx": [b"import A from './a'\n\nexport const x = 1\n\n# Pump\n\n<A b={1}>\n\n" + _MARKDOWN.encode()],
    "text": ["The pump draws 12 watts — \x1b[31mred\x1b[0m.\n\nCafé.\n".encode(), "Über".encode("utf-16")],
    "html": [_HTML.encode()],
    "pdf": [pdf([["The pump draws 12 watts."], ["It weighs 3 kg."]], "Pump"), _compressed_pdf()],
    "docx": [docx([("Heading1", "Pump"), ("Normal", "Press start."), ("Heading2", "Parts")])],
    "pptx": [pptx_slides([("Pump", "Press start."), ("", "")])],
    "xlsx": [xlsx({"Parts": [["Part", "Bolts"], ["Lid", 7], ["Sum", "=B2"]]})],
    "ods": [_open_document("spreadsheet", _TABLE)],
    "odt": [_open_document("text", f'<text:h text:outline-level="1">Pump</text:h><text:p>Hi.</text:p>{_TABLE}')],
    "epub": [_book()],
    "csv": [b'Part;Bolts;Price\nLid;7;"1,50"\n"A ""seal""";3;2,25\n', b"a,b\n1,2\n3,4\n"],
    "rst": [_REST.encode()],
    "asciidoc": [_ASCIIDOC.encode()],
    "org": [_ORG.encode()],
    "latex": [_LATEX.encode()],
    "texinfo": [_TEXINFO.encode()],
    "man": [_MAN.encode()],
    "rtf": [_RTF.encode()],
    "json": [json.dumps({"title": "Pump", "parts": [{"name": "Lid", "bolts": 7}, {"name": "Seal"}]}).encode()],
    "notebook": [json.dumps(_NOTEBOOK).encode()],
    "xml": [_XML.encode(), b"<rows><row id='1'><name>Lid</name><bolts>7</bolts></row></rows>"],
    "mail": [_MAIL.encode()],
    "mailbox": [f"From ann@x.org Mon May  6 10:00:00 2024\n{_MAIL}\n\nFrom b@x.org Mon May  6 2024\n{_MAIL}".encode()],
    "config": [b"# pump\nwatts = 12\n\n[parts]\nlid:\n  bolts: 7\n"],
    "code": [b"def run():\n    '''```'''\n    return 1\n"],
    "subtitles": [b"1\n00:00:01,000 --> 00:00:02,000\n<i>Press</i> start.\n\n2\n00:00:03.000 --> 00:00:04.000\nNow.\n"],
}  # fmt: skip
