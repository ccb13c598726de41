"""Every object that the kustomizations make is one that Kubernetes and KubeRay accept as it stands.

Nothing in it is dropped in silence, every name it refers to exists, pods run under the `restricted`
Pod Security Standard, and no secret is written down.
"""

from typing import Any

import kubernetes_validate
import pytest
import yaml

from tests.k8s.crds import violations
from tests.k8s.manifests import (
    BUILDS,
    CLUSTER_FIELD,
    ROOT,
    all_pods,
    cluster_spec,
    groups,
    objects,
    only,
    ray_pods,
    render,
    settings_text,
    title,
)
from tests.k8s.operator_rules import broken_rules

KUBERNETES = kubernetes_validate.latest_version()
RESTRICTED_VOLUMES = {"configMap", "emptyDir", "persistentVolumeClaim", "projected", "secret"}
each_build = pytest.mark.parametrize("build", BUILDS)


@each_build
def test_objects_of_core_kinds_fit_the_schemas_of_kubernetes(build: str) -> None:
    for found in objects(build):
        if not found["apiVersion"].startswith("ray.io/"):
            kubernetes_validate.validate(found, KUBERNETES, strict=True)


@each_build
def test_objects_of_ray_kinds_fit_the_schemas_of_kuberay(build: str) -> None:
    found = {title(ray): violations(ray) for ray in objects(build, *CLUSTER_FIELD)}
    assert found == {name: [] for name in found}


@each_build
def test_objects_of_ray_kinds_keep_the_rules_of_the_operator(build: str) -> None:
    found = {title(ray): broken_rules(ray) for ray in objects(build, *CLUSTER_FIELD)}
    assert found == {name: [] for name in found}


@each_build
def test_pod_templates_are_pods_that_kubernetes_accepts(build: str) -> None:
    for pod in all_pods(build):
        template = {"metadata": {"labels": pod.labels}, "spec": pod.spec}
        kept = {"apiVersion": "v1", "kind": "PodTemplate", "metadata": {"name": "x"}}
        kubernetes_validate.validate({**kept, "template": template}, KUBERNETES, strict=True)


@each_build
def test_base_holds_a_service_and_a_suspended_job_for_every_batch_verb(build: str) -> None:
    jobs = {job["metadata"]["name"]: job["spec"] for job in objects(build, "RayJob")}
    assert set(jobs) == {f"openbook-{verb}" for verb in ("ingest", "synth", "train", "compare")}
    assert all(spec["suspend"] for spec in jobs.values())
    assert only(build, "RayService")["metadata"]["name"] == "openbook"


@each_build
def test_pods_are_restricted(build: str) -> None:
    for pod in all_pods(build):
        assert _unrestricted(pod.spec) == [], pod.where
    autoscaler = cluster_spec(only(build, "RayService"))["autoscalerOptions"]
    assert _may_escalate(autoscaler) == []


@each_build
def test_pods_have_memory_limits_equal_to_their_requests(build: str) -> None:
    for pod in all_pods(build):
        for container in pod.spec["containers"]:
            resources = container["resources"]
            assert resources["limits"] == resources["requests"], pod.where
            assert {"cpu", "memory"} <= resources["limits"].keys(), pod.where


@each_build
def test_references_lead_to_objects_that_exist(build: str) -> None:
    names = {(found["kind"], found["metadata"]["name"]) for found in render(build)}
    for pod in all_pods(build):
        for volume in pod.spec.get("volumes", []):
            if "configMap" in volume:
                assert ("ConfigMap", volume["configMap"]["name"]) in names, pod.where
            if "persistentVolumeClaim" in volume:
                claim = volume["persistentVolumeClaim"]["claimName"]
                assert ("PersistentVolumeClaim", claim) in names, pod.where
        if "serviceAccountName" in pod.spec:
            assert ("ServiceAccount", pod.spec["serviceAccountName"]) in names, pod.where


@each_build
def test_mounts_have_volumes(build: str) -> None:
    for pod in all_pods(build):
        volumes = {volume["name"] for volume in pod.spec.get("volumes", [])}
        mounted = {m["name"] for c in pod.spec["containers"] for m in c["volumeMounts"]}
        assert mounted == volumes, pod.where


@each_build
def test_network_policy_and_budget_select_the_pods_they_are_for(build: str) -> None:
    everyone, api = objects(build, "NetworkPolicy")
    assert all(_selects(everyone["spec"]["podSelector"], pod.labels) for pod in all_pods(build))
    reached = {
        pod.where for pod in all_pods(build) if _selects(api["spec"]["podSelector"], pod.labels)
    }
    assert reached == {"RayService openbook: head", "RayService openbook: worker"}
    budget = only(build, "PodDisruptionBudget")["spec"]["selector"]
    # ray.io/node-type is a label that KubeRay adds
    kept = [p.where for p in all_pods(build) if _selects(budget, p.labels | _node_type(p.role))]
    assert kept == ["RayService openbook: worker"]


@each_build
def test_all_pods_run_one_image(build: str) -> None:
    images = {c["image"] for pod in all_pods(build) for c in pod.spec["containers"]}
    suffix = {"base": "", "overlays/cpu": "-cpu", "overlays/gpu": "-gpu"}[build]
    assert {image.rpartition(":")[2] for image in images} == {f"{_project_version()}{suffix}"}
    assert len(images) == 1


@each_build
def test_ray_version_is_the_one_in_the_constraints(build: str) -> None:
    found = {cluster_spec(ray)["rayVersion"] for ray in objects(build, *CLUSTER_FIELD)}
    constraints = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    assert {f"ray=={version}" for version in found} <= set(constraints)


