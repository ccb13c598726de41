"""Shared fixtures: real parts, started once, on loopback and in folders of their own."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from cluster.embedder import Embedder
from cluster.milvus_lite import EmbeddedMilvus
from cluster.models import base_model_path, embedder_path
from cluster.objects import LocalStore
from cluster.runtime import quiet_libraries, start_ray, stop_ray
from cluster.settings import MilvusSettings, ModelSettings, RaySettings, Settings
from cluster.vectors import VectorStore
from tests.milvus_servers import has_real_server, real_server

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TRANSFORMERS_OFFLINE"] = "1"
# a user's own settings must not reach the tests
for name in [name for name in os.environ if name.startswith("OPENBOOK_")]:
    del os.environ[name]
# Ray's workers give way to everything else by default: here that is the other test process, for minutes
os.environ["RAY_worker_niceness"] = "0"  # noqa: SIM112 (Ray spells it so)
quiet_libraries()
# an example that takes long on a busy machine is no failure
hypothesis.settings.register_profile("openbook", deadline=None)
hypothesis.settings.load_profile("openbook")

DATA = Path(__file__).parents[2] / "shared" / "data"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What starts Ray goes first: it takes longest."""
    items.sort(key=lambda item: item.get_closest_marker("ray") is None)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """With `-n 3`: all files that start Ray in one process, the other files in the other two.

    Two Rays on one machine would only wait for each other.
    """
    from xdist.scheduler import LoadFileScheduling

    class RayApart(LoadFileScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.partition("::")[0]
            return "ray" if "mark.ray" in (config.rootpath / file).read_text("utf-8") else file

    return RayApart(config, log)


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "store")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home", ray=RaySettings(num_cpus=2))


@pytest.fixture(scope="session")
def base_model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Folder of the packaged base model; converted once and kept between runs with pytest's cache."""
    cache = Path(__file__).parents[1] / ".pytest_cache" / "openbook"
    return base_model_path(Settings(home=cache))


@pytest.fixture(scope="session")
def embedder() -> Embedder:
    return Embedder(embedder_path(ModelSettings()))


@pytest.fixture(scope="session")
def milvus_uri(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with EmbeddedMilvus(tmp_path_factory.mktemp("milvus")) as server:
        yield server.uri


@pytest.fixture(scope="session")
def milvus_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MilvusSettings]:
    """A Milvus server of before BM25, over TLS, with users."""
    if not has_real_server():
        pytest.skip("the Milvus server is not installed: pip install milvus==2.3.5 (Linux x86-64)")
    with real_server(tmp_path_factory.mktemp("milvus-server")) as settings:
        yield settings


@pytest.fixture
def vectors(milvus_uri: str) -> Iterator[VectorStore]:
    client = VectorStore(MilvusSettings(), milvus_uri)
    yield client
    client.close()


@pytest.fixture(scope="session")
def ray_cluster() -> Iterator[None]:
    """One private Ray with two CPUs for all tests that need it."""
    start_ray(RaySettings(num_cpus=2))
    yield
    stop_ray()


@pytest.fixture
def dataset_folder(request: pytest.FixtureRequest) -> Path:
    """Folder of a real set, named by an indirect parameter; skipped where the sets are absent."""
    folder = DATA / request.param
    if not folder.is_dir():
        pytest.skip(f"real data set {request.param!r} is not beside the repository at {DATA}")
    return folder
