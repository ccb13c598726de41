"""Documents -> chunks -> vectors -> a generation of a corpus, and its life."""