@each_build
def test_objects_carry_the_labels_of_the_project(build: str) -> None:
    for found in objects(build):
        labels = found["metadata"]["labels"]
        assert labels["app.kubernetes.io/name"] == "openbook", title(found)
        assert labels["app.kubernetes.io/version"] == _project_version(), title(found)


@each_build
def test_secrets_come_by_reference_only(build: str) -> None:
    assert objects(build, "Secret") == []
    for pod in ray_pods(build):
        secret = {e["name"]: e for e in pod.env if _is_secret(e["name"])}
        assert len(secret) == 4, pod.where
        for entry in secret.values():
            assert entry["valueFrom"]["secretKeyRef"]["name"] == "openbook-secrets", pod.where
    written = yaml.safe_load(settings_text(build))
    assert not {"access_key", "secret_key"} & written["store"].keys()
    assert not {"token", "user", "password"} & written["milvus"].keys()


def test_readme_says_what_the_secret_must_hold() -> None:
    readme = (ROOT / "k8s/README.md").read_text("utf-8")
    keys = {
        e["valueFrom"]["secretKeyRef"]["key"] for e in ray_pods("base")[0].env if "valueFrom" in e
    }
    assert all(f"--from-literal={key}=" in readme for key in keys)


def test_the_settings_file_reaches_the_pods_unchanged() -> None:
    assert settings_text("base") == (ROOT / "k8s/base/openbook.yaml").read_text("utf-8")


def test_gpu_overlay_asks_for_a_gpu_where_one_computes() -> None:
    asking = {
        pod.where
        for pod in all_pods("overlays/gpu")
        if "nvidia.com/gpu" in pod.spec["containers"][0]["resources"]["limits"]
    }
    assert asking == {"RayService openbook: worker", "RayJob openbook-train: worker"}
    for pod in all_pods("overlays/cpu"):
        assert "nvidia.com/gpu" not in pod.spec["containers"][0]["resources"]["limits"]


def test_schemas_find_a_misspelt_field_of_a_ray_kind() -> None:
    service = yaml.safe_load(yaml.safe_dump(only("base", "RayService")))
    service["spec"]["rayClusterConfig"]["headGroupSpec"]["rayStartParam"] = {}
    pod = service["spec"]["rayClusterConfig"]["workerGroupSpecs"][0]["template"]["spec"]
    pod["containers"][0]["resorces"] = {}
    pod["containers"][0]["name"] = 7
    assert violations(service) == [
        "RayService.spec.rayClusterConfig.headGroupSpec.rayStartParam: unknown key",
        "RayService.spec.rayClusterConfig.workerGroupSpecs[0].template.spec.containers[0].resorces:"
        " unknown key",
        "$.spec.rayClusterConfig.workerGroupSpecs[0].template.spec.containers[0].name:"
        " 7 is not of type 'string'",
    ]


def test_operator_rules_find_what_the_schemas_allow() -> None:
    job = yaml.safe_load(yaml.safe_dump(objects("base", "RayJob")[0]))
    job["spec"]["shutdownAfterJobFinishes"] = False
    cluster_spec(job)["rayVersion"] = "2.51.0"
    assert violations(job) == []
    assert broken_rules(job) == [
        "token authentication needs rayVersion 2.52 or later, got '2.51.0'",
        "ttlSecondsAfterFinished needs shutdownAfterJobFinishes",
        "suspend needs shutdownAfterJobFinishes",
    ]
    service = yaml.safe_load(yaml.safe_dump(only("base", "RayService")))
    next(groups(service))[1]["template"]["spec"]["restartPolicy"] = "Always"
    assert broken_rules(service) == ["head: autoscaler v2 needs restartPolicy Never"]


def _unrestricted(spec: dict[str, Any]) -> list[str]:
    """What the `restricted` Pod Security Standard forbids in a pod."""
    security = spec.get("securityContext", {})
    found = [name for name in ("hostNetwork", "hostPID", "hostIPC") if spec.get(name)]
    if not security.get("runAsNonRoot") or security.get("runAsUser", 0) == 0:
        found.append("may run as root")
    if security.get("seccompProfile", {}).get("type") != "RuntimeDefault":
        found.append("no seccomp profile")
    for volume in spec.get("volumes", []):
        found += volume.keys() - RESTRICTED_VOLUMES - {"name"}
    for container in [*spec["containers"], *spec.get("initContainers", [])]:
        found += _may_escalate(container)
    return found


def _may_escalate(container: dict[str, Any]) -> list[str]:
    security = container.get("securityContext", {})
    found = []
    if security.get("allowPrivilegeEscalation", True) or security.get("privileged"):
        found.append("may gain privileges")
    if security.get("capabilities", {}) != {"drop": ["ALL"]}:
        found.append("keeps capabilities")
    return found


def _selects(selector: dict[str, Any], labels: dict[str, str]) -> bool:
    assert selector.keys() == {"matchLabels"}
    return bool(selector["matchLabels"].items() <= labels.items())


def _node_type(role: str) -> dict[str, str]:
    return {"ray.io/node-type": role}


def _project_version() -> str:
    text = (ROOT / "pyproject.toml").read_text("utf-8")
    return next(line.split('"')[1] for line in text.splitlines() if line.startswith("version = "))


def _is_secret(variable: str) -> bool:
    return any(word in variable for word in ("KEY", "TOKEN", "SECRET", "PASSWORD"))
