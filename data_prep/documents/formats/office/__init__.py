"""Word, PowerPoint and OpenDocument files."""
