"""Text as it is and Markdown: what readers see of it, its front matter, pictures and compressed files."""
