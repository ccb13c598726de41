"""The parts of an Office file, read one by one after the whole archive was checked."""

import io
import zipfile
from collections.abc import Iterator
from typing import Any

from data_prep.documents.formats.archive import check_archive
from data_prep.documents.formats.parsed import clean


class Package:
    """A ZIP archive of XML parts. ParseError when it is a bomb, encrypted or damaged."""

    def __init__(self, data: bytes) -> None:
        check_archive(data)
        self._archive = zipfile.ZipFile(io.BytesIO(data))
        self.names = set(self._archive.namelist())

    def read(self, name: str) -> bytes:
        """The bytes of a part; KeyError when there is none."""
        return self._archive.read(name)

    def xml(self, name: str) -> Any | None:
        """The root element of a part; None when there is none. SyntaxError when it is no XML."""
        return parse_xml(self.read(name)) if name in self.names else None


def parse_xml(data: bytes) -> Any:
    """The root element, without entities of its own and without anything from outside."""
    from lxml import etree

    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, remove_comments=True, remove_pis=True
    )
    return etree.fromstring(data, parser)


def local(element: Any) -> str:
    """The name of an element without its namespace: old, strict and new files differ there."""
    tag = element.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def value(element: Any, name: str = "val") -> str:
    """An attribute by its local name; empty when it is not there."""
    if element is None:
        return ""
    for key, found in element.attrib.items():
        if key.rpartition("}")[2] == name:
            return str(found)
    return ""


def child(element: Any, *path: str) -> Any | None:
    """The first element below by local names, step by step."""
    for name in path:
        if element is None:
            return None
        element = next((found for found in element if local(found) == name), None)
    return element


def below(element: Any, name: str) -> Iterator[Any]:
    """All elements below of that local name."""
    return (found for found in element.iter() if local(found) == name)


def properties(root: Any | None) -> dict[str, str]:
    """Title, author, date and language as Office files and OpenDocument name them."""
    found: dict[str, str] = {}
    names = {"title": "title", "creator": "author", "language": "language"}
    names |= {"initial-creator": "author", "created": "date", "creation-date": "date"}
    for element in root.iter() if root is not None else ():
        name = names.get(local(element))
        words = " ".join(clean(element.text or "").split())
        if name and words and name not in found:
            found[name] = words[:300]
    return found
