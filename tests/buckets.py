"""A real S3 server (moto) on loopback, with one empty bucket a call."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
from moto.server import ThreadedMotoServer
from pydantic import SecretStr

from cluster.settings import StoreSettings


@contextmanager
def s3_server() -> Iterator[StoreSettings]:
    """How to reach the server, as settings say it."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield StoreSettings(
        endpoint=f"http://{host}:{port}",
        access_key="test",
        secret_key=SecretStr("test"),
        timeout_s=5,
    )
    server.stop()


def s3_client(settings: StoreSettings) -> Any:
    """A plain client, for what a user does to a bucket."""
    return boto3.client(
        "s3",
        endpoint_url=settings.endpoint,
        region_name=settings.region,
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
