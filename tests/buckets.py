"""A real S3 server (moto) on loopback, with one empty bucket a call."""

import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import boto3
from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from pydantic import SecretStr
from werkzeug.serving import make_server

from cluster.settings import StoreSettings


class AtomicWrites:
    """moto as atomic as S3: it checks a condition and writes in two steps, so they come one at a time."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self._lock = threading.Lock()

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        if not environ.keys() & {"HTTP_IF_MATCH", "HTTP_IF_NONE_MATCH"}:
            return list(self._app(environ, start))
        with self._lock:
            return list(self._app(environ, start))


@contextmanager
def s3_server() -> Iterator[StoreSettings]:
    """How to reach the server, as settings say it."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    app = AtomicWrites(DomainDispatcherApplication(create_backend_app))
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=MotoRequestHandler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield StoreSettings(
        endpoint=f"http://127.0.0.1:{server.server_port}",
        access_key="test",
        secret_key=SecretStr("test"),
        timeout_s=5,
    )
    server.shutdown()
    thread.join()
    server.server_close()


def s3_client(settings: StoreSettings) -> Any:
    """A plain client, for what a user does to a bucket."""
    return boto3.client(
        "s3",
        endpoint_url=settings.endpoint,
        region_name=settings.region,
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
