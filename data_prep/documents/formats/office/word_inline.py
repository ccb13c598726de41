"""The text of a Word paragraph as inline HTML: what a reader of the printed page sees."""

from collections.abc import Callable
from html import escape
from typing import Any

from data_prep.documents.formats.office.package import below, child, local, value

# deleted and moved text, remarks, codes of fields, reading aids, settings
_UNSEEN = frozenset((
    "del", "moveFrom", "instrText", "delText", "delInstrText", "commentReference", "annotationRef",
    "pPr", "rPr", "sdtPr", "sdtEndPr", "footnoteRef", "endnoteRef", "rt", "softHyphen", "fldData", "ffData",
    "lastRenderedPageBreak", "tblPr", "tblGrid", "sectPr", "ctrlPr", "rubyPr", "object",
))  # fmt: skip
_SIGNS = {"tab": " ", "ptab": " ", "cr": "<br>", "noBreakHyphen": "-"}
_PRIVATE = range(0xF000, 0xF100)  # signs of symbol fonts, which mean nothing in others


class Inline:
    """Collects text, the ids of notes, text boxes and pictures of paragraphs."""

    def __init__(self) -> None:
        self.notes: list[tuple[str, str]] = []  # kind and id, in the order of their numbers
        self.boxes: list[Any] = []  # contents of text boxes, which stand beside the text
        self.pictures = 0

    def html(self, paragraph: Any) -> str:
        """The words of a paragraph, or of anything inside of one."""
        return "".join(self._part(part) for part in paragraph)

    def _part(self, part: Any) -> str:
        name = local(part)
        if name in _UNSEEN or name.endswith("Pr"):
            return ""
        if name in _SIGNS:
            return _SIGNS[name]
        read = _READERS.get(name)
        return read(self, part) if read else self.html(part)

    def _run(self, run: Any) -> str:
        settings = child(run, "rPr")
        hidden = child(settings, "vanish")
        if hidden is not None and value(hidden) not in ("0", "false"):
            return ""
        text = self.html(run)
        raised = value(child(settings, "vertAlign"))
        if raised in ("superscript", "subscript") and not text.startswith("<sup>"):
            tag = raised[:3]
            text = f"<{tag}>{text}</{tag}>"
        bold = child(settings, "b")
        return f"<b>{text}</b>" if bold is not None and value(bold) not in ("0", "false") else text

    def _note(self, part: Any) -> str:
        self.notes.append((local(part).removesuffix("Reference"), value(part, "id")))
        return f"<sup>[{len(self.notes)}]</sup>"

    def _alternative(self, part: Any) -> str:
        """The newer of two forms of a drawing."""
        chosen = child(part, "Choice")
        if chosen is None or not any(True for _ in below(chosen, "drawing")):
            chosen = child(part, "Fallback") if chosen is None else chosen
        return self.html(chosen) if chosen is not None else ""

    def _drawing(self, part: Any) -> str:
        self.boxes += below(part, "txbxContent")
        pictures = [e for e in part.iter() if local(e) in ("blip", "imagedata")]
        self.pictures += len(pictures)
        described = (
            value(e, "descr") or value(e, "alt")
            for e in part.iter()
            if local(e) in ("docPr", "shape")
        )
        words = next((text for text in described if text.strip()), "")
        return f'<img alt="{escape(words)}">' if words else ""


def _break(part: Any) -> str:
    return "<br>" if value(part, "type") in ("", "textWrapping") else " "


def _symbol(part: Any) -> str:
    code = int(value(part, "char") or "0", 16)
    return "" if code in _PRIVATE or code < 32 else escape(chr(code))


_READERS: dict[str, Callable[[Inline, Any], str]] = {
    "t": lambda inline, part: escape(part.text or ""),
    "r": Inline._run,
    "br": lambda inline, part: _break(part),
    "sym": lambda inline, part: _symbol(part),
    "footnoteReference": Inline._note,
    "endnoteReference": Inline._note,
    "AlternateContent": Inline._alternative,
    "drawing": Inline._drawing,
    "pict": Inline._drawing,
    "oMath": lambda inline, part: escape(formula(part)),
}


def formula(element: Any) -> str:
    """A formula on one line: (a)/(b), x^2, a_1, √(x)."""
    name = local(element)
    if name == "t":
        return element.text or ""
    parts = [(local(part), formula(part)) for part in element if not local(part).endswith("Pr")]
    named = dict(parts)
    match name:
        case "f":
            return f"({named.get('num', '')})/({named.get('den', '')})"
        case "sSup":
            return f"{named.get('e', '')}^{named.get('sup', '')}"
        case "sSub":
            return f"{named.get('e', '')}_{named.get('sub', '')}"
        case "rad":
            return f"√({named.get('e', '')})"
    return "".join(text for _, text in parts)
