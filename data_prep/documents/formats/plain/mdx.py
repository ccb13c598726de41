"""What only a program reads in MDX: imports, exports, comments and the tags of components."""

import re
from collections.abc import Iterable, Iterator

_FENCE = re.compile(r"\s*(`{3,}|~{3,})")
_IMPORT = re.compile(r"import\s(?:[^\"']*\sfrom\s+)?[\"'][^\"']*[\"'];?\s*$|import\s+\{\s*$")
_IMPORT_END = re.compile(r".*\bfrom\s+[\"'][^\"']*[\"'];?\s*$")
_EXPORT = re.compile(
    r"export\s+(?:const|let|var|default|function|async|class|type|interface|\{|\*)"
)
_COMMENT = re.compile(r"\{/\*.*?\*/\}")
_TAG = re.compile(r"</?(?:[A-Z][\w.]*|[a-z]+-[\w-]+)?(?:\s[^<>]*)?/?>|<[A-Z][\w.]*[^<>]*$")
_SHOWN = re.compile(
    r"\b(?:title|label|alt|summary|caption|heading|description)=[\"']([^\"']+)[\"']"
)


def without_components(lines: Iterable[str]) -> Iterator[str]:
    """The lines that readers see; words given to components as titles stay."""
    fence, until = "", ""
    for line in lines:
        mark = _FENCE.match(line)
        if fence:
            fence = "" if mark and mark[1].startswith(fence) else fence
            yield line
        elif mark:
            fence = mark[1]
            yield line
        elif until:
            until = _still(until, line)
        elif _IMPORT.match(line):
            until = "" if _IMPORT_END.match(line) or not line.rstrip().endswith("{") else "import"
        elif _EXPORT.match(line):
            until = _still("export", line)
        else:
            shown = _show(line)
            if shown.strip() or not line.strip():
                yield shown


def _still(inside: str, line: str) -> str:
    """Which statement goes on after the line; an export ends at a blank line or where it closes."""
    if inside == "import":
        return "" if _IMPORT_END.match(line) or not line.strip() else inside
    done = not line.strip() or line.rstrip().endswith((";", "}", "]", "'", '"', "`", ")"))
    return "" if done and not line.startswith((" ", "\t")) else inside


def _show(line: str) -> str:
    parts = re.split(r"(`[^`]+`)", _COMMENT.sub("", line) if "{/*" in line else line)
    return "".join(
        part if at % 2 or "<" not in part else _TAG.sub(_words, part)
        for at, part in enumerate(parts)
    )


def _words(tag: re.Match[str]) -> str:
    return " ".join(_SHOWN.findall(tag[0]))
