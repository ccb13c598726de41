"""The whole loop on a shipped corpus: the manual of the Tamblen, a smart speaker that does not exist.

`corpus/` holds its 32 documents (Markdown, HTML, PDF), `qa.jsonl` 240 questions: 60 facts in four
wordings each, so that training and test ask about the same facts in different words. No model can
know these facts; whatever it answers right it read here or was trained on.
"""
