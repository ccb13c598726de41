"""Markup languages of manuals -> Markdown: reStructuredText, AsciiDoc, Org, LaTeX, Texinfo, man, RTF."""
