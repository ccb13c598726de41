"""The marks of list items, as a reader sees them."""

from data_prep.documents.formats.html.tree import Node

_ROMAN = (
    (1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"), (50, "l"), (40, "xl"),
    (10, "x"), (9, "ix"), (5, "v"), (4, "iv"), (1, "i"),
)  # fmt: skip
MARK = "openbook-mark"  # attribute of items whose mark is known, from documents that become HTML
_MAX = 4000  # beyond it numbers stay numbers


class Markers:
    """The marks of one list, item by item."""

    def __init__(self, node: Node) -> None:
        self._ordered = node.tag == "ol"
        self._type = node.get("type").strip()
        self._step = -1 if "reversed" in node.attributes else 1
        items = sum(1 for c in node.children if isinstance(c, Node) and c.tag == "li")
        start = items if self._step < 0 else 1
        self._next = _whole(node.get("start"), start)

    def of(self, item: Node) -> str:
        """`- `, `3. ` or `c. `."""
        if MARK in item.attributes:
            return f"{item.get(MARK)} "
        if not self._ordered:
            return "- "
        number = _whole(item.get("value"), self._next)
        self._next = number + self._step
        return f"{numeral(number, self._type)}. "


def _whole(value: str, otherwise: int) -> int:
    text = value.strip()
    digits = text.removeprefix("-")
    return int(text) if digits.isascii() and digits.isdigit() and len(digits) < 8 else otherwise


def numeral(number: int, type: str) -> str:
    """A number of a list as its type (1, a, A, i, I) writes it."""
    if not 0 < number < _MAX or type not in ("a", "A", "i", "I"):
        return str(number)
    text = _roman(number) if type in "iI" else _letters(number)
    return text.upper() if type.isupper() else text


def _letters(number: int) -> str:
    """a, b, ..., z, aa, ab, ..."""
    text = ""
    while number:
        number, place = divmod(number - 1, 26)
        text = chr(ord("a") + place) + text
    return text


def _roman(number: int) -> str:
    text = ""
    for value, letters in _ROMAN:
        times, number = divmod(number, value)
        text += letters * times
    return text
