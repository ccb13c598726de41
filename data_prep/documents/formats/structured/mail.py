"""Mails: who wrote what to whom and when, then the words; attachments are named, not read."""

import re
from collections.abc import Iterator
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.message import Message
from email.parser import BytesParser
from email.utils import parsedate_to_datetime
from typing import Any

from data_prep.documents.formats.html.page import parse_html
from data_prep.documents.formats.notices import attached_files
from data_prep.documents.formats.parsed import FAULTS, Parsed, ParseError, clean
from data_prep.documents.formats.text import decode

_SHOWN = ("From", "To", "Cc", "Date", "Subject")
_FROM = re.compile(rb"^From [^\n]*\d{4}[^\n]*\n", re.MULTILINE)


def parse_mail(data: bytes) -> Parsed:
    """One mail, its subject as title; quoted mails below an answer stay, they may be all there is."""
    title, text, metadata, files = _read(data)
    return Parsed(
        title, text, metadata=metadata, markdown=False, notices=attached_files(files, len(files))
    )


def parse_mailbox(data: bytes) -> Parsed:
    """Every mail of an mbox file as a section with its subject as heading."""
    starts = [found.start() for found in _FROM.finditer(data)]
    if not starts:
        return parse_mail(data)
    sections, files = [], []
    for start, end in zip(starts, [*starts[1:], len(data)], strict=True):
        title, text, _, attached = _read(_FROM.sub(b"", data[start:end], count=1))
        sections.append(f"# {title or 'No subject'}\n\n{text}")
        files += attached
    text, metadata = "\n\n".join(sections), {"mails": len(sections)}
    return Parsed(
        "", text, metadata=metadata, markdown=True, notices=attached_files(files, len(files))
    )


def _read(data: bytes) -> tuple[str, str, dict[str, Any], list[str]]:
    """Subject, text, metadata and the names of attachments; ParseError if it is no mail."""
    try:
        mail = BytesParser().parsebytes(data)
        raw = {name.title(): value for name, value in reversed(list(mail.raw_items()))}
        headers = {name: words for name in _SHOWN if (words := _words(raw.get(name, "")))}
        body, files = _body(mail)
    except (*FAULTS, UnicodeError) as error:
        raise ParseError(f"not readable as a mail: {error}") from error
    if not headers:
        raise ParseError("not a mail: it has none of the headers From, To, Date and Subject")
    head = "\n".join(f"{name}: {value}" for name, value in headers.items())
    metadata = {name.lower(): value for name, value in headers.items() if name != "Subject"}
    if "date" in metadata:
        metadata["date"] = _iso(metadata["date"])
    return headers.get("Subject", ""), f"{head}\n\n{body}".strip(), metadata, files


def _words(header: str) -> str:
    """A header as people read it: encoded words (RFC 2047) and bare bytes beyond ASCII decoded."""
    if not header.isascii():
        data = header.encode("utf-8", "surrogateescape")
        return " ".join(decode(data).split()) if data.strip() else ""
    try:
        return clean(" ".join(str(make_header(decode_header(header))).split()))
    except (HeaderParseError, LookupError, UnicodeError, ValueError):
        return clean(" ".join(header.split()))


def _body(mail: Message) -> tuple[str, list[str]]:
    """The plain parts, or the HTML parts where there are none beside, and the names of other parts."""
    plain, pages, files = [], [], []
    for part in _leaves(mail):
        kind, name = part.get_content_type(), part.get_filename()
        if (
            name
            or part.get_content_disposition() == "attachment"
            or part.get_content_maintype() != "text"
        ):
            files.append(_words(name or kind))
        elif kind == "text/html":
            pages.append(part)
        else:
            plain.append(part)
    texts = [_text(part).strip() for part in plain]
    if not any(texts):
        texts = [_page(part) for part in pages]
    return "\n\n".join(text for text in texts if text), files


def _leaves(mail: Message) -> Iterator[Message]:
    """Parts that hold no others; a forwarded mail brings its own subject along."""
    for part in mail.walk():
        if part.is_multipart():
            continue
        yield part


def _text(part: Message) -> str:
    data = _bytes(part)
    charset = part.get_content_charset("")
    try:
        return clean(data.decode(charset)) if charset else decode(data)
    except (LookupError, ValueError):  # a name that is no encoding of text, or the wrong one
        return decode(data)


def _bytes(part: Message) -> bytes:
    data = part.get_payload(decode=True)
    return data if isinstance(data, bytes) else b""


def _page(part: Message) -> str:
    text = _text(part)
    if not text.strip():
        return ""
    whole = text if "<body" in text.lower() else f"<html><body>{text}</body></html>"
    return parse_html(whole.encode()).text


def _iso(date: str) -> str:
    try:
        return parsedate_to_datetime(date).isoformat()
    except (ValueError, TypeError, IndexError, OverflowError):
        return date
