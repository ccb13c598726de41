"""Commands and environments of LaTeX that mean something for the words of a text."""

SECTIONS = {
    "part": 1, "chapter": 1, "section": 2, "subsection": 3, "subsubsection": 4, "paragraph": 5,
    "subparagraph": 6,
    "frametitle": 2,
}  # fmt: skip
VERBATIM = frozenset(
    ("verbatim", "lstlisting", "minted", "Verbatim", "alltt", "code", "BVerbatim", "listing")
)
FORMULAS = frozenset((
    "equation", "align", "gather", "multline", "eqnarray", "displaymath", "math", "alignat", "flalign",
    "array",
))  # fmt: skip
# combining characters
ACCENTS = {
    "'": "\u0301", "`": "\u0300", "^": "\u0302", '"': "\u0308", "~": "\u0303", "=": "\u0304", ".": "\u0307",
    "u": "\u0306", "v": "\u030c", "H": "\u030b", "c": "\u0327", "k": "\u0328", "r": "\u030a", "d": "\u0323",
    "b": "\u0331",
}  # fmt: skip
SIGNS = {
    "ldots": "...", "dots": "...", "textellipsis": "...", "ss": "ß", "ae": "æ", "AE": "Æ", "oe": "œ",
    "OE": "Œ",
    "o": "ø", "O": "Ø", "aa": "å", "AA": "Å", "l": "ł", "L": "Ł", "i": "ı", "S": "§", "P": "¶",
    "copyright": "©",
    "pounds": "£", "euro": "€", "texteuro": "€", "textendash": "–", "textemdash": "—", "textbackslash": "\\",
    "textasciitilde": "~", "textasciicircum": "^", "textquoteleft": "‘", "textquoteright": "’",
    "textbar": "|",
    "textquotedblleft": "“", "textquotedblright": "”", "textless": "<", "textgreater": ">", "textbullet": "•",
    "textdegree": "°", "degree": "°", "textregistered": "®", "texttrademark": "™", "TeX": "TeX",
    "LaTeX": "LaTeX",
    "LaTeXe": "LaTeX2e", "BibTeX": "BibTeX", "slash": "/", "quad": " ", "qquad": " ", "textunderscore": "_",
    "glqq": "„", "grqq": "“", "flqq": "«", "frqq": "»", "og": "«", "fg": "»", "textperiodcentered": "·",
    "linebreak": " ", "newline": " ", "hfill": " ", "space": " ", "xspace": "", "today": "",
    "textsubscript": "",
}  # fmt: skip
# commands that set how a page looks or name places, with how many arguments they have
DROPPED = {
    "label": 1, "ref": 1, "pageref": 1, "eqref": 1, "autoref": 1, "cref": 1, "Cref": 1, "index": 1,
    "vspace": 1,
    "hspace": 1, "includegraphics": 1, "usepackage": 1, "documentclass": 1, "input": 1, "include": 1,
    "bibliography": 1, "bibliographystyle": 1, "pagestyle": 1, "thispagestyle": 1, "newcommand": 2,
    "renewcommand": 2, "providecommand": 2, "newenvironment": 3, "renewenvironment": 3, "setlength": 2,
    "addtolength": 2, "setcounter": 2, "addtocounter": 2, "newtheorem": 2, "definecolor": 3, "color": 1,
    "fontsize": 2, "title": 1, "author": 1, "date": 1, "institute": 1, "nocite": 1, "rule": 2, "raisebox": 1,
    "addcontentsline": 3, "hypersetup": 1, "graphicspath": 1, "lstset": 1, "markboth": 2, "markright": 1,
    "newcounter": 1, "stepcounter": 1, "refstepcounter": 1, "phantomsection": 0, "tableofcontents": 0,
    "selectlanguage": 1, "geometry": 1, "bibitem": 1, "vskip": 0, "hskip": 0, "noindent": 0, "centering": 0,
    "newif": 0, "hyphenation": 1, "pdfinfo": 1, "sisetup": 1, "captionsetup": 1, "printbibliography": 0,
}  # fmt: skip
# commands that read arguments of their own: the method of the reader
KINDS = {
    **dict.fromkeys(SECTIONS, "section"),
    **dict.fromkeys(("footnote", "footnotetext", "thanks"), "note"),
    **dict.fromkeys(("href", "textcolor", "colorbox", "hyperref"), "link"),
    **dict.fromkeys(("cite", "citep", "citet", "parencite", "autocite", "citeauthor", "textcite"),
    "citation"),
    **dict.fromkeys(("par", "newpage", "clearpage", "maketitle", "bigskip", "medskip", "smallskip"), "break"),
    "item": "item", "verb": "verb", "caption": "caption",
}  # fmt: skip
