"""The real tokenizer of the packaged embedder, without loading its weights."""

from pathlib import Path

import pytest
from tokenizers import Tokenizer

from cluster.models import embedder_path
from cluster.settings import ModelSettings

MAX_TOKENS = 256


@pytest.fixture(scope="session")
def tokenizer() -> Tokenizer:
    loaded = Tokenizer.from_file(str(Path(embedder_path(ModelSettings())) / "tokenizer.json"))
    loaded.no_truncation()
    loaded.no_padding()
    return loaded
