"""Markup languages of manuals -> Markdown: reStructuredText, AsciiDoc, Org, Texinfo, man, RTF."""
