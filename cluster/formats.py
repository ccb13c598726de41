"""Names of document formats, and `ingest.suffixes`, which gives them to suffixes of file names."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, get_args

from pydantic import BeforeValidator

# `record` is a line or row of a file of records, never a file
Format = Literal[
    "markdown", "mdx", "text", "html", "pdf", "docx", "pptx", "xlsx", "ods", "odt", "epub", "csv", "rst",
    "asciidoc", "org", "latex", "texinfo", "man", "rtf", "json", "notebook", "xml", "mail", "mailbox",
    "config", "code", "subtitles", "record",
]  # fmt: skip
IGNORE = "ignore"
FORMATS: tuple[Format, ...] = get_args(Format)
ALLOWED = (*sorted(set(FORMATS) - {"record"}), IGNORE)


def _check(value: Any) -> Any:
    """Suffixes in small letters with their dot -> names of formats; ValueError says what is allowed."""
    if not isinstance(value, Mapping):
        raise ValueError("must be a mapping of suffixes to formats, such as {'.story': 'markdown'}")
    return {_suffix(key): _format(key, name) for key, name in value.items()}


def _suffix(key: Any) -> str:
    suffix = str(key).strip().lower()
    suffix = suffix if suffix.startswith(".") else f".{suffix}"
    if len(suffix) < 2 or "/" in suffix or suffix.endswith("."):
        raise ValueError(f"{key!r} is no suffix of a file name; write it as '.story'")
    return suffix


def _format(key: Any, name: Any) -> str:
    if name not in ALLOWED:
        raise ValueError(f"{name!r} for {key!r} is no format; allowed are {', '.join(ALLOWED)}")
    return str(name)


SuffixFormats = Annotated[dict[str, str], BeforeValidator(_check)]
