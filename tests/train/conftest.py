"""Fixtures of the training tests."""

from typing import Any

import pytest
from transformers import AutoTokenizer

from tests.training_sets import save_tiny_model


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory, base_model: str) -> str:
    """Folder of a tiny random Llama with the base model's tokenizer and chat template."""
    return save_tiny_model(tmp_path_factory.mktemp("tiny"), base_model)


@pytest.fixture(scope="session")
def tokenizer(base_model: str) -> Any:
    """The base model's tokenizer."""
    return AutoTokenizer.from_pretrained(base_model)
