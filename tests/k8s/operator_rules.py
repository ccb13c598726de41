"""Rules that KubeRay 1.7 checks in its own code, not in its schemas: what it would refuse to run.

Written after the operator's documented behaviour; each function takes an object and yields messages.
"""

import re
from collections.abc import Iterator
from typing import Any

from tests.k8s.manifests import Object, cluster_spec, groups

# RayCluster's names are 53 long at most and get a suffix
_MAX_NAME = {"RayCluster": 53, "RayJob": 47, "RayService": 47}
_DNS_1035 = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
_RESOURCE_PARAMS = {"num-cpus", "num-gpus", "memory", "resources"}
_REDIS_ENV = {"RAY_REDIS_ADDRESS", "REDIS_PASSWORD", "REDIS_USERNAME"}
_AUTH_SINCE = (2, 52)


def broken_rules(found: Object) -> list[str]:
    """Every rule that a RayService or RayJob breaks."""
    problems = [*_name(found), *_cluster(found), *_groups(found)]
    problems += _job(found["spec"]) if found["kind"] == "RayJob" else _service(found["spec"])
    return problems


def _name(found: Object) -> Iterator[str]:
    name, limit = found["metadata"]["name"], _MAX_NAME[found["kind"]]
    if len(name) > limit:
        yield f"name {name!r} is longer than {limit}"
    if not _DNS_1035.fullmatch(name):
        yield f"name {name!r} is not a DNS-1035 label"


def _cluster(found: Object) -> Iterator[str]:
    cluster = cluster_spec(found)
    auth = cluster.get("authOptions")
    if auth and auth.get("mode", "token") == "token":
        version = cluster.get("rayVersion", "")
        if not version or tuple(map(int, version.split(".")[:2])) < _AUTH_SINCE:
            yield f"token authentication needs rayVersion 2.52 or later, got {version!r}"
        if auth.get("enableK8sTokenAuth"):
            yield "authentication by Kubernetes tokens is for RayCluster only"
    if "autoscalerOptions" in cluster and not cluster.get("enableInTreeAutoscaling"):
        yield "autoscalerOptions without enableInTreeAutoscaling"


def _groups(found: Object) -> Iterator[str]:
    autoscaling = cluster_spec(found).get("enableInTreeAutoscaling", False)
    for role, group in groups(found):
        params, pod = group.get("rayStartParams", {}), group["template"]["spec"]
        env = {entry["name"] for entry in pod["containers"][0].get("env", [])}
        if group.get("resources") and _RESOURCE_PARAMS & params.keys():
            yield f"{role}: resources in both rayStartParams and the group"
        if "labels" in params:
            yield f"{role}: labels belong to the group, not to rayStartParams"
        if autoscaling and pod.get("restartPolicy", "Never") != "Never":
            yield f"{role}: autoscaler v2 needs restartPolicy Never"
        if autoscaling and group.get("suspend"):
            yield f"{role}: a group cannot be suspended under the autoscaler"
        if "RAY_enable_autoscaler_v2" in env:
            yield f"{role}: use autoscalerOptions.version, not the environment"
        if env & _REDIS_ENV:
            yield f"{role}: use gcsFaultToleranceOptions, not {sorted(env & _REDIS_ENV)}"


def _job(spec: dict[str, Any]) -> Iterator[str]:
    ends = spec.get("shutdownAfterJobFinishes", False)
    if spec.get("ttlSecondsAfterFinished", 0) > 0 and not ends:
        yield "ttlSecondsAfterFinished needs shutdownAfterJobFinishes"
    if spec.get("suspend") and not ends:
        yield "suspend needs shutdownAfterJobFinishes"
    if spec.get("deletionStrategy", {}).get("deletionRules") and ends:
        yield "deletionRules and shutdownAfterJobFinishes exclude each other"
    if ("rayClusterSpec" in spec) == ("clusterSelector" in spec):
        yield "exactly one of rayClusterSpec and clusterSelector"
    if spec.get("activeDeadlineSeconds", 1) <= 0 or spec.get("backoffLimit", 0) < 0:
        yield "activeDeadlineSeconds must be positive, backoffLimit not negative"
    mode, submitter = spec.get("submissionMode", "K8sJobMode"), spec.get("submitterPodTemplate")
    if mode != "K8sJobMode" and (submitter or "submitterConfig" in spec):
        yield f"a submitter pod with submissionMode {mode}"
    if submitter and submitter["spec"].get("restartPolicy") not in ("Never", "OnFailure"):
        yield "the submitter runs in a Job: restartPolicy must be Never or OnFailure"


def _service(spec: dict[str, Any]) -> Iterator[str]:
    head = spec["rayClusterConfig"]["headGroupSpec"]
    if head.get("headService", {}).get("metadata", {}).get("name"):
        yield "headService must not be named"
    strategy = spec.get("upgradeStrategy", {})
    if strategy.get("type") not in (None, "None", "NewCluster", "NewClusterWithIncrementalUpgrade"):
        yield f"upgradeStrategy.type {strategy['type']!r} is unknown"
    if strategy.get("type") == "NewClusterWithIncrementalUpgrade":
        options = strategy.get("clusterUpgradeOptions", {})
        if not options.get("gatewayClassName") or options.get("intervalSeconds", 0) <= 0:
            yield "an incremental upgrade needs gatewayClassName and intervalSeconds"
    for dead in ("serviceUnhealthySecondThreshold", "deploymentUnhealthySecondThreshold"):
        if dead in spec:
            yield f"{dead} does nothing any more"
    if spec.get("rayClusterDeletionDelaySeconds", 0) < 0:
        yield "rayClusterDeletionDelaySeconds must not be negative"
