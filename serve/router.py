"""Ray Serve's request router for generators, by `serve.affinity`.

Replicas say what they hold through `record_routing_stats`; how long their queues are Serve knows. The
order of requests is Serve's (`FIFOMixin`): without it a router must give each choice to the request that
it was made for, by an id that all calls of one HTTP request share, and the second of them would wait for
ever.
"""

from collections import Counter
from random import Random
from typing import Any

from ray.serve.request_router import (
    FIFOMixin,
    PendingRequest,
    ReplicaID,
    RequestRouter,
    RunningReplica,
)

from serve.affinity import Candidate, choose
from serve.engine.protocol import GenerationRequest

HELD = "adapters"  # key of the routing stats


class AdapterRouter(FIFOMixin, RequestRouter):
    """One per handle, in the process that calls."""

    def initialize_state(self, slack: int = 0) -> None:
        """`slack` is how much longer than the shortest the queue of a preferred replica may be."""
        self._slack = slack
        self._random = Random()  # unseeded: routers in several gateways must differ
        self._announced: Counter[ReplicaID] = Counter()

    async def choose_replicas(
        self,
        candidate_replicas: list[RunningReplica],
        pending_request: PendingRequest | None = None,
    ) -> list[list[RunningReplica]]:
        """The preferred replica, then one to fall back on."""
        adapter = _adapter(pending_request)
        candidates = [self._candidate(replica, adapter) for replica in candidate_replicas]
        chosen = choose(candidates, self._slack, self._random)
        if chosen and pending_request is not None:
            self._announce(candidate_replicas[chosen[0]].replica_id, candidates[chosen[0]].queue)
        return [[candidate_replicas[n]] for n in chosen]

    def on_send_request(self, replica_id: ReplicaID) -> None:
        """Counted when it was chosen already."""
        if self._announced[replica_id]:
            self._announced[replica_id] -= 1
        else:
            super().on_send_request(replica_id)

    def _candidate(self, replica: RunningReplica, adapter: str | None) -> Candidate:
        queue = self.replica_queue_len_cache.get(replica.replica_id) or 0
        held = replica.routing_stats.get(HELD, ())
        return Candidate(queue, queue >= replica.max_ongoing_requests, adapter in held)

    def _announce(self, replica_id: ReplicaID, queue: int) -> None:
        """Requests that are routed in the same moment must see each other; the replica corrects us."""
        self._announced[replica_id] += 1
        self.replica_queue_len_cache.update(replica_id, queue + 1)


def _adapter(pending: PendingRequest | None) -> str | None:
    asked: Any = pending.args[0] if pending is not None and pending.args else None
    return asked.adapter if isinstance(asked, GenerationRequest) else None
