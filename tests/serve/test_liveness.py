"""One replica asks Ray whether another is alive."""

import asyncio
from typing import Any

import pytest
import ray

from serve.remote import is_alive, own_name

pytestmark = pytest.mark.ray


class Replica:
    def name(self) -> str:
        return own_name()


def test_replica_is_alive_until_it_is_killed(ray_cluster: None) -> None:
    replica: Any = ray.remote(Replica).options(name="App#Gateway#1", namespace="serve").remote()
    name = ray.get(replica.name.remote())
    assert asyncio.run(is_alive(name))
    ray.kill(replica)

    async def until_dead() -> None:
        while await is_alive(name):
            pass

    asyncio.run(asyncio.wait_for(until_dead(), timeout=20))
