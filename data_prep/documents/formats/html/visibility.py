"""What no reader sees, or sees as a control and not as text."""

import re
from collections.abc import Mapping

# never shown as text; a reader who has scripts does not see `noscript`
_UNSEEN = frozenset((
    "script", "style", "template", "noscript", "svg", "select", "datalist", "textarea", "input", "button",
    "iframe", "object", "embed", "applet", "canvas", "video", "audio", "map", "noframes", "rt", "rp", "rtc",
    "progress", "meter", "dialog", "base", "link", "param", "source", "track", "area", "annotation-xml",
))  # fmt: skip
_NO_DISPLAY = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
_FOR_SCREEN_READERS = frozenset((
    "sr-only", "visually-hidden", "visuallyhidden", "screen-reader-text", "screen-reader-only",
    "linenos", "lineno", "line-numbers", "linenumber", "linenumbers", "line-number", "rouge-gutter",
    "hljs-ln-numbers", "blob-num", "src-line-numbers", "linenodiv", "lnt", "headerlink", "permalink",
    "viewcode-link", "mw-editsection", "anchorjs-link", "hash-link", "footnote-backref", "copybtn",
    "method-click-advice", "ingroups",
))  # fmt: skip
_INLINE = frozenset(("a", "b", "em", "i", "img", "span", "strong", "code", "sup", "small"))
_TABS = re.compile(r"tab-?(?:pane|panel|content)|tabs?-(?:pane|panel|content)", re.IGNORECASE)
_SIGN = re.compile(r"[\s\u200b¶#§🔗◆❡∞⚓❖↩⮐↵^☍⌗⁋\ufe0e\ufe0f]*")
_LABEL = re.compile(
    r"\[?(?:link|permalink|permanent link|anchor|source|src|docs|edit|edit source)\]?|\[permalink\]|"
    r"(?:link|permalink|permanent link|direct link|anchor) (?:to|for) .*",
    re.IGNORECASE,
)
_PERMALINK = re.compile(r"anchor|permalink|header-?link|heading-?link|direct-?link|self-?link")
_BESIDE = frozenset(("prev", "next", "edit", "search", "contents", "index", "home", "up", "start"))


def is_invisible(tag: str, attributes: Mapping[str, str], text: str | None) -> bool:
    """Whether an element is left out; `text` is its text where that is short, else None."""
    if tag in _UNSEEN:
        return not (tag == "dialog" and "open" in attributes)
    if not attributes:
        return False
    return _is_hidden(tag, attributes) or (tag == "a" and _is_sign(attributes, text))


def _is_hidden(tag: str, attributes: Mapping[str, str]) -> bool:
    classes = attributes.get("class", "")
    if tag not in ("html", "body") and not _FOR_SCREEN_READERS.isdisjoint(classes.split()):
        return True
    if attributes.get("aria-hidden") == "true" and tag in _INLINE and "math" not in classes:
        return True
    hidden = "hidden" in attributes and attributes["hidden"] != "until-found"
    unseen = hidden or ("style" in attributes and _NO_DISPLAY.search(attributes["style"]))
    return bool(unseen) and attributes.get("role") != "tabpanel" and not _TABS.search(classes)


def _is_sign(attributes: Mapping[str, str], text: str | None) -> bool:
    """Whether a link is a mark beside a heading, not words of it."""
    if not _BESIDE.isdisjoint(attributes.get("rel", "").lower().split()):
        return True
    if not text or "href" not in attributes:
        return False
    if "#" in attributes["href"] and _SIGN.fullmatch(text):
        return True
    bracketed = text.startswith("[")
    named = _PERMALINK.search(attributes.get("class", "")) is not None
    return (bracketed or named) and _LABEL.fullmatch(text) is not None
