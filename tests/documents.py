"""Documents for tests: real PDF files made by hand, and a small mixed folder."""

import io
from pathlib import Path

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


def mixed_folder(folder: Path) -> Path:
    """A folder with Markdown, HTML, text and PDF, a hidden file, and two files that cannot be read."""
    (folder / "parts").mkdir(parents=True)
    (folder / "lamp.md").write_text(MANUAL, "utf-8")
    (folder / "warranty.html").write_text(PAGE, "utf-8")
    (folder / "parts" / "bolts.txt").write_text("Bolts come in sizes 2, 4 and 6.", "utf-8")
    (folder / "spec.pdf").write_bytes(
        pdf([["The lamp draws 12 watts."], ["It weighs 3 kg."]], "Spec")
    )
    (folder / "broken.pdf").write_bytes(b"%PDF-1.4 nothing after this")
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
