"""The words of a line of Markdown, without its markup."""

import html
import re

_CHARS = 500  # more is no heading; matching pairs of signs takes the square of it
_ANCHOR = re.compile(r"(?<!\s)\s*\{[#.:][^{}]*\}\s*$")
_TARGET = r"(?:\((?:[^()]|\([^()]*\))*\)|\[[^\[\]]*\])"
_IMAGE = re.compile(r"!\[([^\[\]]*)\]" + _TARGET)
_LINK = re.compile(r"\[([^\[\]]*)\]" + _TARGET)
_AUTOLINK = re.compile(r"<((?:https?|mailto):[^<>\s]+)>")
_PICTURE = re.compile(r"<img\b[^<>]*?\balt\s*=\s*[\"']([^\"'<>]*)[\"'][^<>]*>", re.IGNORECASE)
_TAG = re.compile(r"</?[a-zA-Z][^<>]*>|<!--.*?-->")
_CODE = re.compile(r"(`+)(.+?)\1")
_STARRED = re.compile(r"(?<!\*)(\*{1,3}|~~)(?=[^\s*])(.+?)(?<=[^\s*])\1(?!\*)")
_UNDERSCORED = re.compile(r"(?<!\w)(_{1,3})(?=\S)(.+?)(?<=\S)\1(?!\w)")
_ESCAPE = re.compile(r"\\([!-/:-@\[-`{-~])")


def strip_inline(source: str) -> str:
    """The words a reader sees: emphasis, links, code marks, anchors and tags removed."""
    parts = re.split(r"(`[^`]+`)", _ANCHOR.sub("", source[:_CHARS]))
    words = "".join(
        _CODE.sub(r"\2", part) if at % 2 else _plain(part) for at, part in enumerate(parts)
    )
    for markup in (_STARRED, _UNDERSCORED):
        words = markup.sub(r"\2", words)
    return " ".join(words.split())


def _plain(part: str) -> str:
    for markup in (_PICTURE, _IMAGE, _LINK, _AUTOLINK):
        part = markup.sub(r"\1", part)
    part = _TAG.sub("", part)
    for markup in (_STARRED, _UNDERSCORED):
        part = markup.sub(r"\2", part)
    return html.unescape(_ESCAPE.sub(r"\1", part))
