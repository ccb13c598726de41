"""Settings -> options of Ray Serve deployments. Pure: no Ray here."""

import os
from typing import Any

from cluster.settings import AutoscaleSettings, ServeSettings

GATEWAY, RETRIEVER, GENERATOR = "Gateway", "Retriever", "Generator"
ROUTING_STATS_S = 2.0  # how often generators say which adapters they hold
PROXY_QUEUE = 4096  # requests that a proxy holds while the gateway refuses them one by one
REFUSED = 64
DRAIN_MARGIN_S = 10.0  # a replica that stops may finish its longest stream


def deployment_options(settings: ServeSettings) -> dict[str, dict[str, Any]]:
    """Name of each deployment -> its options."""
    drain_s = settings.request_timeout_s + DRAIN_MARGIN_S
    return {
        GATEWAY: {
            **_options(settings.gateway, drain_s),
            # the gateway counts by itself (serve.admission): Serve's limits are only a second line
            "max_ongoing_requests": _gateway_ongoing(settings.gateway),
            "max_queued_requests": PROXY_QUEUE,
            "backpressure_config": {"status_code": 429, "retry_after_s": 1.0},
        },
        RETRIEVER: _options(settings.retriever, drain_s),
        GENERATOR: {
            **_options(settings.generator, drain_s),
            "request_router_config": {
                "request_router_class": "serve.router.AdapterRouter",
                "request_router_kwargs": {"slack": settings.engine.adapter_affinity},
                "request_routing_stats_period_s": ROUTING_STATS_S,
            },
        },
    }


def _gateway_ongoing(scale: AutoscaleSettings) -> int:
    """Who works, who waits, and room for those who are refused."""
    waiting = scale.max_queued_requests if scale.max_queued_requests >= 0 else PROXY_QUEUE
    return scale.max_ongoing_requests + waiting + REFUSED


def engine_threads(settings: ServeSettings) -> int:
    """Threads of one engine: the setting, else the replica's CPUs, else all this process may use."""
    if settings.engine.threads is not None:
        return settings.engine.threads
    if settings.generator.num_cpus >= 1:
        return int(settings.generator.num_cpus)
    return len(os.sched_getaffinity(0))


def _options(scale: AutoscaleSettings, drain_s: float) -> dict[str, Any]:
    return {
        "autoscaling_config": {
            "min_replicas": scale.min_replicas,
            "max_replicas": scale.max_replicas,
            "target_ongoing_requests": scale.target_ongoing_requests,
            "upscale_delay_s": scale.upscale_delay_s,
            "downscale_delay_s": scale.downscale_delay_s,
        },
        "max_ongoing_requests": scale.max_ongoing_requests,
        "max_queued_requests": scale.max_queued_requests,
        "graceful_shutdown_timeout_s": drain_s,
        "graceful_shutdown_wait_loop_s": 0.5,
        "health_check_period_s": 10.0,
        "health_check_timeout_s": 30.0,
        "max_surge_percent": scale.max_surge_percent,
        "ray_actor_options": {"num_cpus": scale.num_cpus, "num_gpus": scale.num_gpus},
    }
