"""Values, notebooks, mails and XML arrive as text that says where its words belong."""

import json
from contextlib import suppress
from email.message import EmailMessage
from pathlib import Path

from data_prep.documents.formats.kinds import Format
from data_prep.documents.formats.parsed import Parsed, ParseError
from data_prep.documents.parse import parse_bytes


def parsed(format: Format, text: str) -> Parsed:
    return parse_bytes(text.encode(), format)


def test_docbook_keeps_headings_code_and_rows() -> None:
    source = (
        '<?xml version="1.0"?><!DOCTYPE article [<!ENTITY pump "big pump">]><article><title>Pump '
        "manual</title>"
        "<section><title>Start</title><para>The &pump; is <emphasis>old</emphasis>.</para><!-- comment -->"
        "<programlisting># no heading\n  x</programlisting><itemizedlist><listitem><para>one</para>"
        "</listitem>"
        "<listitem><para>two</para></listitem></itemizedlist><table><tgroup><thead><row><entry>Part</entry>"
        "<entry>Price</entry></row></thead><tbody><row><entry>Bolt</entry><entry><para>2 EUR</para>"
        "</entry></row>"
        "</tbody></tgroup></table></section></article>"
    )
    document = parsed("xml", source)
    assert document.title == "Pump manual"
    assert document.text.split("\n\n") == [
        "# Pump manual", "## Start", "The big pump is old.", "```\n# no heading\n  x\n```", "- one\n- two",
        "Part: Bolt\nPrice: 2 EUR",
    ]  # fmt: skip


def test_xml_of_records_names_its_values() -> None:
    source = (
        "<parts><part id='7'><name>Bolt</name><price>2</price></part><part><name>Valve</name></part>"
        "</parts>"
    )
    assert parsed("xml", source).text == "id: 7\nname: Bolt\nprice: 2\n\nname: Valve"


def test_xml_reads_no_file_and_grows_no_bomb() -> None:
    secret = (
        '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/hostname">]><a><b>before &x; after</b></a>'
    )
    assert Path("/etc/hostname").read_text().strip() not in parsed("xml", secret).text
    bomb = (
        "<!DOCTYPE a [<!ENTITY a '"
        + "x" * 100
        + "'>"
        + "".join(f"<!ENTITY {chr(98 + n)} '{f'&{chr(97 + n)};' * 50}'>" for n in range(8))
        + "]><a>&i;</a>"
    )
    with suppress(ParseError):
        assert len(parsed("xml", bomb).text) < 1_000_000


def test_json_records_become_paragraphs_with_dotted_names() -> None:
    records = [
        {"name": "Bolt", "size": {"mm": 2, "inch": None}, "tags": ["a", "b"], "ok": True},
        {"name": "Valve", "parts": [{"no": 1}, {"no": 2}]},
    ]
    text = parsed("json", json.dumps(records)).text
    assert text == (
        "name: Bolt\nsize.mm: 2\ntags: a, b\nok: true\n\nname: Valve\n\nparts.no: 1\n\nparts.no: 2"
    )


def test_json_lines_and_comments_are_read_and_other_text_is_told() -> None:
    assert parsed("json", '{"a": 1}\n{"a": 2}\n').text == "a: 1\n\na: 2"
    assert parsed("json", '{\n// a comment\n"a": 1,\n}').text == "a: 1"
    document = parsed("json", "{broken: text}")
    assert document.text == "{broken: text}"
    assert [notice.kind for notice in document.notices] == ["unreadable structure"]
    assert parsed("json", "[" * 100_000).text == "[" * 100_000


def test_settings_keep_comments_and_part_at_outer_entries() -> None:
    source = "# limits\npressure:\n  max: 12\n# colours\nlamp: red\n"
    assert parsed("config", source).text == "# limits\npressure:\n  max: 12\n\n# colours\nlamp: red"


def test_notebook_keeps_words_code_and_short_outputs() -> None:
    book = {
        "cells": [
            {"cell_type": "markdown", "source": ["# Pump\n", "Words."]},
            {"cell_type": "code", "source": "# no heading\n1 + 1", "outputs": [
                {"output_type": "execute_result", "data": {"text/plain": ["2"], "image/png": "AAAA"}},
                {"output_type": "stream", "text": "x" * 5000}, {"output_type": "error",
                "traceback": ["boom"]}]},
            {"cell_type": "raw", "source": "raw"},
        ],
        "metadata": {"kernelspec": {"language": "julia"}}, "nbformat": 4,
    }  # fmt: skip
    document = parsed("notebook", json.dumps(book))
    assert document.title == "Pump"
    assert "# Pump\nWords." in document.text
    assert "```julia\n# no heading\n1 + 1\n```\n\n```\n2\n```" in document.text
    assert "boom" not in document.text
    assert len(document.text) < 2500
    assert {notice.kind for notice in document.notices} == {
        "pictures without text",
        "shortened outputs",
    }


def test_mail_keeps_head_and_body_and_names_attachments() -> None:
    mail = EmailMessage()
    mail["From"], mail["To"] = "Jürgen <j@x.y>", "hall@x.y"
    mail["Subject"], mail["Date"] = "Prüfung der Dichtungen", "Tue, 03 Mar 2026 10:00:00 +0100"
    mail.set_content("Die blauen Dichtungen kommen am Dienstag.")
    mail.add_alternative("<p>HTML words.</p>", subtype="html")
    mail.add_attachment(b"%PDF", maintype="application", subtype="pdf", filename="übersicht.pdf")
    document = parse_bytes(mail.as_bytes(), "mail")
    assert document.title == "Prüfung der Dichtungen"
    assert document.metadata["date"] == "2026-03-03T10:00:00+01:00"
    assert document.text.startswith("From: Jürgen <j@x.y>\nTo: hall@x.y\n")
    assert "blauen Dichtungen" in document.text
    assert "HTML words" not in document.text
    assert document.notices[0].text == "1 attached file is not read: übersicht.pdf"


def test_mail_of_html_alone_and_in_old_encoding_is_read() -> None:
    page = (
        b"Subject: Gr\xfc\xdfe\nContent-Type: text/html; charset=iso-8859-1\n\n<p>Die gr\xfcne Lampe "
        b"leuchtet.</p>"
    )
    document = parse_bytes(page, "mail")
    assert document.title == "Grüße"
    assert "Die grüne Lampe leuchtet." in document.text


def test_mailbox_is_a_section_a_mail() -> None:
    source = "".join(
        f"From a@x.y Tue Mar  3 10:00:00 2026\nFrom: a@x.y\nSubject: {name}\n\nWords of {name}.\n\n"
        for name in ("One", "Two")
    )
    document = parsed("mailbox", source)
    assert [line for line in document.text.split("\n") if line.startswith("#")] == [
        "# One",
        "# Two",
    ]
    assert document.metadata == {"mails": 2}


def test_code_is_one_fence_that_it_cannot_leave() -> None:
    source = 'def f():\n    """\n    ```\n    # x\n    ```\n    """\n'
    document = parsed("code", source)
    assert document.text == f"````\n{source.strip()}\n````"
    assert (document.title, document.markdown) == ("", True)


def test_subtitles_become_sentences() -> None:
    source = (
        "WEBVTT\n\n1\n00:00:01.000 --> 00:00:02.000\n<i>Turn</i> the key\n\n2\n00:00:03,000 --> "
        "00:00:04,000\nslowly.\n"
    )
    assert parsed("subtitles", source).text == "Turn the key slowly."


def test_log_loses_its_colours() -> None:
    assert parsed("text", "\x1b[31mWARN\x1b[0m pump 3").text == "WARN pump 3"
