"""LaTeX -> Markdown."""
