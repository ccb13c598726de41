"""A place in LaTeX source, and the arguments that stand there."""

import re


class Cursor:
    """Where reading has come to; what it takes from there, it goes past."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._at = 0

    def _argument(self) -> str:
        """The next argument in braces, or nothing where there is none."""
        found = re.compile(r"[ \t]*\n?[ \t]*\{").match(self._source, self._at)
        if found is None:
            return ""
        end = closing(self._source, found.end() - 1)
        inner, self._at = self._source[found.end() : end - 1], end
        return inner

    def _optional(self) -> str:
        found = re.compile(r"[ \t]*\[([^\[\]]{0,1000})\]").match(self._source, self._at)
        if found is None:
            return ""
        self._at = found.end()
        return found[1]

    def _until(self, name: str) -> str:
        end = self._source.find(f"\\end{{{name}}}", self._at)
        inner = self._source[self._at : end if end >= 0 else len(self._source)]
        self._at = end + len(name) + 6 if end >= 0 else len(self._source)
        return inner


def closing(source: str, at: int) -> int:
    """After the brace that closes the one at `at`; a text that never closes it ends there."""
    depth = 0
    for found in re.compile(r"\\.|[{}]", re.DOTALL).finditer(source, at):
        depth += {"{": 1, "}": -1}.get(found[0], 0)
        if depth == 0:
            return found.end()
    return len(source) + 1
