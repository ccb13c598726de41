"""What the names of files say about their format."""

import re

from cluster.formats import Format

_CODE = (
    ".asm .awk .bash .bat .bib .c .cc .clj .cmake .cpp .cs .csh .cu .cxx .d .dart .diff .el .erl .ex .exs "
    ".f .f90 .fish .fs .go .gradle .graphql .groovy .h .hh .hpp .hs .java .jl .js .jsx .kt .kts .lisp "
    ".lua .m4 .mjs .mk .ml .mli .nim .nix .pas .patch .php .pl .pm .proto .ps1 .py .pyi .pyx .r .rb .rs .s "
    ".scala .scm .sh .sol .sql .swift .tcl .tf .thrift .ts .tsx .v .vb .vhdl .vim .vue .zig .zsh "
    ".css .scss .less .perl"
)
_MANY: dict[Format, str] = {
    "markdown": ".md .markdown .mdown .mdwn .mkd .mkdn .qmd .rmd .ronn",
    "mdx": ".mdx",
    "text": ".txt .text .log .out .lst .tab .changes .pod .nfo .me .wiki .mediawiki .textile .t2t .po .pot",
    "csv": ".csv .tsv",
    "html": ".html .htm .xhtml",
    "pdf": ".pdf", "docx": ".docx", "pptx": ".pptx", "xlsx": ".xlsx .xlsm .xltx",
    "ods": ".ods .ots", "odt": ".odt .ott", "epub": ".epub",
    "rst": ".rst .rest",
    "asciidoc": ".adoc .asciidoc .asc",
    "org": ".org",
    "latex": ".tex .latex .ltx",
    "texinfo": ".texi .texinfo .txi",
    "man": ".1 .2 .3 .4 .5 .6 .7 .8 .9 .man .mdoc .roff",
    "rtf": ".rtf",
    "json": ".json .jsonc .json5 .geojson .webmanifest",
    "notebook": ".ipynb",
    "xml": ".xml .docbook .dbk .dita .rss .atom .xsd .xsl .xslt .wsdl",
    "mail": ".eml",
    "mailbox": ".mbox",
    "config": ".yaml .yml .toml .ini .cfg .conf .properties .editorconfig .service",
    "subtitles": ".srt .vtt",
    "code": _CODE,
}  # fmt: skip
SUFFIXES: dict[str, Format] = {
    suffix: format for format, suffixes in _MANY.items() for suffix in suffixes.split()
}
# sections of man pages with letters of their own: `open.3pm`, `config.5ssl`; no archive, film or model
MAN_SECTION = re.compile(r"\.(?!3g[p2]|3ds|3mf|7z)[1-9][a-z]{1,10}")
# suffixes that say how a file is compressed; its format stands before them
COMPRESSED = frozenset((".gz", ".bz2", ".xz"))
# endings of files that a program or a person makes the file from; its format stands before them too
TEMPLATES = frozenset(
    (".dist", ".example", ".in", ".j2", ".jinja", ".sample", ".template", ".tmpl")
)
# names of texts that come with suffixes of their own: README.Debian, CHANGES.2, LICENSE.MIT
TEXT_NAMES = frozenset((
    "authors", "bugs", "changelog", "changes", "contributing", "contributors", "copying", "copyright",
    "credits", "dockerfile", "faq", "hacking", "history", "install", "license", "licence", "maintainers",
    "makefile", "news", "notice", "readme", "release", "thanks", "todo", "upgrading", "vagrantfile",
))  # fmt: skip
PAGES = frozenset((".html", ".htm", ".xhtml"))
# styles and programs of web pages; documents where there is no page
SCRIPTS = frozenset((".css", ".js", ".mjs"))
# what lies beside pages and is no document: pictures, sounds, fonts, maps of programs
COMPANIONS = frozenset((
    ".avif", ".bmp", ".eot", ".flac", ".gif", ".ico", ".jpeg", ".jpg", ".map", ".mp3", ".mp4", ".ogg",
    ".otf", ".png", ".svg", ".tif", ".tiff", ".ttf", ".wav", ".webm", ".webp", ".woff", ".woff2",
))  # fmt: skip
