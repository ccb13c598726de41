"""`openbook serve` under load: many adapters at once, clients that leave, replicas that die.

The base model is tiny and random, so what is measured is the plumbing: nothing hangs, nothing leaks, and
everybody else gets the answer that a lone request gets.
"""

import asyncio
import json
import os
import re
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from cluster.adapters import AdapterRegistry
from cluster.objects import LocalStore
from serve.callers import LOOK_S
from tests.serve.live import Server, at_work, run_server
from tests.serve.published import publish
from tests.serve.tiny import LINEARS, save_adapter, save_tiny_model

pytestmark = [pytest.mark.long, pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(400)]

ADAPTERS = [f"adapter-{n}" for n in range(8)]
REQUESTS, AT_ONCE = 500, 32
# the engine holds half of the adapters that are asked for, so they come and go during the load
LIMITS = {"ENGINE__MAX_ADAPTERS": "4"}
SCALING = {
    "GENERATOR__MIN_REPLICAS": "2",
    "GENERATOR__MAX_REPLICAS": "3",
    "GENERATOR__TARGET_ONGOING_REQUESTS": "4",
    "GENERATOR__UPSCALE_DELAY_S": "0.5",
    "GENERATOR__DOWNSCALE_DELAY_S": "2",
}
MESSAGES = [{"role": "user", "content": "How do I reset the lamp?"}]
SHORT = {"messages": MESSAGES, "max_tokens": 12, "temperature": 0, "stream": True}
LONG = {"messages": MESSAGES, "max_tokens": 600, "temperature": 2, "seed": 1, "stream": True}


