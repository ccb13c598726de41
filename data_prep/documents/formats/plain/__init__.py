"""Text as it is and Markdown: what readers see of it, and its front matter."""
