"""`openbook serve`: the application on Ray, in the foreground."""

import logging
import signal
import socket
import threading
import time
from typing import Annotated

import ray
import typer
from ray import serve as ray_serve
from ray.serve.config import HTTPOptions

from cluster.errors import BusyError, UnavailableError
from cluster.models import base_model_path, embedder_path
from cluster.options import ConfigFlag, JsonFlag, SetFlag, open_session
from cluster.session import Session
from serve.app import build_app
from serve.client import Client, server_url
from serve.config import APP_NAME, serve_yaml

READY_S = 120.0


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0 takes a free one.")] = None,
    corpus: Annotated[str | None, typer.Option(help="Corpus for requests that name none.")] = None,
    print_config: Annotated[
        bool, typer.Option("--print-config", help="Print the Serve YAML for a cluster and exit.")
    ] = False,
    json_output: JsonFlag = False,
    config: ConfigFlag = None,
    overrides: SetFlag = None,
) -> None:
    """Serve retrieval and adapters behind an OpenAI-compatible API until interrupted."""
    flags = {"serve__host": host, "serve__port": port, "serve__corpus": corpus}
    with open_session(json_output, config, overrides, **flags) as session:
        if print_config:
            print(serve_yaml(session.settings), end="")
            return
        settings = session.settings.serve
        taken = free_port(settings.host, settings.port)
        try:
            deploy(session, taken)
            url = server_url(settings.host, taken)
            wait_until_ready(url, READY_S)
            session.console.result({"url": url})
            session.console.line(f"Openbook serves at {url}/v1 (Ctrl-C stops it)")
            _wait_for_signal()
        finally:
            _stop(session)


def deploy(session: Session, port: int) -> None:
    """Run the application on Ray, HTTP on `port`; UnavailableError when it does not come up."""
    settings = session.settings
    base_model_path(settings)  # a missing model is told before Ray starts,
    embedder_path(settings.models)  # and converted once, not in every replica
    session.start_ray()
    logging.getLogger("ray.serve").setLevel(logging.WARNING)  # our one line says when it is ready
    http = HTTPOptions(host=settings.serve.host, port=port)
    ray_serve.start(proxy_location="HeadOnly", http_options=http)
    try:
        ray_serve.run(build_app(session.worker_settings()), name=APP_NAME, route_prefix="/")
    except RuntimeError as error:
        raise UnavailableError(f"the application did not come up: {error}") from error


def wait_until_ready(url: str, seconds: float) -> None:
    """Until `/readyz` says 200; UnavailableError when it does not in time."""
    client, deadline = Client(url, timeout_s=5.0), time.monotonic() + seconds
    while not client.ready():
        if time.monotonic() > deadline:
            raise UnavailableError(f"{url}/readyz was not 200 within {seconds:g} s")
        time.sleep(0.2)


def free_port(host: str, port: int) -> int:
    """The port itself, or a free one for 0; BusyError when somebody listens there."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise BusyError(
                f"cannot listen on {host}:{port} ({error.strerror}); "
                "stop what runs there or choose another with --port"
            ) from error
        return int(probe.getsockname()[1])


def _wait_for_signal() -> None:
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    stop.wait()


def _stop(session: Session) -> None:
    """Streams in flight may end; a second Ctrl-C no longer waits for them."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if not ray.is_initialized():
        return
    if session.settings.ray.address is None:
        ray_serve.shutdown()
    else:  # others may serve on that cluster too
        ray_serve.delete(APP_NAME)
