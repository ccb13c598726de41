"""The sources of a corpus: where its documents lie, and which document is whose."""
