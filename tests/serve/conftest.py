"""Models for serving tests, made once a session, and a gateway over fakes."""

from pathlib import Path

import pytest
from transformers import AutoTokenizer

from cluster.adapters import AdapterRegistry
from cluster.objects import LocalStore
from cluster.settings import ServeSettings
from tests.serve.alone import Alone
from tests.serve.fakes import ScriptedEngine, StaticRetriever
from tests.serve.house import QUOTING, TEXTS, House
from tests.serve.published import make_hits, publish
from tests.serve.tiny import LINEARS, save_adapter, save_tiny_model


@pytest.fixture(scope="session")
def tiny_model(base_model: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    tokenizer = AutoTokenizer.from_pretrained(base_model)
    return save_tiny_model(tokenizer, tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="session")
def tiny_adapters(tiny_model: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Two adapters of different rank and target modules: name@version -> folder."""
    folder = tmp_path_factory.mktemp("adapters")
    return {
        "alpha@v1.0": save_adapter(tiny_model, folder / "alpha", 4, LINEARS, seed=1),
        "beta@v1.0": save_adapter(tiny_model, folder / "beta", 16, ["q_proj", "v_proj"], seed=2),
    }


@pytest.fixture(scope="session")
def alone(tiny_model: str, tiny_adapters: dict[str, Path]) -> dict[str | None, Alone]:
    names = [None, *tiny_adapters]
    return {name: Alone(tiny_model, tiny_adapters.get(name or "")) for name in names}


@pytest.fixture
def house(store: LocalStore, tmp_path: Path) -> House:
    registry = AdapterRegistry(store)
    publish(registry, tmp_path / "v1", "manual", "v1")
    publish(registry, tmp_path / "v2", "manual", "v2", created="2026-02-02T00:00:00+00:00")
    registry.promote("manual", "v1")
    engine = ScriptedEngine(QUOTING)
    return House(
        registry, tmp_path, engine, StaticRetriever("lamps", make_hits(*TEXTS)), ServeSettings()
    )
