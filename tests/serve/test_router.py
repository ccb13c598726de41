"""The router in a real Serve application: three generators, one of which holds the adapter."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncGenerator, Iterator
from typing import Any

import pytest
import ray
from ray import serve as ray_serve

from cluster.settings import ServeSettings
from serve.engine.protocol import GenerationRequest, SamplingParams
from serve.router import HELD
from serve.scaling import GENERATOR, deployment_options

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(120)]


@ray.remote(num_cpus=0)
class Desk:
    """Numbers the replicas, and holds requests until as many as `expect` says have come."""

    def __init__(self) -> None:
        self.replicas = 0
        self.expected = self.waiting = 0
        self.all_here = asyncio.Event()

    async def number(self) -> int:
        self.replicas += 1
        return self.replicas - 1

    async def expect(self, requests: int) -> None:
        self.expected, self.waiting = requests, 0
        self.all_here.clear()

    async def wait(self) -> None:
        self.waiting += 1
        if self.waiting >= self.expected:
            self.all_here.set()
        await self.all_here.wait()


class FakeGenerator:
    """Says its number; the first of them holds the adapter "hot"."""

    async def __init__(self, desk: Any) -> None:  # type: ignore[misc]
        self.desk = desk
        self.me = await desk.number.remote()

    async def generate(self, request: GenerationRequest) -> AsyncGenerator[int, None]:
        await self.desk.wait.remote()
        yield self.me

    def record_routing_stats(self) -> dict[str, Any]:
        return {HELD: ["hot"] if self.me == 0 else []}


@pytest.fixture
def application(ray_cluster: None) -> Iterator[tuple[Any, Any]]:
    options = deployment_options(ServeSettings())[GENERATOR]
    del options["autoscaling_config"]
    options["ray_actor_options"] = {"num_cpus": 0}
    options["request_router_config"]["request_routing_stats_period_s"] = 0.1
    desk = Desk.remote()
    fake = ray_serve.deployment(FakeGenerator, name=GENERATOR, num_replicas=3, **options)
    handle = ray_serve.run(fake.bind(desk), name="routing", route_prefix=None)
    yield handle.options(method_name="generate", stream=True), desk
    ray_serve.shutdown()


def ask(handle: Any, adapter: str | None) -> Any:
    """To be read to its end: until then the router counts the replica as busy with it."""
    sampling = SamplingParams(1, 0.0, 1.0, (), 0)
    return iter(handle.remote(GenerationRequest("r", (), adapter, sampling)))


def test_router_prefers_the_holder_when_idle_and_uses_all_replicas_under_load(
    application: tuple[Any, Any],
) -> None:
    handle, desk = application
    ray.get(desk.expect.remote(1))
    served: list[int] = []
    deadline = time.monotonic() + 60
    while served[-10:] != [0] * 10:  # as soon as the replicas have said what they hold
        assert time.monotonic() < deadline, served
        served += ask(handle, "hot")

    ray.get(desk.expect.remote(15))
    answers = [ask(handle, "hot") for _ in range(15)]
    spread = Counter(number for answer in answers for number in answer)
    assert set(spread) == {0, 1, 2}
    assert max(spread.values()) <= 8

    ray.get(desk.expect.remote(1))
    assert len({number for _ in range(40) for number in ask(handle, None)}) == 3
