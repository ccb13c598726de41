"""Documents for tests: real PDF and Office files made by hand, and a small mixed folder."""

import io
import struct
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from xml.sax.saxutils import escape

import openpyxl
import pptx
from pypdf import PdfReader, PdfWriter

MANUAL = """# Lamp manual

The lamp needs 7 bolts of size 4. Tighten them crosswise.

## Cleaning

Wipe the shade with a dry cloth only. Water leaves marks on the brass.
"""
PAGE = """<html><head><title>Warranty</title></head><body><nav>Home Shop</nav><main><h1>Warranty</h1>
<p>The warranty lasts 31 months from the day of purchase.</p><p>Keep the receipt.</p></main></body></html>"""


def pdf(pages: list[list[str]], title: str = "") -> bytes:
    """A PDF with the given lines on each page, in Helvetica."""
    writer = PdfWriter(io.BytesIO(_plain_pdf(pages)), full=True)
    if title:
        writer.add_metadata({"/Title": title})
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def encrypted_pdf(password: str) -> bytes:
    """A PDF that opens with `password` only."""
    writer = PdfWriter()
    writer.append(PdfReader(io.BytesIO(_plain_pdf([["secret"]]))))
    writer.encrypt(password, algorithm="RC4-128")
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def docx(paragraphs: Sequence[tuple[str, str]]) -> bytes:
    """A Word file of (style, text) paragraphs; styles are "Heading1", "Normal" and so on."""
    body = "".join(
        f'<w:p><w:pPr><w:pStyle w:val="{style}"/></w:pPr><w:r><w:t>{escape(text)}</w:t></w:r></w:p>'
        for style, text in paragraphs
    )
    names = "".join(
        f'<w:style w:type="paragraph" w:styleId="Heading{n}"><w:name w:val="heading {n}"/></w:style>'
        for n in (1, 2)
    )
    word = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
    package = "http://schemas.openxmlformats.org/package/2006"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    kind = "application/vnd.openxmlformats-officedocument.wordprocessingml"
    return packed({
        "[Content_Types].xml": f'<Types xmlns="{package}/content-types"><Default Extension="rels" '
        'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/word/document.xml" ContentType="{kind}.document.main+xml"/>'
        f'<Override PartName="/word/styles.xml" ContentType="{kind}.styles+xml"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{package}/relationships"><Relationship Id="r1" '
        f'Type="{office}/officeDocument" Target="word/document.xml"/></Relationships>',
        "word/_rels/document.xml.rels": f'<Relationships xmlns="{package}/relationships">'
        f'<Relationship Id="r1" Type="{office}/styles" Target="styles.xml"/></Relationships>',
        "word/styles.xml": f"<w:styles {word}>{names}</w:styles>",
        "word/document.xml": f"<w:document {word}><w:body>{body}</w:body></w:document>",
    })  # fmt: skip


def pptx_slides(slides: Sequence[tuple[str, str]]) -> bytes:
    """A PowerPoint file of (title, text) slides; both empty is an empty slide."""
    deck = pptx.Presentation()
    for title, text in slides:
        slide = deck.slides.add_slide(deck.slide_layouts[1])
        slide.shapes.title.text, slide.placeholders[1].text = title, text
    out = io.BytesIO()
    deck.save(out)
    return out.getvalue()


def xlsx(sheets: Mapping[str, Sequence[Sequence[object]]]) -> bytes:
    """An Excel file of named sheets."""
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(list(row))
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def packed(parts: Mapping[str, str | bytes]) -> bytes:
    """A ZIP archive, deflated."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return out.getvalue()


def zip_bomb(mib: int) -> bytes:
    """A Word file of some kilobytes whose text unpacks to so many MiB."""
    parts = {"[Content_Types].xml": "<Types/>", "word/document.xml": b" " * (mib << 20)}
    return packed(parts)


def lying_bomb(mib: int) -> bytes:
    """The same, but the archive declares one byte; zip readers believe the directory at the end."""
    data = bytearray(zip_bomb(mib))
    size = (mib << 20).to_bytes(4, "little")
    at = data.find(size)
    while at >= 0:
        data[at : at + 4] = (1).to_bytes(4, "little")
        at = data.find(size, at + 4)
    return bytes(data)


def heavy_pdf(mib: int) -> bytes:
    """A PDF of some kilobytes with a page of so many MiB of letters, each set on its own."""
    writer = PdfWriter(io.BytesIO(_plain_pdf([["x"]])), full=True)
    content = writer.pages[0].get_contents()
    letter = b"(a) Tj "
    content.set_data(b"BT /F1 12 Tf 72 720 Td " + letter * ((mib << 20) // len(letter)) + b" ET")
    writer.pages[0].replace_contents(content.flate_encode())
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def mixed_folder(folder: Path) -> Path:
    """Markdown, HTML, text and PDF, a hidden file, a picture, and two files that cannot be read."""
    (folder / "parts").mkdir(parents=True)
    (folder / "lamp.md").write_text(MANUAL, "utf-8")
    (folder / "warranty.html").write_text(PAGE, "utf-8")
    (folder / "parts" / "bolts.txt").write_text("Bolts come in sizes 2, 4 and 6.", "utf-8")
    (folder / "spec.pdf").write_bytes(
        pdf([["The lamp draws 12 watts."], ["It weighs 3 kg."]], "Spec")
    )
    (folder / "broken.pdf").write_bytes(b"%PDF-1.4 nothing after this")
    (folder / "letter.doc").write_bytes(b"\xd0\xcf\x11\xe0")
    (folder / "photo.png").write_bytes(b"\x89PNG")
    (folder / ".hidden.md").write_text("# Not for readers", "utf-8")
    return folder


def _plain_pdf(pages: list[list[str]]) -> bytes:
    kids = " ".join(f"{4 + 2 * n} 0 R" for n in range(len(pages)))
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    for n, lines in enumerate(pages):
        shown = "\n".join(f"({line}) Tj T*" for line in lines)
        stream = f"BT /F1 12 Tf 14 TL 72 720 Td\n{shown}\nET"
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents {5 + 2 * n} 0 R "
            "/Resources << /Font << /F1 3 0 R >> >> >>"
        )
        objects.append(f"<< /Length {len(stream)} >>\nstream\n{stream}\nendstream")
    body, offsets = "%PDF-1.4\n", []
    for number, text in enumerate(objects, 1):
        offsets.append(len(body))
        body += f"{number} 0 obj\n{text}\nendobj\n"
    table = "".join(f"{offset:010d} 00000 n \n" for offset in offsets)
    size = len(objects) + 1
    tail = f"trailer << /Size {size} /Root 1 0 R >>\nstartxref\n{len(body)}\n%%EOF\n"
    return (body + f"xref\n0 {size}\n0000000000 65535 f \n{table}{tail}").encode("latin-1")


def png() -> bytes:
    """A picture of one white pixel."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        whole = kind + data
        return struct.pack(">I", len(data)) + whole + struct.pack(">I", zlib.crc32(whole))

    size = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    pixel = zlib.compress(b"\0\xff")
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size) + chunk(b"IDAT", pixel) + chunk(b"IEND", b"")
