"""Patterns of locations, as a shell has them: `docs/**/*.md`. Pure."""

import re

from cluster.errors import InputError

_MAGIC = re.compile(r"[*?\[]")
_TOKENS = {"**/": "(?:[^/]+/)*", "**": ".*", "*": "[^/]*", "?": "[^/]"}


class Pattern:
    """A glob on names below a folder; empty is everything."""

    def __init__(self, pattern: str) -> None:
        self._whole = _translate(pattern)
        parts = [] if re.search(r"\[[^\]]*/", pattern) else pattern.split("/")
        deep = next((n for n, part in enumerate(parts) if "**" in part), None)
        self._any_depth = not (pattern and parts) or deep is not None
        self._folders = [_translate(part) for part in parts[: -1 if deep is None else deep]]

    def matches(self, name: str) -> bool:
        """Whether a file is meant."""
        return self._whole.fullmatch(name) is not None

    def reaches(self, folder: str) -> bool:
        """Whether files in a folder can be meant, where those of the folder around it can."""
        depth = folder.count("/")
        if depth >= len(self._folders):
            return self._any_depth
        return self._folders[depth].fullmatch(folder.rpartition("/")[2]) is not None


def split_pattern(parts: list[str]) -> tuple[list[str], str]:
    """The parts before the first one with a wildcard, and the rest; no rest without a wildcard."""
    first = next((n for n, part in enumerate(parts) if _MAGIC.search(part)), len(parts))
    return parts[:first], "/".join(parts[first:])


def _translate(pattern: str) -> re.Pattern[str]:
    """`**/` is any folders, `*` and `?` stay inside one."""
    out = []
    for token in re.findall(r"\*\*/|\*\*|\*|\?|\[!?[^\]]+\]|.", pattern, re.DOTALL):
        if len(token) > 2 and token.startswith("["):
            negated = token[1] == "!"
            inside = token[2:-1] if negated else token[1:-1]
            out.append(f"[{'^/' if negated else ''}{inside.replace(chr(92), chr(92) * 2)}]")
        else:
            out.append(_TOKENS.get(token) or re.escape(token))
    try:
        return re.compile("".join(out) if pattern else ".*", re.DOTALL)
    except re.error as error:
        raise InputError(f"pattern {pattern!r} is not valid: {error}") from error
