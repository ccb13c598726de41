"""PDF by its text layer (pdfium): words with their places, built up to lines, tables and paragraphs."""
