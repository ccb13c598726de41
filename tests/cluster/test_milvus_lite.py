"""The embedded server: shared by processes, stopped by the last, its rows safe when one is killed."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from cluster.errors import UnavailableError
from cluster.milvus_lite import EmbeddedMilvus
from cluster.records import Chunk
from cluster.settings import MilvusSettings
from cluster.vectors import SearchOptions, VectorStore

HYBRID = SearchOptions(top_k=2, mode="hybrid", candidates=10, dense_weight=0.5)


def test_embedded_server_is_shared_and_stopped_by_the_last_user(tmp_path: Path) -> None:
    with EmbeddedMilvus(tmp_path) as first:
        pid = json.loads((tmp_path / "server.json").read_text())["pid"]
        with EmbeddedMilvus(tmp_path) as second:
            assert second.uri == first.uri
        assert Path(f"/proc/{pid}").exists()
    assert not Path(f"/proc/{pid}").exists()
    assert not (tmp_path / "server.json").exists()


def test_embedded_server_of_a_killed_process_is_found_with_its_rows(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib, os, signal, numpy\n"
        "from cluster.milvus_lite import EmbeddedMilvus\nfrom cluster.records import Chunk\n"
        "from cluster.settings import MilvusSettings\nfrom cluster.vectors import VectorStore\n"
        "server = EmbeddedMilvus(pathlib.Path(sys.argv[1])).__enter__()\n"
        "store = VectorStore(MilvusSettings(), server.uri)\nstore.ensure('kept', 3)\n"
        "chunk = Chunk('c', 'd', 'u', 't', 'text', None, 0, 4, 1)\n"
        "store.upsert('kept', [chunk], numpy.eye(1, 3, dtype='float32'))\n"
        "print(server.uri, flush=True)\nos.kill(os.getpid(), signal.SIGKILL)\n"
    )
    root = Path(__file__).parents[2]
    killed = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, cwd=root, check=False
    )
    with EmbeddedMilvus(tmp_path) as server:
        assert server.uri == killed.stdout.decode().strip()
        store = VectorStore(MilvusSettings(), server.uri)
        assert store.count("kept") == 1
        store.close()


def test_collection_is_searched_after_the_server_was_restarted(tmp_path: Path) -> None:
    with EmbeddedMilvus(tmp_path) as server:
        store = VectorStore(MilvusSettings(), server.uri)
        store.ensure("kept", 3)
        chunk = Chunk("c1", "d", "u", "t", "text", None, 0, 4, 1)
        store.upsert("kept", [chunk], np.eye(1, 3, dtype=np.float32))
        store.close()
    with EmbeddedMilvus(tmp_path) as server:
        store = VectorStore(MilvusSettings(), server.uri)
        hits = store.search("kept", ["text"], np.eye(1, 3, dtype=np.float32), HYBRID)
        assert [hit.chunk.chunk_id for hit in hits[0]] == ["c1"]
        assert store.chunk_ids("kept") == {"c1"}
        store.close()


def wait_for(what: Callable[[], bool], problem: str) -> None:
    deadline = time.monotonic() + 60
    while not what():
        assert time.monotonic() < deadline, problem


def test_embedded_server_whose_port_is_taken_meanwhile_comes_back_to_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with EmbeddedMilvus(tmp_path) as server, socket.socket() as thief:
        port = int(server.uri.rpartition(":")[2])
        os.kill(json.loads((tmp_path / "server.json").read_text())["pid"], signal.SIGKILL)
        thief.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        wait_for(lambda: bound(thief, port), "the killed server kept its port")
        wait_for(lambda: f"port {port}" in caplog.text, "nobody told that the port is taken")
        thief.close()
        store = VectorStore(MilvusSettings(timeout_s=5), server.uri)
        wait_for(lambda: answers(store), "the server did not come back")
        store.close()


def bound(thief: socket.socket, port: int) -> bool:
    try:
        thief.bind(("127.0.0.1", port))
        thief.listen()
    except OSError:
        return False
    return True


def answers(store: VectorStore) -> bool:
    try:
        store.ensure("kept", 3)
    except UnavailableError:
        return False
    return True


def test_embedded_server_that_dies_is_started_again_where_its_users_look(tmp_path: Path) -> None:
    with EmbeddedMilvus(tmp_path) as server, EmbeddedMilvus(tmp_path) as other:
        store = VectorStore(MilvusSettings(timeout_s=5), server.uri)
        store.ensure("kept", 3)
        chunk = Chunk("c1", "d", "u", "t", "text", None, 0, 4, 1)
        store.upsert("kept", [chunk], np.eye(1, 3, dtype=np.float32))
        pid = json.loads((tmp_path / "server.json").read_text())["pid"]
        os.kill(pid, signal.SIGKILL)
        deadline = time.monotonic() + 60
        while True:
            try:
                hits = store.search("kept", ["text"], np.eye(1, 3, dtype=np.float32), HYBRID)
                break
            except UnavailableError:
                assert time.monotonic() < deadline, "the server did not come back"
        assert [hit.chunk.chunk_id for hit in hits[0]] == ["c1"]
        assert json.loads((tmp_path / "server.json").read_text())["pid"] != pid
        assert other.uri == server.uri
        store.close()
    assert not (tmp_path / "server.json").exists()
