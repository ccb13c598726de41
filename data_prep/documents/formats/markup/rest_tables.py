"""Tables of reStructuredText -> rows of cells and how many of them are headers."""

import csv
import io
import re
from collections.abc import Sequence
from itertools import pairwise

Table = tuple[list[list[str]], int | None]
_BORDER = re.compile(r"\+[-=+]+\+\s*$")
_RULE = re.compile(r"=+(?:[ \t]+=+)*[ \t]*$")


def grid_table(lines: Sequence[str]) -> Table:
    """Cells between `|`, rows between lines of `-`; below a line of `=` the header ends."""
    edges = [at for at, character in enumerate(lines[0].rstrip()) if character == "+"]
    rows: list[list[str]] = []
    header: int | None = 0
    cells = [""] * (len(edges) - 1)
    for line in lines[1:]:
        if not line.startswith("+") and not _part_border(line, edges):
            _add(cells, line, edges)
            continue
        if any(cells):
            rows.append(_repeated(cells, rows, line, edges))
        cells = [""] * (len(edges) - 1)
        if "=" in line and _BORDER.match(line):
            header = len(rows)
    return rows, header


def simple_table(lines: Sequence[str]) -> Table:
    """Columns below `===`; a row begins where the first column has text."""
    starts = [found.start() for found in re.finditer(r"=+", lines[0])]
    borders = [at for at, line in enumerate(lines) if _RULE.match(line)]
    header_end = borders[1] if len(borders) > 2 else 0
    rows: list[list[str]] = []
    header = 0
    fresh = True
    for at, line in enumerate(lines[1:], 1):
        if at in borders[:3] and _RULE.match(line):
            header = len(rows) if at == header_end else header
        elif re.fullmatch(r"[- \t]*-[- \t]*", line) and header_end == 0:
            continue
        elif not line.strip():
            fresh = True
        else:
            cells = _cut(line, starts)
            if cells[0] or not rows or fresh:
                rows.append(cells)
            else:
                rows[-1] = [
                    " ".join(filter(None, pair)) for pair in zip(rows[-1], cells, strict=True)
                ]
            fresh = False
    return rows, header


def csv_table(lines: Sequence[str], header: str, header_rows: int, delimiter: str) -> Table:
    """Values between commas, or whatever the directive names."""
    mark = {"tab": "\t", "space": " "}.get(delimiter, delimiter[:1] or ",")
    top = list(csv.reader([header], delimiter=mark, skipinitialspace=True)) if header else []
    source = io.StringIO("\n".join(lines))
    rows = list(csv.reader(source, delimiter=mark, skipinitialspace=True))
    return [*top, *rows], len(top) + header_rows


def list_table(items: Sequence[str], header_rows: int) -> Table:
    """A list of rows that are lists of cells, given as lines without their outer indentation."""
    rows: list[list[str]] = []
    for line in items:
        found = re.match(r"([*+-])\s+([*+-])(?:\s+(.*))?$|\s+([*+-])(?:\s+(.*))?$", line)
        if found and found[1]:
            rows.append([found[3] or ""])
        elif found and rows:
            rows[-1].append(found[5] or "")
        elif rows and line.strip():
            rows[-1][-1] = f"{rows[-1][-1]} {line.strip()}".strip()
    return rows, header_rows


def _cut(line: str, starts: Sequence[int]) -> list[str]:
    ends = [*starts[1:], len(line)]
    cells = [line[start:end] for start, end in zip(starts, ends, strict=True)]
    for at in range(1, len(cells)):  # text over a border belongs to both columns: keep it whole
        if cells[at - 1] and not cells[at - 1][-1:].isspace() and cells[at][:1].strip():
            cells[at - 1], cells[at] = cells[at - 1] + cells[at], ""
    return [cell.strip() for cell in cells]


def _add(cells: list[str], line: str, edges: Sequence[int]) -> None:
    """The parts of a line between the edges; where no `|` stands on an edge, a cell is wider."""
    column, start = 0, edges[0] + 1
    for at, edge in enumerate(edges[1:]):
        if line[edge : edge + 1] in ("|", "+", "") or at == len(edges) - 2:
            part = line[start:edge].strip()
            if part and not set(part) <= set("-=+"):
                cells[column] = f"{cells[column]} {part}".strip()
            column, start = at + 1, edge + 1


def _part_border(line: str, edges: Sequence[int]) -> bool:
    """Whether a line ends some of the cells while others go on."""
    parts = [line[a + 1 : b].strip() for a, b in pairwise(edges)]
    return any(part and set(part) == {"-"} and len(part) > 2 for part in parts) and "+" in line


def _repeated(
    cells: list[str], rows: Sequence[list[str]], border: str, edges: Sequence[int]
) -> list[str]:
    """A row whose empty cells under a cell that went on have its text."""
    if not rows or all(cells):
        return cells
    return [cell or (rows[-1][at] if at == 0 else "") for at, cell in enumerate(cells)]
