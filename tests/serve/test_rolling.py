"""A rolling update with the options that settings give: no request fails, streams end where they began."""

import asyncio
import time
from collections.abc import AsyncGenerator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import ray
from ray import serve as ray_serve

from cluster.settings import ServeSettings
from serve.scaling import GENERATOR, deployment_options

pytestmark = [pytest.mark.long, pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(120)]


@ray.remote(num_cpus=0)
class Gate:
    def __init__(self) -> None:
        self.opened = asyncio.Event()

    async def open(self) -> None:
        self.opened.set()

    async def wait(self) -> None:
        await self.opened.wait()


class Versioned:
    """Says its version at once and, asked to, once more when the gate opens."""

    def __init__(self, version: int, gate: Any) -> None:
        self.version = version
        self.gate = gate

    async def generate(self, long: bool) -> AsyncGenerator[int, None]:
        yield self.version
        if long:
            await self.gate.wait.remote()
            yield self.version


@pytest.fixture
def gate(ray_cluster: None) -> Iterator[Any]:
    yield Gate.remote()
    ray_serve.shutdown()


def deploy(version: int, gate: Any) -> Any:
    options = deployment_options(ServeSettings())[GENERATOR]
    options["ray_actor_options"] = {"num_cpus": 0}
    del options["request_router_config"]
    application = ray_serve.deployment(Versioned, name=GENERATOR, **options).bind(version, gate)
    handle = ray_serve.run(application, name="rolling", route_prefix=None)
    return handle.options(method_name="generate", stream=True)


def test_rolling_update_fails_no_request_and_lets_streams_end(gate: Any) -> None:
    handle = deploy(1, gate)
    stream = iter(handle.remote(True))
    assert next(stream) == 1

    with ThreadPoolExecutor(1) as thread:
        update = thread.submit(deploy, 2, gate)  # ends when the old replica has
        try:
            served: list[int] = []
            deadline = time.monotonic() + 60
            while served[-5:] != [2] * 5:
                assert time.monotonic() < deadline, served
                served += list(handle.remote(False))
            assert set(served) <= {1, 2}
            assert not update.done()
        finally:
            ray.get(gate.open.remote())
        assert list(stream) == [1]
        update.result(timeout=60)
