"""What the manifests ask Openbook to do, it can do: commands, import path, deployments, settings.

Each is checked by the code that reads it in production: the command line parses the entry points,
the strict reader of `serve` the Serve configuration, `load_settings` every file and variable. And
what they ask for fits: replicas and training workers find room on the workers there are.
"""

import importlib
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import typer.main
from pydantic import ValidationError
from ray import serve as ray_serve
from ray.serve.config import AutoscalingConfig

from cluster.cli import app
from cluster.errors import SettingsError
from cluster.resolve import load_settings
from cluster.settings import Settings
from serve.config import validate
from serve.scaling import deployment_options
from tests.k8s.manifests import (
    BUILDS,
    PodTemplate,
    groups,
    objects,
    only,
    ray_pods,
    serve_config,
    settings_text,
    title,
)

each_build = pytest.mark.parametrize("build", BUILDS)
# stands for the value of a secret, which is not in the manifests
SECRET = "a-secret"


def parse_command(command: str) -> dict[str, Any]:
    """Parameters of an `openbook ...` line, parsed by the command line itself; raises as it does."""
    program, *arguments = shlex.split(command)
    assert program == "openbook"
    group = typer.main.get_command(app)
    context = group.make_context(program, list(arguments))
    name, verb, rest = group.resolve_command(context, arguments)
    parsed: dict[str, Any] = verb.make_context(name, rest, parent=context).params
    return parsed


def settings_of(build: str, pod: PodTemplate, folder: Path, **flags: Any) -> Settings:
    """What Openbook resolves inside a pod."""
    file = folder / "openbook.yaml"
    file.write_text(settings_text(build), "utf-8")
    environ = {entry["name"]: entry.get("value", SECRET) for entry in pod.env}
    return load_settings(flags, file, environ).settings


def read_strictly(config: dict[str, Any]) -> None:
    """Raises for a key or value in a Serve configuration that Ray does not know or take."""
    validate(config)
    for application in config["applications"]:
        for deployment in application["deployments"]:
            # to Serve's schema a plain dictionary will do, until the application starts
            AutoscalingConfig.model_validate(deployment["autoscaling_config"])


@each_build
def test_entry_points_of_jobs_are_commands_that_exist(build: str) -> None:
    for job in objects(build, "RayJob"):
        assert parse_command(job["spec"]["entrypoint"])["json_output"], title(job)


def test_command_line_finds_a_misspelt_option() -> None:
    with pytest.raises(Exception, match="--datset"):
        parse_command("openbook train --datset handbook --adapter handbook-raft")


@each_build
def test_jobs_read_only_paths_that_their_workers_mount(build: str) -> None:
    for job in objects(build, "RayJob"):
        paths = [word for word in shlex.split(job["spec"]["entrypoint"]) if word.startswith("/")]
        _, workers = groups(job)
        mounts = workers[1]["template"]["spec"]["containers"][0]["volumeMounts"]
        for path in paths:
            assert any(path.startswith(f"{mount['mountPath']}/") for mount in mounts), title(job)


@each_build
def test_settings_of_every_pod_resolve(build: str, tmp_path: Path) -> None:
    for pod in ray_pods(build):
        resolved = settings_of(build, pod, tmp_path)
        assert resolved.store.access_key == SECRET, pod.where
        assert resolved.ray.auth_mode == "token", pod.where


def test_settings_file_with_a_misspelt_key_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "openbook.yaml"
    file.write_text(settings_text("base").replace("embed_actors", "embed_actor"), "utf-8")
    with pytest.raises(SettingsError, match=r"ingest\.embed_actor"):
        load_settings({}, file, {})


@each_build
def test_services_of_the_namespace_do_not_become_settings(build: str) -> None:
    # Kubernetes would add OPENBOOK_SERVE_SVC_PORT and the like for Service openbook-serve-svc
    for pod in ray_pods(build):
        assert pod.spec["enableServiceLinks"] is False, pod.where


@each_build
def test_pods_find_the_settings_file_where_they_look(build: str) -> None:
    for pod in ray_pods(build):
        path = Path(next(e["value"] for e in pod.env if e["name"] == "OPENBOOK_CONFIG"))
        mounts = {m["mountPath"]: m["name"] for m in pod.spec["containers"][0]["volumeMounts"]}
        volume = next(v for v in pod.spec["volumes"] if v["name"] == mounts[str(path.parent)])
        assert volume["configMap"]["name"] == only(build, "ConfigMap")["metadata"]["name"]
        assert path.name in only(build, "ConfigMap")["data"]


@each_build
def test_serve_config_is_one_that_ray_understands_in_full(build: str) -> None:
    read_strictly(serve_config(build))


