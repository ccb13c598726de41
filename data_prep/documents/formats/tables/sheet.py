"""Excel files: every sheet that is not hidden, row by row, as a reader sees it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from data_prep.documents.formats.archive import check_archive
from data_prep.documents.formats.notices import Notice, counted
from data_prep.documents.formats.parsed import (
    Parsed,
    clean,
    join_pages,
    reading,
)
from data_prep.documents.formats.tables.grid import Grid
from data_prep.documents.formats.tables.rows import paragraphs
from data_prep.documents.formats.tables.workbook import SheetPart, Workbook

_WORKSHEET = "worksheet"
_NAMED = 5  # sheets that a notice names


def parse_xlsx(data: bytes) -> Parsed:
    """Every visible sheet as a headed list of rows; a sheet's number is its page.

    Values stand as their number format shows them, formulas as their stored result. Hidden sheets, rows
    and columns, error values, comments and formulas without a result are left out, with a notice.
    """
    check_archive(data)
    with reading("Excel file"):
        book = Workbook(data)
        notices = list(_of_book(book))
        texts = []
        for sheet in book.sheets:
            grid = Grid(book, sheet.path)
            readable = not sheet.hidden and sheet.kind == _WORKSHEET and book.has(sheet.path)
            texts.append(_text(sheet, grid) if readable else "")
            notices += lost_cells(
                sheet.name,
                grid.uncalculated,
                grid.errors,
                grid.hidden_rows,
                len(grid.hidden_columns),
            )
        title = clean(book.title)
    joined = join_pages(title, texts, {"sheets": len(texts)})
    return replace(joined, markdown=True, separate=True, notices=tuple(notices))


def _text(sheet: SheetPart, grid: Grid) -> str:
    found = list(paragraphs(grid.rows()))
    return clean("\n\n".join([f"# {sheet.name}", *found])) if found else ""


def _of_book(book: Workbook) -> Iterator[Notice]:
    yield from hidden_sheets([sheet.name for sheet in book.sheets if sheet.hidden])
    charts = [sheet.name for sheet in book.sheets if not sheet.hidden and sheet.kind != _WORKSHEET]
    if charts:
        yield Notice("sheets without cells", f"only charts or macros, left out: {_listed(charts)}")
    comments = book.comments()
    if comments:
        yield Notice("cell comments", f"{counted(comments, 'comment')} on cells left out")


def hidden_sheets(names: Sequence[str]) -> Iterator[Notice]:
    """A notice of sheets that nobody sees; none when there are none."""
    if names:
        text = f"{counted(len(names), 'hidden sheet')} left out: {_listed(names)}"
        yield Notice("hidden sheets", text)


def lost_cells(
    name: str, formulas: int, errors: Mapping[str, int], rows: int, columns: int
) -> Iterator[Notice]:
    """Notices of one sheet: formulas without a result, error values by text, hidden rows and columns."""
    if formulas:
        have = "has" if formulas == 1 else "have"
        text = f"{counted(formulas, 'formula')} of sheet {name} {have} no stored result: open and save it "
        yield Notice("formulas without values", f"{text}in a spreadsheet program")
    if errors:
        count = counted(sum(errors.values()), "error value")
        text = f"{count} of sheet {name} left out, such as {next(iter(errors))}"
        yield Notice("error values", text)
    hidden = [counted(n, what) for n, what in ((rows, "row"), (columns, "column")) if n]
    if hidden:
        yield Notice("hidden cells", f"hidden in sheet {name}, left out: {', '.join(hidden)}")


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
