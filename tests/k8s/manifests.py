"""What `kubectl kustomize` makes of k8s/, as plain dictionaries; skips with a reason without kubectl."""

import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
import yaml

Object = dict[str, Any]
ROOT = Path(__file__).parents[2]
BUILDS = ("base", "overlays/cpu", "overlays/gpu")
# where Ray's kinds keep a RayClusterSpec
CLUSTER_FIELD = {"RayService": "rayClusterConfig", "RayJob": "rayClusterSpec"}


@dataclass(frozen=True, slots=True)
class PodTemplate:
    """A pod template and where it stands; `where` is "RayJob openbook-train: head"."""

    where: str
    role: str
    labels: dict[str, str]
    spec: Object

    @property
    def env(self) -> list[Object]:
        return list(self.spec["containers"][0].get("env", []))


@lru_cache
def render(build: str) -> tuple[Object, ...]:
    """All objects of a kustomization, in the order printed."""
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("kubectl is not installed: nothing renders the kustomizations")
    done = subprocess.run(
        [kubectl, "kustomize", str(ROOT / "k8s" / build)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return tuple(yaml.safe_load_all(done.stdout))


def objects(build: str, *kinds: str) -> list[Object]:
    """The rendered objects of these kinds; all without kinds."""
    return [found for found in render(build) if not kinds or found["kind"] in kinds]


def only(build: str, kind: str) -> Object:
    """The one object of a kind."""
    (found,) = objects(build, kind)
    return found


def title(found: Object) -> str:
    return f"{found['kind']} {found['metadata']['name']}"


def cluster_spec(found: Object) -> Object:
    """The RayClusterSpec inside a RayService or RayJob."""
    spec: Object = found["spec"][CLUSTER_FIELD[found["kind"]]]
    return spec


def groups(found: Object) -> Iterator[tuple[str, Object]]:
    """("head", group), then ("worker", group) for each worker group."""
    cluster = cluster_spec(found)
    yield "head", cluster["headGroupSpec"]
    for group in cluster.get("workerGroupSpecs", []):
        yield "worker", group


def pod_templates(found: Object) -> Iterator[PodTemplate]:
    """Every pod template of a RayService or RayJob, the submitter's included."""
    for role, group in groups(found):
        yield _pod(found, role, group["template"])
    if "submitterPodTemplate" in found["spec"]:
        yield _pod(found, "submitter", found["spec"]["submitterPodTemplate"])


def all_pods(build: str) -> list[PodTemplate]:
    """Every pod template of a build."""
    return [pod for found in objects(build, *CLUSTER_FIELD) for pod in pod_templates(found)]


def ray_pods(build: str) -> list[PodTemplate]:
    """The pods that run Openbook: heads and workers."""
    return [pod for pod in all_pods(build) if pod.role != "submitter"]


def serve_config(build: str) -> Object:
    """The Serve configuration inside the RayService."""
    text = only(build, "RayService")["spec"]["serveConfigV2"]
    config: Object = yaml.safe_load(text)
    return config


def settings_text(build: str) -> str:
    """openbook.yaml as the pods see it."""
    return str(only(build, "ConfigMap")["data"]["openbook.yaml"])


def _pod(found: Object, role: str, template: Object) -> PodTemplate:
    labels = template.get("metadata", {}).get("labels", {})
    return PodTemplate(f"{title(found)}: {role}", role, labels, template["spec"])
