"""A real tokenizer, and one real corpus that several files of tests look at."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tokenizers import Tokenizer

from cluster.models import embedder_path
from cluster.settings import IngestSettings, MilvusSettings, ModelSettings, Settings
from tests.data_prep.arrivals import CASES, Arrival, arrive
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


@pytest.fixture
def case(tmp_path: Path, tokenizer: Tokenizer) -> Callable[..., Arrival]:
    def run(name: str, part: str = "", ingest: IngestSettings | None = None) -> Arrival:
        return arrive(CASES / name / part, tmp_path / "home", tokenizer, ingest)

    return run


@pytest.fixture
def made(tmp_path: Path, tokenizer: Tokenizer) -> Callable[..., Arrival]:
    """As `case`, for what `make.py` makes; `part` is below its output."""

    def run(name: str, out: str = "out", part: str = "", *options: str) -> Arrival:
        target = tmp_path / out
        command = [sys.executable, str(CASES / name / "make.py"), str(target), *options]
        subprocess.run(command, check=True)
        return arrive(target / part if part else target, tmp_path / "home", tokenizer)

    return run
