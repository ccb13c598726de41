"""Text -> spans for one embedder: where sections, blocks, sentences and tokens end. Pure, linear in the text.

    outline ─▶ groups of sections ─▶ windows of tokens ─▶ best boundary in each ─▶ spans

| file | what |
|---|---|
| outline | headings, their paths, and where code stands |
| token_map | how many tokens of the embedder a stretch of text has |
| boundaries | where a text may be cut, and how well |
| cutter | the spans: sections together where they are small, cut where they are long |
"""