@pytest.fixture(scope="module")
def home(base_model: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a tiny model and eight adapters for it."""
    from transformers import AutoTokenizer

    folder = tmp_path_factory.mktemp("load")
    model = save_tiny_model(AutoTokenizer.from_pretrained(base_model), folder / "model")
    registry = AdapterRegistry(LocalStore(folder / "store"))
    for number, name in enumerate(ADAPTERS):
        files = save_adapter(model, folder / name, 4 + 4 * (number % 3), LINEARS, seed=number)
        publish(registry, files, name, "v1", base_model=model)
    return folder


@pytest.fixture(scope="module")
def server(home: Path) -> Iterator[Server]:
    yield from run_server(home, str(home / "model"), {**LIMITS, **SCALING})


@dataclass
class Reply:
    """What came of a request: `text` is the answer or the body of an error, `status` 0 a hang-up."""

    model: str
    status: int
    text: str = ""

    @property
    def is_clean(self) -> bool:
        """An answer, or an error as OpenAI shapes them."""
        return self.status == 200 or set(json.loads(self.text)) == {"error"}


@asynccontextmanager
async def connected(server: Server) -> AsyncIterator[httpx.AsyncClient]:
    limits = httpx.Limits(max_connections=AT_ONCE)
    async with httpx.AsyncClient(base_url=server.url, timeout=120, limits=limits) as client:
        yield client


async def ask(client: httpx.AsyncClient, body: dict[str, Any], leave_after: int = 0) -> Reply:
    """Stream an answer to its end, or hang up after some events."""
    async with client.stream("POST", "/v1/chat/completions", json=body) as response:
        if response.status_code != 200:
            await response.aread()
            return Reply(body["model"], response.status_code, response.text)
        text, count = "", 0
        async for line in response.aiter_lines():
            if not line.startswith("data: {"):
                continue
            event = json.loads(line[6:])
            if "error" in event:
                return Reply(body["model"], 500, json.dumps(event))
            text += event["choices"][0]["delta"].get("content") or ""
            count += 1
            if leave_after and count >= leave_after:
                return Reply(body["model"], 0)
        return Reply(body["model"], 200, text)


async def load(client: httpx.AsyncClient, count: int) -> list[Reply]:
    """Requests of a mixed crowd: every tenth leaves half-way, every twentieth asks for nobody."""
    free = asyncio.Semaphore(AT_ONCE)

    async def one(number: int) -> Reply:
        model = ADAPTERS[number % len(ADAPTERS)]
        async with free:
            if number % 20 == 7:
                return await ask(client, {**SHORT, "model": f"nobody-{number}"})
            if number % 10 == 3:
                return await ask(client, {**LONG, "model": model}, leave_after=4)
            return await ask(client, {**SHORT, "model": model})

    return list(await asyncio.gather(*(one(number) for number in range(count))))


async def answers_alone(client: httpx.AsyncClient) -> dict[str, str]:
    """What each adapter says when nobody else asks."""
    return {name: (await ask(client, {**SHORT, "model": name})).text for name in ADAPTERS}


def replicas(server: Server, deployment: str) -> dict[int, int]:
    """Process ids of a deployment's replicas, and their resident kilobytes."""
    found = {}
    for pid in _below(server.pid):
        try:
            command = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
            status = Path(f"/proc/{pid}/status").read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if command.startswith("ray::ServeReplica") and f":{deployment}" in command:
            found[pid] = int(next(iter(re.findall(r"VmRSS:\s+(\d+)", status)), "0"))
    return found


def _below(root: int) -> Iterator[int]:
    for children in Path(f"/proc/{root}/task").glob("*/children"):
        for child in map(int, children.read_text().split()):
            yield child
            yield from _below(child)


def wait_until_idle(server: Server) -> None:
    deadline = time.monotonic() + 20
    while at_work(server):
        assert time.monotonic() < deadline, "requests that nobody waits for still run"


def test_crowd_of_adapters_hang_ups_and_unknown_names_harms_nobody(server: Server) -> None:
    async def main() -> tuple[dict[str, str], list[Reply], dict[int, int]]:
        async with connected(server) as client:
            alone = await answers_alone(client)
            loaded = replicas(server, "Generator").keys()  # one that comes under load still grows
            await load(client, 100)
            found = replicas(server, "Generator")
            before = {pid: size for pid, size in found.items() if pid in loaded}
            return alone, await load(client, REQUESTS), before

    alone, replies, before = asyncio.run(main())
    assert len({*alone.values()}) == len(ADAPTERS)
    statuses = Counter(reply.status for reply in replies)
    assert not [reply.text for reply in replies if reply.status not in (0, 200, 404)]
    assert statuses == {200: REQUESTS * 17 // 20, 0: REQUESTS // 10, 404: REQUESTS // 20}
    for reply in replies:
        assert reply.status != 200 or reply.text == alone[reply.model]
        assert reply.status == 0 or reply.is_clean
    wait_until_idle(server)
    after = replicas(server, "Generator")
    kept = before.keys() & after.keys()
    assert kept
    for pid in kept:
        assert after[pid] < before[pid] * 1.15, "a replica grew by what it should have given back"


@pytest.mark.endurance
def test_replicas_come_and_go_under_load_without_a_failed_request(server: Server) -> None:
    async def main() -> tuple[set[int], list[Reply]]:
        counts: set[int] = set()
        async with connected(server) as client:
            for _ in range(30):  # a crowd, until a third replica has come
                replies = await asyncio.gather(
                    *(ask(client, {**SHORT, "model": ADAPTERS[n % 8]}) for n in range(AT_ONCE))
                )
                counts.add(len(replicas(server, "Generator")))
                if 3 in counts:
                    break
            deadline = time.monotonic() + 90
            while 3 in counts and len(replicas(server, "Generator")) > 2:  # few, until it has gone
                assert time.monotonic() < deadline, "the third replica stays without load"
                replies += [await ask(client, {**SHORT, "model": ADAPTERS[0]})]
            return counts, list(replies)

    counts, replies = asyncio.run(main())
    assert 3 in counts
    assert {reply.status for reply in replies} == {200}


def test_long_answers_are_not_taken_for_those_of_a_dead_gateway(server: Server) -> None:
    async def main() -> list[Reply]:
        replies: list[Reply] = []
        async with connected(server) as client:
            until = time.monotonic() + 3 * LOOK_S
            # whenever a generator looks, some answers are on their way
            while time.monotonic() < until:
                replies += await asyncio.gather(
                    *(ask(client, {**LONG, "model": ADAPTERS[n]}) for n in range(2))
                )
        return replies

    assert {reply.status for reply in asyncio.run(main())} == {200}


@pytest.mark.endurance
@pytest.mark.parametrize("deployment", ["Generator", "Gateway"])
def test_killed_replica_is_a_clean_error_and_serving_recovers(
    server: Server, deployment: str
) -> None:
    async def main() -> tuple[list[Reply | BaseException], Reply]:
        async with connected(server) as client:
            asked = [
                asyncio.create_task(ask(client, {**LONG, "model": ADAPTERS[n % 8]}))
                for n in range(8)
            ]
            await ask(client, {**SHORT, "model": ADAPTERS[0]})  # by now the others run
            for pid in replicas(server, deployment):
                os.kill(pid, signal.SIGKILL)
            ended = await asyncio.gather(*asked, return_exceptions=True)
            deadline = time.monotonic() + 90
            while True:
                try:
                    reply = await ask(client, {**SHORT, "model": ADAPTERS[1]})
                    if reply.status == 200:
                        return list(ended), reply
                except httpx.TransportError:
                    pass
                assert time.monotonic() < deadline, "no answer 90 s after the kill"
                await asyncio.sleep(0.2)

    ended, reply = asyncio.run(main())
    for one in ended:
        if deployment == "Generator":
            assert isinstance(one, Reply), one
            assert one.is_clean, one
        else:  # with the gateway goes the connection; Serve's proxy may still answer in plain text
            assert isinstance(one, (Reply, httpx.TransportError)), one
    assert reply.text
    wait_until_idle(server)
