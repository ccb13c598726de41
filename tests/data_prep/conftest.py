"""A real tokenizer, and one real corpus that several files of tests look at."""

from pathlib import Path

import pytest
from tokenizers import Tokenizer

from cluster.models import embedder_path
from cluster.settings import MilvusSettings, ModelSettings, Settings
from tests.documents import mixed_folder
from tests.real_corpus import INGEST, Built, IdleSession, durable_state, run_ingest


@pytest.fixture(scope="session")
def tokenizer() -> Tokenizer:
    """The packaged embedder's, without its weights."""
    loaded = Tokenizer.from_file(str(Path(embedder_path(ModelSettings())) / "tokenizer.json"))
    loaded.no_truncation()
    loaded.no_padding()
    return loaded


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory, milvus_uri: str) -> Settings:
    folder = tmp_path_factory.mktemp("ingest")
    return Settings(home=folder, milvus=MilvusSettings(uri=milvus_uri), ingest=INGEST)


@pytest.fixture(scope="session")
def built(home: Settings, ray_cluster: None) -> Built:
    """Every part real; `ray_cluster` is the one Ray of this process."""
    folder = mixed_folder(home.home / "documents")
    first = run_ingest(home, folder, "docs")
    durable = durable_state(home, "docs", first["generation"])
    return Built(home, folder, first, run_ingest(home, folder, "docs", IdleSession), durable)
