"""HTML, and whatever becomes HTML on its way: its content as Markdown, as a reader sees it."""
