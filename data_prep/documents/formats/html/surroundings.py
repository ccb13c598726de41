"""Names by which the generators of pages call what surrounds their content."""

import re

from data_prep.documents.formats.html.tree import Node

_AROUND = re.compile(
    r"nav-?(?:header|footer|bar|path|panel|row|chapters|wrapper|menu|links?|next|prev|toggle|list|top|bottom)?|"
    r"navbar.*|navigation.*|navlink.*|(?:top|bottom|sub|side|main|mobile|footer|site|page|doc|global|post|"
    r"prev-next|md|bd|vp|theme)[-_]?nav(?:igation|bar)?(?:[-_]{1,2}\w*)?|wy-nav-(?:side|top)|wy-menu.*|"
    r"(?:md|bd|vp|theme|page|site|global|main|post)[-_]{0,2}(?:footer|sidebar|tabs|search|source|skip|announce)(?:[-_].*)?|"
    r"(?:md|bd|site|global)-header(?:[-_].*)?|"
    r"skip-?(?:to-?)?(?:link|nav|content|main|navigation)s?|skipnav|"
    r"(?:.*-)?breadcrumbs?(?:[-_].*)?|pagination.*|pager|paginator|(?:.*-)?prev-?next(?:-.*)?|rst-footer-buttons|"
    r"edit-?(?:this-?)?(?:page|link|button|on-github).*|.*editsection|page-?source|view-?source|back-?to-?top|"
    r"noprint|social(?:-.*)?|share(?:-.*|d-links)?|sharing|sharedaddy|addthis.*|advert.*|ads?|ad-(?:banner|slot|unit|box)|"
    r"banner-ad|newsletter(?:-.*)?|subscribe(?:-.*)?|"
    r"search-?(?:box|form|bar|field|input|results?|wrapper|container|area)?|m?search(?:box|bar).*|"
    r"menu-?bar|footer(?:-.*)?|colophon|copyright|printfooter|md-content__button|jump-?links?|mw-jump.*|"
    r"navbox.*|catlinks|sphinxsidebar.*|buttons?|action-?bar|toolbar",
    re.IGNORECASE,
)  # fmt: skip
_ASKS = re.compile(
    r"(?:.*[-_])?cookies?(?:-?law)?[-_]?(?:banner|notice|consent|bar|info|popup|modal|message|dialog|overlay|"
    r"alert|settings|container|wrapper|prompt)(?:[-_].*)?|cookies?|cookie-?consent.*|cookiebot.*|cybot.*|onetrust.*|"
    r"(?:.*[-_])?(?:consent|gdpr)(?:[-_].*)?|cc-(?:window|banner|main)|usercentrics.*|didomi.*|qc-cmp.*",
    re.IGNORECASE,
)  # fmt: skip
# left out where they hold links more than words
_LINKS = re.compile(
    r".*sidebar.*|toc|toc-(?!tree).*|.*-toc|table-?of-?contents|(?:short|full|summary|summary-)?contents|"
    r"contents_\w+|menu|.*-menu|.*-menu-.*|related.*|side|secondary|widget.*|local-toc|masthead",
    re.IGNORECASE,
)
_CONTENTS = re.compile(r"(?:.*-)?toc|table-?of-?contents|(?:short|full)?contents", re.IGNORECASE)
_SMALL_LINKS = re.compile(
    r"header|.*-header|top|top-?bar|tags|categories|local|quick-?links|left|right|summary|topics?|element-?links|"
    r"index-?links|toplang|button-?group|lang(?:uage)?s?(?:-.*)?|node|node-?header|up|links?",
    re.IGNORECASE,
)
_ROLES = frozenset((
    "navigation", "search", "contentinfo", "dialog", "alertdialog", "menu", "menubar", "toolbar", "doc-toc",
    "doc-pagelist",
))  # fmt: skip
_REMARKS = re.compile(
    r"admonition.*|note.*|tip|warning|callout.*|alert.*|topic|foot-?note.*|sidebar|sidenote.*|epigraph"
)
_BOXES = frozenset((
    "div", "ul", "ol", "dl", "table", "section", "aside", "header", "p", "td", "form", "nav", "footer", "li",
    "center", "menu", "tr", "h6",
))  # fmt: skip
_QUOTES = frozenset(("blockquote", "figure"))  # their footer says who said it
_LINKED = 0.5  # share of characters in links above which a block is a list of links
_ALL_LINKED = 0.8  # the same of a menu, beside numbers and labels
_LONG = 1500  # characters outside of links that nothing beside the content has
_SHORT = 200


def surely_around(node: Node, inside: bool) -> bool:
    """Whether an element says itself that it is no content; `inside`: below `main` or `article`."""
    if node.tag == "nav" or node.get("role") in _ROLES:
        return True
    if node.tag == "footer" and not (node.parent and node.parent.tag in _QUOTES):
        return True
    if node.tag == "aside" and not inside and not any(map(_REMARKS.fullmatch, node.classes)):
        return True
    if node.tag == "form" and _is_search(node):
        return True
    return node.tag in _BOXES and any(map(_ASKS.fullmatch, _names(node))) and _is_box(node)


def named_around(node: Node) -> bool:
    """Whether an element is called, and looks, like something beside the content."""
    if node.tag not in _BOXES:
        return False
    words = node.size - node.linked
    if words > _LONG:
        return False
    dense = node.linked > _LINKED * node.size
    if node.tag == "header" and "heading" not in node.holds and (dense or node.size < _SHORT):
        return True
    names = _names(node)
    if any(map(_AROUND.fullmatch, names)):
        return dense or "heading" not in node.holds or words < _SHORT
    if node.tag == "table" and "related" in names:
        return False
    if dense and any(map(_LINKS.fullmatch, names)):
        return True
    return dense and not node.holds - {"table"} and any(map(_SMALL_LINKS.fullmatch, names))


def is_navigation(node: Node) -> bool:
    """Whether an element is a menu by its own word and holds links only, however many."""
    if node.linked <= _ALL_LINKED * node.size or node.tag in ("main", "article"):
        return False
    if node.tag == "nav" or node.get("role") == "navigation":
        return True
    names = _names(node)
    return any("sidebar" in name.lower() or _AROUND.fullmatch(name) for name in names)


def is_table_of_contents(node: Node) -> bool:
    """Whether an element is called after the contents of a page, which are all that some pages hold."""
    return any(map(_CONTENTS.fullmatch, _names(node)))


def _names(node: Node) -> list[str]:
    """Classes, and the id where it is no anchor of a section."""
    if "section" in node.classes or node.tag == "section" or not node.get("id"):
        return node.classes
    return [*node.classes, node.get("id")]


def _is_box(node: Node) -> bool:
    """Not a chapter on cookies."""
    return node.size - node.linked < 2 * _LONG


def _is_search(node: Node) -> bool:
    named = node.get("role") + node.get("action") + node.get("class") + node.get("id")
    return "search" in named.lower() and node.size < _SHORT
