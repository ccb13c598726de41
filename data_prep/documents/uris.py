"""The address of a document for citations: always a valid URI in ASCII (RFC 3986). Pure.

`url2pathname(urlsplit(uri).path)` of a file's address is its path again, to the byte: nothing is
normalised, so names that differ in NFC and NFD stay two.
"""

import os
import re
from urllib.parse import quote, unquote, urlsplit, urlunsplit

S3 = "s3://"
MAX_URI_BYTES = 4000  # below what a row of Milvus takes, see cluster/rows.py
_FILE = "file://"
_OF_RECORDS = re.compile(r"(?:https?|s3|ftp)://[^\s/?#]|file:///", re.IGNORECASE)
_VALID = re.compile(r"https?://[a-zA-Z0-9.-]+(?::\d+)?(?:[/?#][\w.~!$&'()*+,;=:@/-]*)?", re.ASCII)
_NO_ESCAPE = re.compile("%(?![0-9A-Fa-f]{2})")
_SAFE = "%/:@!$&'()*+,;=-._~"


def file_uri(path: str) -> str:
    """`/a b.md` -> `file:///a%20b.md`."""
    return _FILE + quote(os.fsencode(path))


def object_uri(bucket: str, key: str) -> str:
    """`s3://bucket/key` with the key's odd signs escaped."""
    return f"{S3}{bucket}/{quote(key, errors='replace')}"


def fragment(uri: str, part: str, number: int) -> str:
    """`part` of what a URI names; its `number` where the whole would be longer than a URI may be."""
    whole = f"{uri}#{quote(part, errors='replace')}"
    return whole if len(whole) <= MAX_URI_BYTES else f"{uri}#{number}"


def web_uri(url: object) -> str:
    """The address that a record gives, with illegal signs escaped; empty when none may be cited.

    Allowed are http, https, s3, ftp and file: a link in an answer must not run as `javascript:` would.
    """
    if isinstance(url, str) and len(url) <= MAX_URI_BYTES and _VALID.fullmatch(url):
        return url
    if not isinstance(url, str) or not _OF_RECORDS.match(url.strip()):
        return ""
    try:
        parts = urlsplit(url.strip())
        host = parts.netloc if parts.netloc.isascii() else parts.netloc.encode("idna").decode()
        rest = (_escape(parts.path), _escape(parts.query, "?"), _escape(parts.fragment, "?"))
    except ValueError:  # no such host can be, or half of a surrogate pair
        return ""
    if re.search(r"[^\w.~:@!$&'()*+,;=%\[\]-]", host):
        return ""
    uri = urlunsplit((parts.scheme.lower(), host, *rest))
    return uri if len(uri) <= MAX_URI_BYTES else ""


def path_of(location: str) -> str:
    """The path that a location names; a `file://` one may be escaped, as in a citation, or not."""
    if not location.startswith(_FILE):
        return location
    raw = location.removeprefix(_FILE).removeprefix("localhost")
    return raw if "%" not in raw or os.path.lexists(raw) else unquote(raw, errors="surrogateescape")


def _escape(part: str, more: str = "") -> str:
    return quote(_NO_ESCAPE.sub("%25", part), safe=_SAFE + more)
