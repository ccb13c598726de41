"""Tables of any format: rows become paragraphs of `column: value` lines."""
