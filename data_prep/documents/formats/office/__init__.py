"""Word, PowerPoint, OpenDocument and EPUB files: archives of XML parts."""
