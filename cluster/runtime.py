"""Ray: a private one on this machine, or a cluster by address. Set up deliberately, never by default.

A private Ray is bound to loopback, has no dashboard and a small object store, and takes its
authentication mode from our settings: left alone, Ray 2.60 writes a token into the home directory.
"""

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import ray

from cluster.environment import set_environment
from cluster.errors import UnavailableError
from cluster.settings import RaySettings

_LOOPBACK = "127.0.0.1"


def start_ray(settings: RaySettings) -> bool:
    """Start or join Ray in this process; False when it already was. UnavailableError on silence."""
    if ray.is_initialized():
        return False
    os.environ["RAY_AUTH_MODE"] = settings.auth_mode
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    set_environment()
    options: dict[str, object] = {"log_to_driver": False, "logging_level": logging.ERROR}
    if settings.address is None:
        options |= {
            "address": "local",
            "include_dashboard": False,
            "num_cpus": settings.num_cpus,
            "object_store_memory": settings.object_store_mib * 2**20,
            "_node_ip_address": _LOOPBACK,
        }
    else:
        options["address"] = settings.address
    try:
        with _silent_stderr():
            ray.init(**options)
    except (ConnectionError, RuntimeError, ValueError) as error:
        where = settings.address or "this machine"
        raise UnavailableError(
            f"Ray at {where} did not start or answer: {error}; check ray.address, and Ray's logs "
            "below its temporary folder (/tmp/ray/session_latest/logs)"
        ) from error
    return True


def ray_address() -> str:
    """Where other processes find the Ray of this one."""
    return str(ray.get_runtime_context().gcs_address)


def ray_cpus() -> int:
    """CPUs of all nodes of the Ray of this process; 1 at least."""
    return max(1, int(ray.cluster_resources().get("CPU", 1)))


def stop_ray() -> None:
    """Leave Ray; a private one ends with it."""
    ray.shutdown()


@contextmanager
def _silent_stderr() -> Iterator[None]:
    """Ray announces its own log level on the file descriptor, past any logging configuration."""
    sys.stderr.flush()
    kept = os.dup(2)
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def quiet_libraries() -> None:
    """Progress bars and chatter of libraries off, for this process and those it starts."""
    for name, value in {
        "TQDM_DISABLE": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "TRANSFORMERS_VERBOSITY": "error",
        "TOKENIZERS_PARALLELISM": "false",
    }.items():
        os.environ.setdefault(name, value)
