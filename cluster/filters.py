"""A filter as Milvus Lite takes it. Pure.

Milvus Lite knows `in` for plain fields only: `metadata["year"] in [2024, 2025]` becomes
`(metadata["year"] == 2024 or metadata["year"] == 2025)`. No page is stored as -1, on every Milvus: `page is
null` becomes `page == -1`. Strings are left alone. What is not understood goes on as it stands, so
that Milvus says what is wrong with it.
"""

import re

_TOKEN = re.compile(
    r"""(?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')"""
    r"|(?P<word>\$?[A-Za-z_]\w*)|(?P<blank>\s+)|(?P<other>[\d.eE+-]*\d[\w.]*|.)",
    re.DOTALL,
)
_NEVER = '(chunk_id == "")'
_ALWAYS = '(chunk_id != "")'

Token = tuple[str, str]  # kind and text


def for_milvus(filter: str, embedded: bool) -> str:
    """The filter to send; `embedded` for Milvus Lite."""
    tokens = [(match.lastgroup or "other", match[0]) for match in _TOKEN.finditer(filter)]
    written: list[str] = []
    at = 0
    while at < len(tokens):
        text, at = _at(tokens, at, embedded)
        written.append(text)
    return "".join(written)


def _at(tokens: list[Token], at: int, embedded: bool) -> tuple[str, int]:
    """What stands for the tokens from `at`, and where they end."""
    if tokens[at] == ("word", "page"):
        return _page(tokens, at)
    path, end = _path(tokens, at)
    if embedded and path:
        return _membership(tokens, at, path, end)
    return tokens[at][1], at + 1


def _page(tokens: list[Token], at: int) -> tuple[str, int]:
    words, end = _words(tokens, at + 1, 3)
    if words[:2] == ["is", "null"]:
        return "page == -1", _words(tokens, at + 1, 2)[1]
    if words == ["is", "not", "null"]:
        return "page != -1", end
    return tokens[at][1], at + 1


def _membership(tokens: list[Token], at: int, path: str, end: int) -> tuple[str, int]:
    """`path in [a, b]` and `path not in [a, b]` as comparisons."""
    words, after = _words(tokens, end, 1)
    negated = words == ["not"]
    if negated:
        words, after = _words(tokens, after, 1)
    if words != ["in"]:
        return "".join(text for _, text in tokens[at:end]), end
    values, after_list = _list(tokens, after)
    if values is None:
        return "".join(text for _, text in tokens[at:end]), end
    if not values:
        return _ALWAYS if negated else _NEVER, after_list
    sign, joint = ("!=", " and ") if negated else ("==", " or ")
    return f"({joint.join(f'{path} {sign} {value}' for value in values)})", after_list


def _path(tokens: list[Token], at: int) -> tuple[str, int]:
    """`name["key"][0]...` from `at`; an empty text where none begins."""
    if tokens[at][0] != "word":
        return "", at
    end, keys = at + 1, 0
    while True:
        here = _skip(tokens, end)
        inner = _skip(tokens, here + 1)
        close = _skip(tokens, inner + 1)
        if _text(tokens, here) != "[" or _text(tokens, close) != "]":
            break
        end, keys = close + 1, keys + 1
    return ("".join(text for _, text in tokens[at:end]) if keys else ""), end


def _list(tokens: list[Token], at: int) -> tuple[list[str] | None, int]:
    """The values of `[a, b]`, None where there is no such list."""
    at = _skip(tokens, at)
    if _text(tokens, at) != "[":
        return None, at
    values = [""]
    for place in range(at + 1, len(tokens)):
        kind, text = tokens[place]
        if text == "]":
            stripped = [value.strip() for value in values]
            return [value for value in stripped if value], place + 1
        if text == "[":
            return None, at
        values[-1] += "" if text == "," else text
        if text == "," and kind == "other":
            values.append("")
    return None, at


def _words(tokens: list[Token], at: int, count: int) -> tuple[list[str], int]:
    """The next words in lower case, at most `count`, and where they end."""
    words: list[str] = []
    end = at
    while len(words) < count:
        here = _skip(tokens, end)
        if here >= len(tokens) or tokens[here][0] != "word":
            break
        words.append(tokens[here][1].lower())
        end = here + 1
    return words, end


def _skip(tokens: list[Token], at: int) -> int:
    while at < len(tokens) and tokens[at][0] == "blank":
        at += 1
    return at


def _text(tokens: list[Token], at: int) -> str:
    return tokens[at][1] if at < len(tokens) and tokens[at][0] == "other" else ""
