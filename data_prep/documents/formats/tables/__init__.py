"""CSV, Excel, and tables of any format: rows become paragraphs of `column: value` lines."""
