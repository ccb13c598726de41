"""Two Ray hosts on one machine that share nothing but the disk: network, process, mount and name spaces of
their own, joined by one cable. Their names stand for no address, as on a machine that was set up badly.

Needs root, iproute2 and util-linux.
"""

import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.processes import ROOT

ADDRESSES = ("10.77.0.1", "10.77.0.2")
RAY = f"{ADDRESSES[0]}:6379"
_START_S = 90.0
_COUNT = f"import ray; ray.init({RAY!r}, log_to_driver=False); print(len(ray.nodes()))"


def why_impossible() -> str | None:
    """Why this machine can make none; None when it can."""
    missing = [tool for tool in ("ip", "unshare", "nsenter") if shutil.which(tool) is None]
    if missing:
        return f"{', '.join(missing)} not installed"
    if os.geteuid() != 0:
        return "network namespaces need root"
    tried = subprocess.run(["unshare", "--net", "--pid", "--fork", "true"], capture_output=True)
    return None if tried.returncode == 0 else tried.stderr.decode().strip()


class Host:
    """One host; its first process holds the spaces, and they end with it."""

    def __init__(self, number: int, folder: Path) -> None:
        self.space = f"openbook-{os.getpid()}-{number}"
        self.address = ADDRESSES[number]
        self._log = folder / f"host{number}.log"
        _run("ip", "netns", "add", self.space)
        temporary = folder / f"ray{number}"
        temporary.mkdir()
        script = (
            f"hostname host{number} && mkdir -p /tmp/ray && mount --bind {temporary} /tmp/ray && "
            "mount -t tmpfs -o size=1g tmpfs /dev/shm && echo up && exec sleep infinity"
        )
        spaces = ["--mount", "--pid", "--uts", "--ipc", "--fork", "--kill-child", "--mount-proc"]
        with self._log.open("ab") as log:
            self._outer = subprocess.Popen(
                ["ip", "netns", "exec", self.space, "unshare", *spaces, "sh", "-c", script],
                stdout=subprocess.PIPE, stderr=log,
            )  # fmt: skip
        assert self._outer.stdout is not None
        assert self._outer.stdout.readline() == b"up\n", "the host did not come up"
        children = Path(f"/proc/{self._outer.pid}/task/{self._outer.pid}/children")
        self._first = children.read_text().split()[0]

    def command(self, *arguments: str) -> list[str]:
        """What runs `arguments` on this host, in the root of the repository."""
        spaces = ["-t", self._first, "-n", "-m", "-p", "-u", "-i"]
        return ["nsenter", *spaces, f"--wd={ROOT}", "--", *arguments]

    def start_ray(self, *role: str) -> None:
        """In the background, with one CPU."""
        options = [
            f"--node-ip-address={self.address}", "--num-cpus=1", "--object-store-memory=200000000",
            "--disable-usage-stats", "--block", *role,
        ]  # fmt: skip
        ray = [sys.executable, "-m", "ray.scripts.scripts", "start", *options]
        with self._log.open("ab") as log:
            subprocess.Popen(self.command(*ray), stdout=log, stderr=log)

    def close(self) -> None:
        """Power off."""
        self._outer.kill()  # and with it, by --kill-child, the first process and all of the host
        self._outer.wait()
        _run("ip", "netns", "del", self.space)


@contextmanager
def two_hosts(folder: Path) -> Iterator[Sequence[Host]]:
    """With Ray on both, its head on the first."""
    hosts: list[Host] = []
    try:
        hosts += [Host(0, folder)]
        hosts += [Host(1, folder)]
        _join(*hosts)
        hosts[0].start_ray("--head", "--port=6379", "--include-dashboard=false")
        _wait_for_nodes(hosts[0], 1)
        hosts[1].start_ray(f"--address={RAY}")
        _wait_for_nodes(hosts[0], 2)
        yield hosts
    finally:
        for host in hosts:
            host.close()


def _join(one: Host, other: Host) -> None:
    end = ["netns", other.space]
    _run("ip", "-n", one.space, "link", "add", "eth0", "type", "veth", "peer", "name", "eth0", *end)
    for host in (one, other):
        _run("ip", "-n", host.space, "addr", "add", f"{host.address}/24", "dev", "eth0")
        _run("ip", "-n", host.space, "link", "set", "lo", "up")
        _run("ip", "-n", host.space, "link", "set", "eth0", "up")


def _wait_for_nodes(head: Host, count: int) -> None:
    deadline, pause = time.monotonic() + _START_S, threading.Event()
    while True:
        asked = head.command(sys.executable, "-c", _COUNT)
        found = subprocess.run(asked, capture_output=True, text=True, check=False).stdout
        if found.strip() == str(count):
            return
        assert time.monotonic() < deadline, f"{found!r} nodes of {count} came up"
        pause.wait(0.5)


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)
