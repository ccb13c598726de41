"""Damaged files of every format become a document or a reason, and what comes out keeps its promises."""

# ruff: noqa: E501  bytes of every kind

import json
import random

import pytest

from cluster.formats import Format
from data_prep.documents.formats.parsed import Parsed, ParseError, clean
from data_prep.documents.parse import parse_bytes
from tests.format_seeds import SEEDS

pytestmark = pytest.mark.slow
_ROUNDS = 40
_ODD = (
    b"\0", b"\xff", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"9" * 5000, b"-1", b"1e999", b"```", b"<!--", b"]]>", b"\\",
    b"{" * 200, b"[" * 200, b"<b>" * 300, b"> " * 300, b"|" * 50, b"\r", b"&#xD800;", b"\x1b[31m", b'"', b"'",
)  # fmt: skip


@pytest.mark.parametrize("format", SEEDS)
def test_seed_of_each_format_is_read(format: Format) -> None:
    for seed in SEEDS[format]:
        _check(parse_bytes(seed, format))


@pytest.mark.parametrize("format", SEEDS)
def test_damaged_file_is_a_document_or_a_reason(format: Format) -> None:
    pick = random.Random(format)
    for _ in range(_ROUNDS):
        data = _damaged(pick, pick.choice(SEEDS[format]))
        try:
            _check(parse_bytes(data, format))
        except ParseError as reason:
            assert str(reason).isprintable(), data  # noqa: PT017  both outcomes are right


def _damaged(pick: random.Random, data: bytes) -> bytes:
    for _ in range(pick.choice((1, 2, 4))):
        start = pick.randrange(len(data) + 1)
        end = min(len(data), start + pick.choice((1, 8, 100)))
        cut, part = data[:start], data[start:end]
        data = pick.choice((
            cut + bytes(byte ^ 1 << pick.randrange(8) for byte in part) + data[end:],
            cut or data, cut + data[end:], cut + part * pick.choice((2, 50)) + data[end:],
            cut + pick.choice(_ODD) + data[start:], cut + pick.choice(_ODD) + data[end:],
            data.replace(b"\n", pick.choice((b"\r", b"\r\n", b""))),
            data.decode("utf-8", "replace").encode(pick.choice(("utf-16", "utf-16-be", "utf-32"))),
        )) or b" "  # fmt: skip
    return data


def _check(found: Parsed) -> None:
    assert clean(found.text) == found.text
    found.text.encode()
    starts = [start for _, start in found.pages]
    assert starts == sorted(set(starts))
    assert all(0 <= start <= len(found.text) for start in starts)
    assert found.title == "" or found.title.isprintable()
    assert len(json.dumps(dict(found.metadata), allow_nan=False).encode()) <= 200_000
    assert all(notice.text.isprintable() for notice in found.notices)