@each_build
def test_import_path_builds_the_application_in_a_serving_pod(
    build: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (application,) = serve_config(build)["applications"]
    module, _, builder = application["import_path"].partition(":")
    for pod in ray_pods(build):
        if pod.where.startswith("RayService"):
            for entry in pod.env:
                monkeypatch.setenv(entry["name"], entry.get("value", SECRET))
            (tmp_path / "openbook.yaml").write_text(settings_text(build), "utf-8")
            monkeypatch.setenv("OPENBOOK_CONFIG", str(tmp_path / "openbook.yaml"))
            built = getattr(importlib.import_module(module), builder)(application["args"])
            assert isinstance(built, ray_serve.Application)


@each_build
def test_serve_config_names_the_deployments_of_the_application(build: str) -> None:
    (application,) = serve_config(build)["applications"]
    named = {deployment["name"] for deployment in application["deployments"]}
    assert named == deployment_options(Settings().serve).keys()


@each_build
def test_serve_config_and_settings_agree_on_the_address(build: str, tmp_path: Path) -> None:
    http = serve_config(build)["http_options"]
    for pod in ray_pods(build):
        settings = settings_of(build, pod, tmp_path)
        address = (settings.serve.host, settings.serve.port)
        assert address == (http["host"], http["port"]), pod.where
        service = f"http://{only(build, 'RayService')['metadata']['name']}-serve-svc:8000"
        assert settings.compare.url == service


@each_build
def test_arguments_of_the_application_are_settings(build: str, tmp_path: Path) -> None:
    (application,) = serve_config(build)["applications"]
    flags = {f"serve.{key}": value for key, value in application["args"]["serve"].items()}
    assert application["args"].keys() == {"serve"}
    for pod in ray_pods(build):
        settings_of(build, pod, tmp_path, **flags)


@pytest.mark.parametrize(
    ("place", "key"),
    [
        ((), "http_option"),
        (("http_options",), "ports"),
        (("applications", 0), "import_paths"),
        (("applications", 0, "deployments", 0), "max_ongoing_request"),
        (("applications", 0, "deployments", 0, "autoscaling_config"), "min_replica"),
    ],
)
def test_strict_reading_finds_a_misspelt_key_at_every_level(
    place: tuple[str | int, ...], key: str
) -> None:
    config = serve_config("base")
    inner: Any = config
    for step in place:
        inner = inner[step]
    inner[key] = 1
    with pytest.raises(SettingsError, match=rf"\b{key}'"):
        read_strictly(config)


def test_strict_reading_finds_a_value_that_ray_refuses() -> None:
    config = serve_config("base")
    config["applications"][0]["deployments"][0]["autoscaling_config"]["min_replicas"] = -1
    with pytest.raises(ValidationError, match="min_replicas"):
        read_strictly(config)


@each_build
def test_pods_stay_until_the_longest_answer_is_finished(build: str, tmp_path: Path) -> None:
    _, (_, group) = groups(only(build, "RayService"))
    pod = group["template"]["spec"]
    command = pod["containers"][0]["lifecycle"]["preStop"]["exec"]["command"]
    assert command[0] == "sleep"
    for found in ray_pods(build):
        options = deployment_options(settings_of(build, found, tmp_path).serve)
        drain = max(option["graceful_shutdown_timeout_s"] for option in options.values())
        assert int(command[1]) + drain <= pod["terminationGracePeriodSeconds"]


@each_build
def test_replicas_find_room_on_the_workers(build: str, tmp_path: Path) -> None:
    service = only(build, "RayService")
    _, (_, group) = groups(service)
    worker = _capacity(group)
    for pod in ray_pods(build):
        needs = _replica_needs(settings_of(build, pod, tmp_path))
        least = dict.fromkeys(worker, 0.0)
        for deployment in serve_config(build)["applications"][0]["deployments"]:
            one = needs[deployment["name"]]
            assert all(one[need] <= worker[need] for need in worker), deployment["name"]
            for need in worker:
                least[need] += one[need] * deployment["autoscaling_config"]["min_replicas"]
        assert all(least[need] <= group["minReplicas"] * worker[need] for need in worker)


@each_build
def test_training_workers_find_room_beside_the_driver(build: str, tmp_path: Path) -> None:
    job = next(j for j in objects(build, "RayJob") if j["metadata"]["name"] == "openbook-train")
    _, (_, group) = groups(job)
    pod = next(p for p in ray_pods(build) if p.where == "RayJob openbook-train: worker")
    train, worker = settings_of(build, pod, tmp_path).train, _capacity(group)
    assert train.num_workers <= group["replicas"]
    assert train.cpus_per_worker is not None
    assert train.cpus_per_worker + job["spec"]["entrypointNumCpus"] <= worker["cpu"]
    assert train.use_gpu == (worker["gpu"] >= 1)


def _capacity(group: Mapping[str, Any]) -> dict[str, float]:
    limits = group["template"]["spec"]["containers"][0]["resources"]["limits"]
    return {"cpu": float(limits["cpu"]), "gpu": float(limits.get("nvidia.com/gpu", 0))}


def _replica_needs(settings: Settings) -> dict[str, dict[str, float]]:
    options = deployment_options(settings.serve)
    needs = {name: option["ray_actor_options"] for name, option in options.items()}
    return {name: {"cpu": n["num_cpus"], "gpu": n["num_gpus"]} for name, n in needs.items()}
