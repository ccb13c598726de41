"""Milvus servers for tests: a real one with TLS and users, and a proxy that fails as scripted."""

import importlib.util
import os
import signal
import socket
import subprocess
import threading
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import grpc
import httpx
from pydantic import SecretStr

from cluster.settings import MilvusSettings

PACKAGE = "milvus"
_PORTS = 12
_START_S = 120.0


def has_real_server() -> bool:
    """Whether the Python package with the server is installed."""
    return importlib.util.find_spec(PACKAGE) is not None


@contextmanager
def real_server(folder: Path) -> Iterator[MilvusSettings]:
    """Milvus 2.3.5 as a server over TLS with users, on ports of its own; settings that reach it."""
    ports = _free_ports(_PORTS)
    certificate = _certificate(folder)
    _configure(folder, certificate, ports)
    environ = {
        **os.environ,
        "DEPLOY_MODE": "STANDALONE",
        "METRICS_PORT": str(ports[11]),
        "MILVUS_RUN_DIR": str(folder / "run"),
        "ETCD_CONFIG_PATH": str(folder / "configs" / "etcd.yaml"),
        "LD_LIBRARY_PATH": str(folder / "bin"),
    }
    with open(folder / "server.log", "wb") as log:
        process = subprocess.Popen(
            [str(folder / "bin" / "milvus"), "run", "standalone"],
            cwd=folder, env=environ, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    try:
        _wait_healthy(process, ports[11])
        yield MilvusSettings(
            uri=f"https://localhost:{ports[0]}",
            user="root",
            password=SecretStr("Milvus"),
            server_pem_path=str(certificate),
            server_name="localhost",
        )
    finally:
        os.killpg(process.pid, signal.SIGKILL)  # a clean stop may wait for minutes
        process.wait()


def _configure(folder: Path, certificate: Path, ports: list[int]) -> None:
    """Unpack the server and write its files; the embedded etcd would else take fixed ports."""
    import milvus

    for name in ("configs", "logs", "data", "run"):
        (folder / name).mkdir()
    client, peer = (f"http://127.0.0.1:{port}" for port in ports[1:3])
    (folder / "configs" / "etcd.yaml").write_text(
        f"name: default\ndata-dir: {folder}/data/etcd.data\n"
        f"listen-client-urls: {client}\nadvertise-client-urls: {client}\n"
        f"listen-peer-urls: {peer}\ninitial-advertise-peer-urls: {peer}\n"
        f"initial-cluster: default={peer}\nlog-level: error\nlog-outputs: [{folder}/logs/etcd.log]\n"
    )
    config = milvus.MilvusServerConfig(data_dir=str(folder))
    config.resolve_storage()
    parts = ("root_coord", "proxy_internal", "query_coord", "query_node")
    parts += ("index_coord", "index_node", "data_coord", "data_node")
    named = {f"{part}_port": port for part, port in zip(parts, ports[3:11], strict=True)}
    values = {"proxy_port": ports[0], "etcd_port": ports[1], **named}
    values |= {"authorization_enabled": True, "tls_mode": 1, "ca_pem_path": str(certificate)}
    values |= {"server_pem_path": str(certificate), "server_key_path": str(folder / "server.key")}
    for key, value in values.items():
        config.set(key, value)
    config.write_config()
    milvus._initialize_data_files(str(folder))


def _certificate(folder: Path) -> Path:
    """A certificate of `localhost` that signs itself; the key lies beside it."""
    path = folder / "server.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
         "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout",
         str(folder / "server.key"), "-out", str(path)],
        check=True, capture_output=True,
    )  # fmt: skip
    return path


def _free_ports(count: int) -> list[int]:
    probes = [socket.socket() for _ in range(count)]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    ports = [int(probe.getsockname()[1]) for probe in probes]
    for probe in probes:
        probe.close()
    return ports


def _wait_healthy(process: subprocess.Popen[bytes], port: int) -> None:
    deadline, pause = time.monotonic() + _START_S, threading.Event()
    while True:
        assert process.poll() is None, "the Milvus server ended at its start"
        assert time.monotonic() < deadline, f"Milvus was not healthy within {_START_S:.0f} s"
        try:
            if "OK" in httpx.get(f"http://127.0.0.1:{port}/healthz", timeout=2).text:
                return
        except httpx.TransportError:
            pass
        pause.wait(0.1)


class FlakyMilvus(grpc.GenericRpcHandler):
    """Passes calls on to the server at `uri`; `upsert_errors` are the answers to the next upserts."""

    def __init__(self, uri: str) -> None:
        self._backend = grpc.insecure_channel(uri.removeprefix("http://"))
        self._server = grpc.server(ThreadPoolExecutor(4), handlers=[self])
        self.uri = f"http://127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        self.upsert_errors: deque[grpc.StatusCode] = deque()
        self.upserts = 0

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.stop(None).wait()
        self._backend.close()

    def service(self, details: Any) -> Any:
        method, metadata = details.method, details.invocation_metadata

        def answer(request: bytes, context: Any) -> Any:
            if method.endswith("/Upsert"):
                self.upserts += 1
                if self.upsert_errors:
                    context.abort(self.upsert_errors.popleft(), "scripted trouble")
            kept = [(key, value) for key, value in metadata if key != "user-agent"]
            try:
                return self._backend.unary_unary(method)(request, metadata=kept)
            except grpc.RpcError as error:
                return context.abort(error.code(), error.details())

        return grpc.unary_unary_rpc_method_handler(answer)
