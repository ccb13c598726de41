"""Can this machine do the work? One check for each thing the stages stand on."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import ray

from cluster.errors import ConflictError, OpenbookError
from cluster.keys import content_id
from cluster.models import base_model_path, torch_dtype
from cluster.session import Session


@dataclass(frozen=True, slots=True)
class Check:
    """Result of one check; `detail` says what was found, or what to do about a failure."""

    name: str
    ok: bool
    detail: str
    seconds: float


def run_checks(session: Session) -> list[Check]:
    """All checks in order; a failure never hides the checks after it."""
    checks: list[tuple[str, Callable[[Session], str]]] = [
        ("object store", check_store),
        ("milvus", check_milvus),
        ("embedder", check_embedder),
        ("base model", check_base_model),
        ("ray", check_ray),
    ]
    return [_run(session, name, check) for name, check in checks]


def check_store(session: Session) -> str:
    """Write, read, and the compare-and-swap that aliases and locks depend on."""
    store = session.store
    key = f"doctor/{content_id(time.time_ns())}"
    etag = store.create(key, b"1")
    try:
        etag = store.swap(key, b"2", etag)
        try:
            store.create(key, b"3")
        except ConflictError:
            return f"{store.url}: read, write and compare-and-swap work"
        raise ConflictError(f"{store.url} ignores conditional writes: aliases would not be safe")
    finally:
        store.delete(key)


def check_milvus(session: Session) -> str:
    """Reachable, and whether hybrid search is available."""
    search = "hybrid search" if session.vectors.full_text else "dense only (Milvus 2.5+ has hybrid)"
    kind = "server" if session.settings.milvus.uri else "embedded"
    return f"{kind} at {session.vectors.uri}: {search}"


def check_embedder(session: Session) -> str:
    """Loads and embeds."""
    vectors_NE = session.embedder.embed_queries(["ready?"])
    return f"{session.settings.models.embedder}: {vectors_NE.shape[1]} dimensions"


def check_base_model(session: Session) -> str:
    """Weights are on disk, or a Hugging Face id that will be fetched on use."""
    models = session.settings.models
    path = base_model_path(session.settings)
    where = path if Path(path).exists() else f"Hugging Face id {path}"
    return f"{models.base}: {where}, {torch_dtype(models, session.settings.train.use_gpu)}"


def check_ray(session: Session) -> str:
    """Starts or joins Ray and counts what it has."""
    session.start_ray()
    have = ray.cluster_resources()
    return f"{have.get('CPU', 0):.0f} CPUs, {have.get('GPU', 0):.0f} GPUs, Ray {ray.__version__}"


def _run(session: Session, name: str, check: Callable[[Session], str]) -> Check:
    start = time.monotonic()
    try:
        ok, detail = True, check(session)
    except OpenbookError as error:
        ok, detail = False, str(error)
    return Check(name, ok, detail, round(time.monotonic() - start, 2))
