"""Which documents of public packages `documents` measures, and what a person says of them.

Titles, header rows and content nodes are written by hand, after a look at each document. A path ends in
`.gz` where the package has it so; `*` stands for several documents, in the order of their names.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Registry = Literal["debian", "pypi"]


@dataclass(frozen=True, slots=True)
class Html:
    """Where a generator puts what it did not make up itself: XPaths of the content and of what to leave out.

    The nodes that are left out count neither for nor against.
    """

    content: str
    without: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """A document, or several of one kind.

    `titles` are those a person would give; of HTML pages also their first heading and their `<title>`, of the
    rest the file's name, count. `tables` is where the rows of a PDF's tables are known from: a CSV file, or
    HTML pages of the same manual. `headers` names the rows of a sheet that hold its column names.
    """

    package: str
    path: str
    maker: str
    titles: tuple[str, ...] = ()
    tables: str = ""
    headers: Mapping[str, tuple[int, ...]] | None = None


_DOCBOOK_NAVIGATION = (
    ".//*[contains(@class, 'navheader') or contains(@class, 'navfooter')]|.//div[@class='toc']"
    "|.//div[@class='list-of-tables']|.//div[@class='list-of-examples']"
)
_HIDDEN = ".//script|.//style|.//nav|.//a[@class='headerlink']|.//*[@role='navigation']"
_SPHINX = Html("//*[@role='main']", _HIDDEN)
GENERATORS: Mapping[str, Html] = {
    "DocBook XSL": Html("//body", _DOCBOOK_NAVIGATION),
    "DocBook XSL, PostgreSQL": Html("//body", _DOCBOOK_NAVIGATION),
    "gtk-doc": Html(
        "//div[@class='refentry']",
        ".//script|.//div[@class='toc']|.//img|.//td[@class='listing_lines']",
    ),
    "Sphinx, classic": _SPHINX,
    "Sphinx, agogo": _SPHINX,
    "Sphinx, pydata": Html("//main", _HIDDEN + "|.//*[contains(@class, 'prev-next')]"),
    "Javadoc": Html("//main", ".//script|.//nav|.//ol[@class='sub-nav-list']"),
    "MkDocs": Html("//*[@role='main']", _HIDDEN),
    "RDoc": Html("//main", ".//nav|.//*[@class='method-source-code' or @class='method-click-advice']"),
    "LaTeX2HTML": Html("//body", ".//*[comment()[contains(., 'Navigation Panel')]]|.//address"),
    "AsciiDoc": Html("//body", ".//script|.//div[@id='toc']|.//div[@id='footer']"),
    "SQLite's own": Html("//body", ".//script|.//*[@class='nosearch']|.//*[@id='toc_sub']"),
    "Doxygen": Html(
        "//div[@id='doc-content']",
        ".//script|.//*[@class='permalink']|.//*[@class='summary' or @class='ingroups']",
    ),
    "texi2any": Html("//body", ".//*[contains(@class, 'header') or contains(@class, 'nav-panel')]"
                     "|.//a[@class='copiable-link' or @class='copiable-anchor']"
                     "|.//p[contains(., 'This document was generated on')]"),
    "rustdoc": Html("//main", ".//script|.//button|.//a[@class='anchor' or @class='srclink']"
                    "|.//*[@class='out-of-band' or @class='sub']"),
    "HEVEA": Html("//body", ".//a[img]"),
    "Apache's own": Html("//div[@id='page-content']", ".//a[@class='permalink']|.//div[@id='quickview']"
                         "|.//*[@class='toplang' or @class='bottomlang']"),
    "groff": Html("//body", ".//a[.='prev' or .='next' or .='top']"),
}  # fmt: skip

_READER = "usr/lib/R/site-library"
_DOC = "usr/share/doc"
_TABULA = "tabula_py-2.10.0/tests/resources"
_VEGA = "vega_datasets-0.9.0/vega_datasets/_data"
PINS = {"tabula-py": "2.10.0", "vega-datasets": "0.9.0", "pypdf": "7.1.1"}

PDFS = (
    Entry("debian-reference-en", "usr/share/debian-reference/debian-reference.en.pdf", "XeTeX, dblatex",
          ("Debian Reference",), tables="usr/share/debian-reference/ch*.en.html"),
    Entry("debian-policy", f"{_DOC}/debian-policy/policy.pdf.gz", "XeTeX, Sphinx",
          ("Debian Policy Manual",)),
    Entry("maint-guide", f"{_DOC}/maint-guide/maint-guide.en.pdf", "XeTeX, dblatex",
          ("Debian New Maintainers' Guide", "Debian New Maintainers’ Guide")),
    Entry("texlive-luatex", f"{_DOC}/texlive-doc/optex/base/optex-doc.pdf", "LuaTeX",
          ("OpTeX", "OpTEX", "OpTeX Format Based on Plain TeX and OPmac")),
    Entry("texlive-luatex", f"{_DOC}/texlive-doc/latex/newpax/newpax.pdf", "LuaTeX, LaTeX",
          ("The newpax package",)),
    Entry("bash-doc", f"{_DOC}/bash/bashref.pdf", "pdfTeX, Texinfo", ("Bash Reference Manual",)),
    Entry("developers-reference", "usr/share/developers-reference/developers-reference.pdf",
          "pdfTeX, Sphinx", ("Debian Developer's Reference", "Debian Developer’s Reference")),
    Entry("ghostscript-doc", f"{_DOC}/ghostscript/GS9_Color_Management.pdf", "MiKTeX",
          ("Ghostscript 9.54 Color Management", "Ghostscript Color Management")),
    Entry("debian-policy", f"{_DOC}/debian-policy/fhs/fhs-3.0.pdf.gz", "Apache FOP 1.1",
          ("Filesystem Hierarchy Standard",)),
    Entry("gnucash-docs", f"{_DOC}/gnucash-docs/gnucash-help-en.pdf.gz", "Apache FOP 2.8, DocBook",
          ("GnuCash Manual", "GnuCash Manual - The Technical Reference"),
          tables=f"{_DOC}/gnucash-docs/gnucash-help-en/*.html"),
    Entry("bash-doc", f"{_DOC}/bash/bash.pdf", "Ghostscript, groff",
          ("BASH(1)", "bash", "BASH(1) General Commands Manual")),
    Entry("r-cran-psych", f"{_READER}/psych/doc/intro.pdf", "Ghostscript, LaTeX",
          ("An introduction to the psych package: Part I: data entry and data description",
           "An introduction to the psych package: Part I", "An introduction to the psych package",
           "An introduction to the psych package: Part I: data entry and data description William Revelle")),
    Entry("groff", f"{_DOC}/groff-base/pdf/automake.pdf.gz", "gropdf",
          ("Using Automake in the Groff project", "automake")),
    Entry("python-reportlab-doc", f"{_DOC}/python-reportlab-doc/reportlab-userguide.pdf", "ReportLab",
          ("ReportLab PDF Generation User Guide", "ReportLab PDF Library User Guide",
           "ReportLab User Guide")),
    Entry("fonts-sil-charis", f"{_DOC}/fonts-sil-charis/documentation/pdf/features.pdf.gz", "cairo",
          ("Charis SIL - Font Features",)),
    Entry("fonts-sil-charis", f"{_DOC}/fonts-sil-charis/documentation/pdf/history.pdf.gz", "cairo",
          ("Charis SIL - Version History",)),
    Entry("fonts-sil-padauk", f"{_DOC}/fonts-sil-padauk/documentation/Padauk-features.pdf.gz",
          "LibreOffice", ("Font Features for Padauk", "Padauk-features", "Padauk features")),
    Entry("fonts-sil-scheherazade",
          f"{_DOC}/fonts-sil-scheherazade/documentation/Scheherazade-features.pdf.gz",
          "Word, Acrobat Distiller", ("Font Features for Scheherazade", "Scheherazade-features")),
    Entry("pypdf", "pypdf-7.1.1/resources/GeoBase_NHNC1_Data_Model_UML_EN.pdf", "Word 2010",
          ("National Hydro Network, Canada, Level 1 Data Model", "National Hydro Network, Canada, Level 1",
           "National Hydro Network, Canada, Level 1 Data Model Edition 1.0",
           "GeoBase_NHNC1_Data_Model_UML_EN", "GeoBase NHNC1 Data Model UML EN")),
    Entry("tabula-py", f"{_TABULA}/12s0324.pdf", "InDesign, Adobe PDF Library",
          ("Arrests by Sex and Age", "Table 324. Arrests by Sex and Age: 2009")),
    Entry("tabula-py", f"{_TABULA}/campaign_donors.pdf", "Quartz", ("campaign_donors", "campaign donors"),
          tables=f"{_TABULA}/campaign_donors.csv"),
    Entry("tabula-py", f"{_TABULA}/data.pdf", "MiKTeX, R", ("data",), tables=f"{_TABULA}/data_1.csv"),
)  # fmt: skip

_SCIPY = f"{_DOC}/python-scipy-doc/html"
_LANG3 = f"{_DOC}/libcommons-lang3-java/api"
HTMLS = (
    Entry("debian-reference-en", "usr/share/debian-reference/ch0[1-9].en.html", "DocBook XSL"),
    Entry("maint-guide", f"{_DOC}/maint-guide/html/[adm]*.en.html", "DocBook XSL"),
    Entry("postgresql-doc-15", f"{_DOC}/postgresql-doc-15/html/[df]*-[jsn]*.html",
          "DocBook XSL, PostgreSQL"),
    Entry("libglib2.0-doc", "usr/share/gtk-doc/html/glib/glib-[DH]*.html", "gtk-doc"),
    Entry("python3.11-doc", f"{_DOC}/python3.11/html/library/s[qt]*.html", "Sphinx, classic"),
    Entry("python3.11-doc", f"{_DOC}/python3.11/html/library/argparse.html", "Sphinx, classic"),
    Entry("debian-policy", f"{_DOC}/debian-policy/policy.html/ch-*.html", "Sphinx, agogo"),
    Entry("python-scipy-doc", f"{_SCIPY}/tutorial/*.html", "Sphinx, pydata"),
    Entry("python-scipy-doc", f"{_SCIPY}/reference/generated/scipy.stats.n*.html", "Sphinx, pydata"),
    Entry("libcommons-lang3-java-doc", f"{_LANG3}/org/apache/commons/lang3/[AR]*Utils.html", "Javadoc"),
    Entry("mkdocs-doc", f"{_DOC}/mkdocs/html/*/*.html", "MkDocs"),
    Entry("asciidoctor-doc", f"{_DOC}/asciidoctor-doc/html/Asciidoctor/[AD]*.html", "RDoc"),
    Entry("gnuplot-doc", f"{_DOC}/gnuplot/htmldocs/node3?.html", "LaTeX2HTML"),
    Entry("git-doc", f"{_DOC}/git-doc/git-[cl]*.html", "AsciiDoc"),
    Entry("sqlite3-doc", f"{_DOC}/sqlite3/[df]*.html", "SQLite's own"),
    Entry("libeigen3-doc", f"{_DOC}/libeigen3-dev/html/group__*.html", "Doxygen"),
    Entry("zsh-doc", f"{_DOC}/zsh-common/html/[CP]*.html", "texi2any"),
    Entry("cargo-doc", f"{_DOC}/cargo/doc/proc_macro2/struct.*.html", "rustdoc"),
    Entry("freefem-doc", f"{_DOC}/freefem-doc/freefem/*.html", "HEVEA"),
    Entry("apache2-doc", f"{_DOC}/apache2-doc/manual/en/mod/mod_[al]*.html", "Apache's own"),
    Entry("groff", f"{_DOC}/groff-base/html/*.html", "groff"),
)  # fmt: skip

_X = f"{_READER}/readxl/extdata"
SHEETS = (
    Entry("r-cran-readxl", f"{_X}/datasets.xlsx", "Excel", headers={"*": (1,)}),
    Entry("r-cran-readxl", f"{_X}/deaths.xlsx", "Excel", headers={"*": (5,)}),
    Entry("r-cran-readxl", f"{_X}/geometry.xlsx", "Excel"),
    Entry("r-cran-readxl", f"{_X}/type-me.xlsx", "Excel", headers={"*": (1,)}),
    Entry("r-cran-readxl", f"{_X}/clippy.xlsx", "Excel",
          headers={"list-column": (1,), "two-row-header": (1, 2)}),
    Entry("r-cran-openxlsx", f"{_READER}/openxlsx/extdata/readTest.xlsx", "Excel"),
    Entry("r-cran-openxlsx", f"{_READER}/openxlsx/extdata/loadExample.xlsx", "Excel"),
)  # fmt: skip
CSVS = (
    Entry("vega-datasets", f"{_VEGA}/*.csv", "CSV"),
    Entry("tabula-py", f"{_TABULA}/campaign_donors.csv", "CSV"),
    Entry("asymptote-doc", f"{_DOC}/asymptote/examples/diatom.csv", "CSV"),
)
