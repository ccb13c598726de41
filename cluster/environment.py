"""Environment variables that Ray, Ray Serve and torch read when they are imported or when Ray starts.

Ray's workers inherit them. On a cluster the image sets those that serving needs (`k8s/Dockerfile`).
"""

import os

# How long a thread of torch spins for the others before it sleeps. By default milliseconds, for which it
# keeps a thread that has lost its core to another process from running: with both cores busy a token of a
# tiny model took 60 to 230 ms by two threads and takes 36 ms, 4 ms by one. Alone nothing is lost; fewer
# spins than these cost 5 % (2 cores AMD EPYC, 2026-11-29).
SPINS = "20000"
# our replicas block no event loop, so Serve need not hand every token from one loop to another;
# the time that a client allows is kept by the gateway, which answers in OpenAI's shape
SERVE_ENVIRONMENT = {
    "RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH": "serve.proxy:middlewares",
    "RAY_SERVE_RUN_USER_CODE_IN_SEPARATE_THREAD": "0",
    "RAY_SERVE_RUN_ROUTER_IN_SEPARATE_LOOP": "0",
    "RAY_SERVE_REQUEST_PATH_LOG_BUFFER_SIZE": "1000",
    # tokens go from replica to replica by gRPC, for less processor time than Ray's own streams; each
    # replica listens for it in any case
    "RAY_SERVE_USE_GRPC_BY_DEFAULT": "1",
    "RAY_SERVE_REPLICA_GRPC_MAX_MESSAGE_LENGTH": str(64 * 2**20),
}

_RAY_ENVIRONMENT = {
    # Ray's C++ prints to our stderr even what it also logs; its log files keep everything
    "RAY_BACKEND_LOG_LEVEL": "fatal",
    "RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S": "600",
    # Ray Data copies device visibility only for GPUs; the warning about it helps nobody here
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "GOMP_SPINCOUNT": SPINS,
}


def set_environment() -> None:
    """Set what the user has not; before anything imports Ray Serve, which looks only once."""
    for name, value in {**_RAY_ENVIRONMENT, **SERVE_ENVIRONMENT}.items():
        os.environ.setdefault(name, value)
