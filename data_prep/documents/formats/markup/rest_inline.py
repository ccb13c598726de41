"""The words of a line of reStructuredText, roles and references resolved."""

import re
from collections.abc import Mapping

_LITERAL = re.compile(r"(``[^`]*(?:`[^`]+)*``)")
_ROLE = re.compile(r":([\w+.-]{1,60}(?::[\w+.-]{1,60}){0,3}):`([^`]*)`|`([^`]*)`:([\w+.-]{1,60}):")
_PHRASE = re.compile(r"(?<![\w`])`([^`]+)`__?(?!\w)")
_WORD = re.compile(r"(?<![\w`:./+-])([^\W_](?:[\w.+-]*[^\W_])?)__?(?![\w`])")
_FOOTNOTE = re.compile(r"\[([\w#*.-]+)\]_(?!\w)")
_SUBSTITUTION = re.compile(r"\|([^|\s](?:[^|]*[^|\s])?)\|_{0,2}")
_ESCAPE = re.compile(r"\\(\s|.)", re.DOTALL)
_CALLED = frozenset(("func", "meth"))


def words(source: str, substitutions: Mapping[str, str]) -> str:
    """What a reader sees; emphasis and literals as Markdown has them."""
    parts = _LITERAL.split(source)
    return "".join(
        _literal(part) if at % 2 else _marked(part, substitutions) for at, part in enumerate(parts)
    )


def _literal(part: str) -> str:
    inner = part[2:-2]
    return f"`{inner}`" if inner and "`" not in inner else part


def _marked(part: str, substitutions: Mapping[str, str]) -> str:
    if "`" in part:
        part = _PHRASE.sub(_phrase, _ROLE.sub(_role, part))
    if "|" in part:
        part = _SUBSTITUTION.sub(lambda found: substitutions.get(found[1], found[0]), part)
    if "_" in part:
        part = _WORD.sub(r"\1", _FOOTNOTE.sub(r"[\1]", part))
    return _ESCAPE.sub(lambda found: found[1].strip(), part) if "\\" in part else part


def _role(found: re.Match[str]) -> str:
    name = (found[1] or found[4]).rpartition(":")[2]
    text = found[2] if found[1] else found[3]
    title, target = _named(text)
    if target:
        return title or target
    text = text.removeprefix("!")
    if text.startswith("~"):
        text = text[1:].rpartition(".")[2]
    return f"{text}()" if name in _CALLED and text and not text.endswith(")") else text


def _phrase(found: re.Match[str]) -> str:
    title, target = _named(found[1])
    return title or target


def _named(text: str) -> tuple[str, str]:
    """`title <target>` in its two parts; without a target, all of it is the title."""
    title, mark, target = text.rpartition("<")
    return (title.rstrip(), target[:-1]) if mark and target.endswith(">") else (text, "")
