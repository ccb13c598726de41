"""Calls in code, to tell whether a document or an answer holds the very call that answers a question.

Written differently they are the same: quotation marks, spaces, named or positional arguments, their
order, and the path before the function's name. Nothing is executed and nothing has to parse: documents
hold calls between words.
"""

import re
from dataclasses import dataclass

_START = re.compile(r"([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)\s*\(")
_NAMED = re.compile(r"[A-Za-z_]\w*=(?!=)")
_MAX_CHARS = 600
_OPEN, _CLOSE, _QUOTES = "([{", ")]}", "'\""


@dataclass(frozen=True, slots=True)
class Call:
    """A function and the values it is given; `span` is where it stands."""

    function: str
    values: frozenset[str]
    span: tuple[int, int]

    def same_as(self, other: "Call") -> bool:
        """Whether both do the same."""
        return self.values == other.values and self.calls_as(other)

    def calls_as(self, other: "Call") -> bool:
        """Whether both call the same function: the shorter path decides."""
        long, short = sorted((self.function, other.function), key=len, reverse=True)
        return long == short or long.endswith(f".{short}")

    @property
    def names(self) -> frozenset[str]:
        """The texts among the values, which name what is called; all values where there is none."""
        texts = frozenset(value for value in self.values if value[0] in _QUOTES)
        return texts or self.values


def find_calls(text: str) -> list[Call]:
    """Every call with at least one argument, nested ones too."""
    found = []
    for start in _START.finditer(text):
        parts, end = _arguments(text[start.end() : start.end() + _MAX_CHARS])
        values = frozenset(value for part in parts if (value := _value(part)))
        if values:
            found.append(Call(start[1], values, (start.start(), start.end() + end)))
    return found


def answer_call(answer: str) -> Call | None:
    """The call that an answer is; None for prose, also when it mentions a call in passing."""
    whole = [call for call in find_calls(answer) if 2 * (call.span[1] - call.span[0]) > len(answer)]
    return max(whole, key=lambda call: call.span[1] - call.span[0], default=None)


def _arguments(text: str) -> tuple[list[str], int]:
    """The arguments up to the closing bracket, and where it ends; no arguments when it never does."""
    depth, quote, parts = 0, "", [""]
    for at, char in enumerate(text):
        if quote:
            quote = "" if char == quote else quote
        elif char in _QUOTES:
            quote = char
        elif char in _CLOSE and depth == 0:
            return parts, at + 1
        elif char == "," and depth == 0:
            parts.append("")
            continue
        else:
            depth += (char in _OPEN) - (char in _CLOSE)
        parts[-1] += char
    return [], 0


def _value(argument: str) -> str:
    """An argument without its name, spaces and the kind of its quotation marks."""
    bare = "".join(argument.split()).replace('"', "'")
    return _NAMED.sub("", bare, count=1) if _NAMED.match(bare) else bare
