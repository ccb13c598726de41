"""PDFs for tests, drawn by hand: text at places, in sizes and fonts, with rules, fields and bookmarks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

FONTS = {"F1": "Helvetica", "F2": "Helvetica-Bold", "F3": "Courier", "F4": "Symbol"}


@dataclass
class Sheet:
    """A page under construction, 612 by 792 points."""

    content: list[str] = field(default_factory=list)
    annotations: list[str] = field(default_factory=list)

    def text(self, x: float, y: float, text: str, size: float = 11, font: str = "F1") -> "Sheet":
        """Text from (x, y) to the right, one `Tj`."""
        self.content.append(f"BT /{font} {size} Tf {x} {y} Td ({_escaped(text)}) Tj ET")
        return self

    def lines(self, y: float, lines: Sequence[str], x: float = 72, leading: float = 14) -> "Sheet":
        """Lines below each other."""
        for at, line in enumerate(lines):
            self.text(x, y - at * leading, line)
        return self

    def row(self, y: float, cells: Mapping[float, str], font: str = "F1") -> "Sheet":
        """Cells at their x."""
        for x, cell in cells.items():
            self.text(x, y, cell, font=font)
        return self

    def rotated(self, x: float, y: float, text: str) -> "Sheet":
        """Text that runs upwards."""
        self.content.append(f"BT /F1 11 Tf 0 1 -1 0 {x} {y} Tm ({_escaped(text)}) Tj ET")
        return self

    def box(self, x: float, y: float, width: float, height: float) -> "Sheet":
        """A grey box, as a picture of a scan."""
        self.content.append(f"0.8 g {x} {y} {width} {height} re f 0 g")
        return self

    def frame(self, x: float, y: float, width: float, height: float) -> "Sheet":
        """The border of a cell."""
        self.content.append(f"{x} {y} {width} {height} re S")
        return self

    def field(self, x: float, y: float, name: str, value: str) -> "Sheet":
        """A filled-in text field."""
        self.annotations.append(
            f"<< /Type /Annot /Subtype /Widget /FT /Tx /T ({name}) /V ({_escaped(value)}) "
            f"/Rect [{x} {y} {x + 150} {y + 16}] >>"
        )
        return self

    def checkbox(self, x: float, y: float, name: str, checked: bool) -> "Sheet":
        state = "/Yes" if checked else "/Off"
        self.annotations.append(
            f"<< /Type /Annot /Subtype /Widget /FT /Btn /T ({name}) /V {state} /AS {state} "
            f"/AP << /N << /Yes STATE /Off STATE >> >> /Rect [{x} {y} {x + 10} {y + 10}] >>"
        )
        return self

    def comment(self, text: str, kind: str = "Text") -> "Sheet":
        self.annotations.append(
            f"<< /Type /Annot /Subtype /{kind} /Contents ({_escaped(text)}) /Rect [400 400 500 420] >>"
        )
        return self


def drawn_pdf(
    sheets: Sequence[Sheet],
    title: str = "",
    bookmarks: Sequence[tuple[str, int]] = (),
    attachment: str = "",
) -> bytes:
    """The sheets as a file; `bookmarks` are (title, page from 1) of one level."""
    objects: list[str] = [""]  # the catalog, written last

    def add(text: str) -> int:
        objects.append(text)
        return len(objects)

    fonts = " ".join(
        f"/{key} {add(f'<< /Type /Font /Subtype /Type1 /BaseFont /{name}{_encoding(name)} >>')} 0 R"
        for key, name in FONTS.items()
    )
    tree = add("")
    pages, fields = [], []
    for sheet in sheets:
        drawn = add(
            "<< /Type /XObject /Subtype /Form /BBox [0 0 10 10] /Length 0 >>\nstream\n\nendstream"
        )
        notes = [add(note.replace("STATE", f"{drawn} 0 R")) for note in sheet.annotations]
        fields += [n for n, note in zip(notes, sheet.annotations, strict=True) if "/Widget" in note]
        stream = "\n".join(sheet.content)
        content = add(f"<< /Length {len(stream)} >>\nstream\n{stream}\nendstream")
        shown = " ".join(f"{note} 0 R" for note in notes)
        pages.append(
            add(
                f"<< /Type /Page /Parent {tree} 0 R /MediaBox [0 0 612 792] /Contents {content} 0 R "
                f"/Resources << /Font << {fonts} >> >> /Annots [{shown}] >>"
            )
        )
    kids = " ".join(f"{page} 0 R" for page in pages)
    objects[tree - 1] = f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>"
    form = " ".join(f"{number} 0 R" for number in fields)
    catalog = f"<< /Type /Catalog /Pages {tree} 0 R /AcroForm << /Fields [{form}] >>"
    if bookmarks:
        catalog += f" /Outlines {_outline(add, objects, bookmarks, pages)} 0 R"
    if attachment:
        stream = add("<< /Type /EmbeddedFile /Length 2 >>\nstream\nhi\nendstream")
        spec = add(
            f"<< /Type /Filespec /F ({attachment}) /UF ({attachment}) /EF << /F {stream} 0 R >> >>"
        )
        catalog += f" /Names << /EmbeddedFiles << /Names [({attachment}) {spec} 0 R] >> >>"
    objects[0] = catalog + " >>"
    info = add(f"<< /Title ({_escaped(title)}) >>") if title else 0
    return _file(objects, info)


def _outline(add, objects, bookmarks, pages) -> int:  # type: ignore[no-untyped-def]
    root = add("")
    first = len(objects) + 1
    for at, (title, page) in enumerate(bookmarks):
        more = f" /Next {first + at + 1} 0 R" if at + 1 < len(bookmarks) else ""
        target = f"[{pages[page - 1]} 0 R /Fit]"
        add(f"<< /Title ({_escaped(title)}) /Parent {root} 0 R /Dest {target}{more} >>")
    last = first + len(bookmarks) - 1
    objects[root - 1] = f"<< /First {first} 0 R /Last {last} 0 R /Count {len(bookmarks)} >>"
    return root


def _encoding(name: str) -> str:
    return "" if name == "Symbol" else " /Encoding /WinAnsiEncoding"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)")


def _file(objects: Sequence[str], info: int) -> bytes:
    body, offsets = "%PDF-1.6\n", []
    for number, text in enumerate(objects, 1):
        offsets.append(len(body))
        body += f"{number} 0 obj\n{text}\nendobj\n"
    table = "".join(f"{offset:010d} 00000 n \n" for offset in offsets)
    size = len(objects) + 1
    known = f" /Info {info} 0 R" if info else ""
    tail = f"trailer << /Size {size} /Root 1 0 R{known} >>\nstartxref\n{len(body)}\n%%EOF\n"
    return (body + f"xref\n0 {size}\n0000000000 65535 f \n{table}{tail}").encode("latin-1")
