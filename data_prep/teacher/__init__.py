"""Questions and answers written by a model behind any OpenAI-compatible endpoint."""
