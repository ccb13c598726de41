"""The parts of an Excel file: its sheets, the texts that they share, their number formats.

Read from the XML itself: a library that loads workbooks refuses files whose colours or filters it does not
understand, and tells neither merged nor hidden cells when it reads row by row.
"""

import io
import posixpath
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any

from data_prep.documents.formats.office.package import parse_xml
from data_prep.documents.formats.parsed import ParseError
from data_prep.documents.formats.tables.number_formats import BUILTIN, GENERAL

Element = Any  # of lxml, which has no types

_RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
_STRICT = "{http://purl.oclc.org/ooxml/officeDocument/relationships}id"
_ESCAPE = re.compile(r"_x([0-9A-Fa-f]{4})_")
_COMMENT = re.compile(rb"<(?:\w+:)?(?:comment|threadedComment)\s")
_COMMENTS = re.compile(r"comments?\d*\.xml")


@dataclass(frozen=True, slots=True)
class SheetPart:
    """A sheet: `path` is its part in the archive; `kind` is worksheet, chartsheet or the like."""

    name: str
    hidden: bool
    path: str
    kind: str


class Workbook:
    """An open Excel file; ParseError where it has no workbook, FAULTS of lxml and zipfile on damage."""

    def __init__(self, data: bytes) -> None:
        self._archive = zipfile.ZipFile(io.BytesIO(data))
        self._parts = {_part(name): name for name in self._archive.namelist()}
        root = self._relations("")
        self._path = next((path for path, kind in root.values() if kind == "officeDocument"), "")
        self._path = self._path or "xl/workbook.xml"
        if self._path.endswith(".bin"):
            raise ParseError("is a binary Excel file (.xlsb); save it as .xlsx")
        if not self.has(self._path):
            raise ParseError("Excel file is damaged: it holds no workbook")
        book = self._tree(self._path)
        self.sheets = self._sheets(book)
        self.mac = _true(_attribute(book, "workbookPr", "date1904"))
        self.recalculated = _true(_attribute(book, "calcPr", "fullCalcOnLoad"))
        self.strings = self._strings()
        self.formats = self._formats()

    @property
    def title(self) -> str:
        """The title among the document's properties."""
        if not self.has("docProps/core.xml"):
            return ""
        return self._tree("docProps/core.xml").findtext("{*}title") or ""

    def has(self, path: str) -> bool:
        """Whether the archive has a part."""
        return _part(path) in self._parts

    def open(self, path: str) -> IO[bytes]:
        """A part's bytes."""
        return self._archive.open(self._parts[_part(path)])

    def comments(self) -> int:
        """How many comments hang on cells."""
        paths = [name for name in self._parts if _COMMENTS.search(name)]
        return sum(len(_COMMENT.findall(self.open(path).read())) for path in paths)

    def _sheets(self, book: Element) -> list[SheetPart]:
        relations = self._relations(self._path)
        sheets = []
        for sheet in book.iterfind("{*}sheets/{*}sheet"):
            path, kind = relations.get(sheet.get(_RELATION) or sheet.get(_STRICT) or "", ("", ""))
            hidden = (sheet.get("state") or "visible") != "visible"
            sheets.append(SheetPart(sheet.get("name") or "", hidden, path, kind))
        return sheets

    def _relations(self, path: str) -> dict[str, tuple[str, str]]:
        """The parts that a part refers to: id -> (path, last word of the type)."""
        folder, name = posixpath.split(path)
        own = posixpath.join(folder, "_rels", f"{name}.rels")
        if not self.has(own):
            return {}
        found = {}
        for each in self._tree(own).iterfind("{*}Relationship"):
            target = posixpath.normpath(posixpath.join("/", folder, each.get("Target") or ""))
            kind = (each.get("Type") or "").rpartition("/")[2]
            found[each.get("Id") or ""] = (target.lstrip("/"), kind)
        return found

    def _strings(self) -> list[str]:
        path = self._related("sharedStrings")
        if not path:
            return []
        with self.open(path) as file:
            return [text_of(item) for item in elements(file, "si")]

    def _formats(self) -> list[str]:
        """The format code of each cell style."""
        path = self._related("styles")
        if not path:
            return []
        styles = self._tree(path)
        codes: dict[str, str] = {str(number): code for number, code in BUILTIN.items()}
        for each in styles.iterfind("{*}numFmts/{*}numFmt"):
            codes[each.get("numFmtId") or ""] = each.get("formatCode") or GENERAL
        styles_of_cells = styles.iterfind("{*}cellXfs/{*}xf")
        return [codes.get(each.get("numFmtId") or "0", GENERAL) for each in styles_of_cells]

    def _related(self, kind: str) -> str:
        paths = (path for path, found in self._relations(self._path).values() if found == kind)
        return next((path for path in paths if self.has(path)), "")

    def _tree(self, path: str) -> Element:
        with self.open(path) as file:
            return parse_xml(file.read())


def elements(file: IO[bytes], tag: str) -> Iterator[Element]:
    """The elements of a name, one at a time: each is emptied when the next is asked for."""
    from lxml import etree

    options: dict[str, Any] = {"resolve_entities": False, "no_network": True}
    for _, element in etree.iterparse(file, events=("end",), tag=f"{{*}}{tag}", **options):
        yield element
        element.clear()
        while element.getprevious() is not None:
            del element.getparent()[0]


def text_of(item: Element) -> str:
    """The text of a rich or plain string, without the reading aids of Japanese."""
    texts = (
        part.text or ""
        for part in item.iter("{*}t")
        if not str(part.getparent().tag).endswith("}rPh")
    )
    text = "".join(texts)
    return _ESCAPE.sub(lambda code: chr(int(code[1], 16)), text) if "_x" in text else text


def _part(name: str) -> str:
    return name.replace("\\", "/").lstrip("/").lower()


def _attribute(book: Element, element: str, name: str) -> str:
    found = book.find(f"{{*}}{element}")
    return (found.get(name) or "") if found is not None else ""


def _true(text: str) -> bool:
    return text.lower() in {"1", "true", "on"}
