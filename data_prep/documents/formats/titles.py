"""Titles that say something: those of programs and templates are replaced by the name of the file."""

import re
import unicodedata
from pathlib import PurePosixPath
from urllib.parse import unquote

from data_prep.documents.formats.names import SUFFIXES, TEXT_NAMES


def _plain(words: str) -> str:
    """Small letters without accents."""
    parts = unicodedata.normalize("NFKD", words.strip().casefold())
    return unicodedata.normalize("NFC", "".join(p for p in parts if not unicodedata.combining(p)))


_CHARS = 300
_FILE = (
    r"[^/\\]{1,200}\.(?:docx?|dot[xm]?|od[tsp]|rtf|pdf|pptx?|potx?|xlsx?|xltx?|indd|qx[dp]|pages|tex|dvi|e?ps"
    r"|html?|xml|fo|txt|md|pub|vsdx?|cdr|ai|fm|book|wpd|p65|pmd|tiff?|jpe?g|png)"
)
# what programs call a document that nobody named, alone or with a number
_UNNAMED = frozenset(map(_plain, (
    "untitled", "untitled document", "untitled page", "untitled presentation",
    "untitled spreadsheet", "untitled design", "untitled notebook", "word document", "unknown",
    "unspecified", "unnamed", "document", "document title", "dokument", "unbenannt",
    "unbenanntes dokument", "sans titre", "document sans titre", "sin titulo",
    "documento sin titulo", "documento", "senza titolo", "senza nome", "documento senza titolo",
    "sem titulo", "documento sem titulo", "naamloos", "naamloos document", "namnlos", "uten navn",
    "ikke navngivet", "bez tytulu", "bez nazwy", "bez nazvu", "nimeton", "adsiz", "без названия",
    "безымянный", "документ", "无标题", "未命名", "新建文档", "文档", "無題", "無標題", "문서",
    "제목 없음", "ドキュメント", "名称未設定", "no title", "title", "the title", "titel", "titre",
    "titulo", "titolo", "your title here", "title here", "click to add title",
    "click to edit master title style", "titel durch klicken hinzufugen", "none", "null",
    "undefined", "nan", "n/a", "na", "tbd", "todo", "test", "template", "vorlage", "default",
    "blank", "new document", "neues dokument", "nouveau document", "nuevo documento", "new page",
    "page", "seite", "slide", "folie", "dia", "slajd", "スライド", "幻灯片", "diapositive",
    "diapositiva", "powerpoint presentation", "powerpoint-prasentation", "presentation powerpoint",
    "presentacion de powerpoint", "presentazione standard di powerpoint", "presentation",
    "prasentation", "presentacion", "presentazione", "presentatie", "презентация",
    "презентация powerpoint", "演示文稿", "プレゼンテーション", "workbook", "book", "mappe",
    "classeur", "libro", "cartel", "книга", "工作簿", "sheet", "tabelle", "feuille", "hoja",
    "foglio", "лист", "index", "home", "home page", "homepage", "welcome", "contents",
    "table of contents", "inhalt", "inhaltsverzeichnis", "layout", "readme", "scan",
    "scanned document", "scanned image", "img", "image", "bild", "print", "printout",
    "print preview", "druckansicht", "latex document", "latex-document", "anonymous",
    "microsoft word", "microsoft word document", "microsoft powerpoint", "microsoft excel",
    "report template", "letter", "acrobat", "pdf", "pdf document", "notebook", "stdin", "main",
    "output", "out", "temp", "tmp", "draft", "entwurf",
)))  # fmt: skip
_MADE_BY = re.compile(
    r"(?:microsoft (?:office )?(?:word|powerpoint|excel|publisher)|openoffice(?:\.org)?|libreoffice"
    r"|adobe \w+) ?[-–—:] ?",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"[\s_.#-]*(?:\(?\d{1,5}\)?|\(\w+\)|copy|kopie)?$")
_ADDRESS = re.compile(r"(?:[a-z][a-z0-9+.-]{1,20}://|www\.|mailto:|file:|cid:)\S*$", re.IGNORECASE)
_PATH = re.compile(
    r"(?:[a-z]:[\\/]|\\\\|/(?:home|users|tmp|var|usr|mnt|root|private|opt|etc|srv)/|/\S+/\S*$"
    r"|[^\s\\]+\\\S+$)",
    re.IGNORECASE,
)
_YEAR = re.compile(r"(?:19|20)\d\d")
_IS_FILE = re.compile(_FILE, re.IGNORECASE)
_HEX = re.compile(r"[0-9a-f]{8}(?:-?[0-9a-f]{4}){3}-?[0-9a-f]{12}|[0-9a-f]{32,}", re.IGNORECASE)
# files that only their folder tells apart
_PER_FOLDER = TEXT_NAMES | {"index", "main", "default", "home", "overview", "__init__"}
_SUFFIX = re.compile(r"\.[a-z0-9]{1,10}", re.IGNORECASE)
_COMPRESSED = (".gz", ".bz2", ".xz")


def usable_title(title: str, name: str) -> str:
    """The title on one line if it says what the document is about, else one from the file's name.

    `name` is the path below the source, or the id of a record. A stem stays as it is written; `index.html`
    and its like get the name of their folder.
    """
    words = " ".join(title.split())[:_CHARS]
    if _says_something(words, name):
        return words
    freed = _MADE_BY.sub("", words, count=1)
    if freed != words and _says_something(freed, name):
        return freed
    return title_of_name(name) or words


def is_placeholder(title: str) -> bool:
    """Whether a title says nothing of its document: a program's default, a file, a path, a number."""
    words = " ".join(title.split())[:_CHARS]
    plain = _plain(words)
    if not any(character.isalpha() for character in plain):
        return True
    if _NUMBER.sub("", plain.strip("()[]<>\"'")) in _UNNAMED:
        return True
    marks = (_MADE_BY.match, _ADDRESS.match, _PATH.match, _IS_FILE.fullmatch)
    return any(mark(words) for mark in marks) or _HEX.fullmatch(plain) is not None


def title_of_name(name: str) -> str:
    """A title from a path: the stem, with the folder where the stem is that of many files."""
    path = PurePosixPath(unquote(name) if "%" in name else name)
    stem = _stem(path.name)
    if _plain(stem.partition(".")[0]) in _PER_FOLDER and path.parent.name:
        stem = f"{path.parent.name}: {stem}"
    return " ".join(stem.split())[:_CHARS]


def _stem(name: str) -> str:
    for suffix in _COMPRESSED:
        name = name.removesuffix(suffix)
    path = PurePosixPath(name)
    if _plain(name.partition(".")[0]) in TEXT_NAMES and path.suffix.lower() not in SUFFIXES:
        return name  # README.Debian and README.emacs are two
    return path.stem if _SUFFIX.fullmatch(path.suffix) and not path.suffix[1:].isdigit() else name


def _says_something(words: str, name: str) -> bool:
    if is_placeholder(words):
        return _YEAR.fullmatch(words) is not None
    return _plain(words) != _plain(PurePosixPath(name).name)
