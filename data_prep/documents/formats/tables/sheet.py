"""Excel files: every sheet that is not hidden, row by row, as a reader sees it."""

from collections.abc import Iterator
from dataclasses import replace

from data_prep.documents.formats.archive import check_archive
from data_prep.documents.formats.parsed import (
    FAULTS,
    Notice,
    Parsed,
    ParseError,
    clean,
    join_pages,
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
    try:
        book = Workbook(data)
        notices = list(_of_book(book))
        texts = []
        for sheet in book.sheets:
            grid = Grid(book, sheet.path)
            readable = not sheet.hidden and sheet.kind == _WORKSHEET and book.has(sheet.path)
            texts.append(_text(sheet, grid) if readable else "")
            notices += _of_sheet(sheet.name, grid)
        title = clean(book.title)
    except FAULTS as error:
        if isinstance(error, ParseError):
            raise
        raise ParseError(
            f"Excel file is damaged: {str(error)[:200] or type(error).__name__}"
        ) from error
    joined = join_pages(title, texts, {"sheets": len(texts)})
    return replace(joined, markdown=True, separate=True, notices=tuple(notices))


def _text(sheet: SheetPart, grid: Grid) -> str:
    found = list(paragraphs(grid.rows()))
    return clean("\n\n".join([f"# {sheet.name}", *found])) if found else ""


def _of_book(book: Workbook) -> Iterator[Notice]:
    hidden = [sheet.name for sheet in book.sheets if sheet.hidden]
    if hidden:
        yield Notice(
            "hidden sheets", f"{_counted(len(hidden), 'hidden sheet')} left out: {_listed(hidden)}"
        )
    charts = [sheet.name for sheet in book.sheets if not sheet.hidden and sheet.kind != _WORKSHEET]
    if charts:
        yield Notice("sheets without cells", f"only charts or macros, left out: {_listed(charts)}")
    comments = book.comments()
    if comments:
        yield Notice("cell comments", f"{_counted(comments, 'comment')} on cells left out")


def _of_sheet(name: str, grid: Grid) -> Iterator[Notice]:
    if grid.uncalculated:
        have = "has" if grid.uncalculated == 1 else "have"
        yield Notice(
            "formulas without values",
            f"{_counted(grid.uncalculated, 'formula')} of sheet {name} {have} no stored result: open "
            "and save it in a spreadsheet program",
        )
    if grid.errors:
        first = next(iter(grid.errors))
        count = _counted(grid.errors.total(), "error value")
        yield Notice("error values", f"{count} of sheet {name} left out, such as {first}")
    hidden = [
        _counted(count, what)
        for count, what in ((grid.hidden_rows, "row"), (len(grid.hidden_columns), "column"))
        if count
    ]
    if hidden:
        yield Notice(
            "hidden rows and columns", f"hidden in sheet {name}, left out: {', '.join(hidden)}"
        )


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
