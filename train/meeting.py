"""Where the workers of a run meet: at the addresses by which Ray knows their machines.

Gloo takes the address that the machine's name stands for. On many a machine that is a loopback address
(Debian writes 127.0.1.1 into /etc/hosts), which leads no other machine there.
"""

import os
from dataclasses import dataclass
from typing import Any

import psutil
import ray
from ray.train.torch import TorchConfig

INTERFACE = "GLOO_SOCKET_IFNAME"


@dataclass
class NodeAddresses(TorchConfig):
    """Ray's setup of torch.distributed, once every worker knows its network interface."""

    @property
    def backend_cls(self) -> type:
        """Asked for by Ray Train."""
        return _Backend


class _Backend(TorchConfig().backend_cls):  # type: ignore[misc]  # Ray tells the class at run time
    def on_start(self, worker_group: Any, backend_config: TorchConfig) -> None:
        worker_group.execute(choose_interface)
        super().on_start(worker_group, backend_config)


def choose_interface() -> None:
    """Tell gloo in this process, unless the user did."""
    here = ray.get_runtime_context().get_node_id()
    # not ray.util.get_node_ip_address(), which guesses anew and needs a route to the world for it
    address = next(node["NodeManagerAddress"] for node in ray.nodes() if node["NodeID"] == here)
    found = interface_of(address)
    if found is not None:
        os.environ.setdefault(INTERFACE, found)


def interface_of(address: str) -> str | None:
    """The network interface that has an address; None where none has (a translated one)."""
    for name, addresses in psutil.net_if_addrs().items():
        if any(found.address == address for found in addresses):
            return str(name)
    return None
