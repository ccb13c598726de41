"""The Serve YAML says what the settings say, and a typo in one is refused at every level."""

from typing import Any

import pytest
import yaml
from pydantic import SecretStr

from cluster.errors import SettingsError
from cluster.resolve import load_settings
from cluster.settings import (
    AutoscaleSettings,
    EngineSettings,
    MilvusSettings,
    ServeSettings,
    Settings,
    StoreSettings,
)
from serve.app import build
from serve.config import serve_config, serve_yaml, validate
from serve.scaling import GATEWAY, GENERATOR, RETRIEVER, deployment_options, engine_threads

CLUSTER = Settings(
    store=StoreSettings(url="s3://bucket/x", secret_key=SecretStr("hush")),
    milvus=MilvusSettings(uri="http://milvus:19530", token=SecretStr("hush")),
    serve=ServeSettings(corpus="lamps", generator=AutoscaleSettings(max_replicas=7, num_gpus=1)),
)


def test_yaml_holds_replicas_and_settings_but_no_secrets() -> None:
    text = serve_yaml(CLUSTER)
    assert "hush" not in text
    (app,) = yaml.safe_load(text)["applications"]
    assert app["import_path"] == "serve.app:build"
    assert app["args"]["serve"]["corpus"] == "lamps"
    assert app["args"]["milvus"] == {"uri": "http://milvus:19530"}
    deployments = {item["name"]: item for item in app["deployments"]}
    assert set(deployments) == {GATEWAY, RETRIEVER, GENERATOR}
    assert deployments[GENERATOR]["autoscaling_config"]["max_replicas"] == 7
    assert deployments[GENERATOR]["ray_actor_options"]["num_gpus"] == 1


def test_yaml_of_the_defaults_needs_no_settings() -> None:
    (app,) = serve_config(Settings())["applications"]
    assert app["args"] == {}


@pytest.mark.parametrize(
    ("path", "key"),
    [
        ((), "proxy_locations"),
        (("http_options",), "prot"),
        (("applications", 0), "import_paths"),
        (("applications", 0, "deployments", 1), "max_ongoing_request"),
        (("applications", 0, "deployments", 1, "autoscaling_config"), "min_replica"),
        (("applications", 0, "deployments", 1, "ray_actor_options"), "num_cpu"),
        (("applications", 0, "deployments", 0, "backpressure_config"), "retry_after"),
    ],
)
def test_validate_typo_is_refused_with_its_path(path: tuple[Any, ...], key: str) -> None:
    config = serve_config(Settings())
    node: Any = config
    for step in path:
        node = node[step]
    node[key] = 1
    with pytest.raises(SettingsError, match=key):
        validate(config)


def test_validate_bad_value_is_refused() -> None:
    config = serve_config(Settings())
    config["http_options"]["port"] = "here"
    with pytest.raises(SettingsError, match="port"):
        validate(config)


def test_build_makes_the_application_from_its_args() -> None:
    (app,) = serve_config(CLUSTER)["applications"]
    assert build(app["args"]).__class__.__name__ == "Application"


def test_build_without_a_milvus_server_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"milvus\.uri"):
        build({})
    with pytest.raises(SettingsError, match=r"serve\.corpse"):
        build({"milvus": {"uri": "http://m"}, "serve": {"corpse": "x"}})


def test_options_a_replica_may_finish_its_longest_stream() -> None:
    for options in deployment_options(ServeSettings(request_timeout_s=300)).values():
        assert options["graceful_shutdown_timeout_s"] > 300


def test_options_update_starts_new_replicas_before_it_stops_old_ones_as_set() -> None:
    tight = AutoscaleSettings(max_surge_percent=0)
    options = deployment_options(ServeSettings(generator=tight))
    assert options[GENERATOR]["max_surge_percent"] == 0
    assert options[GATEWAY]["max_surge_percent"] == options[RETRIEVER]["max_surge_percent"] == 50


@pytest.mark.parametrize("queued", [0, 10, -1])
def test_options_gateway_refuses_before_serve_does(queued: int) -> None:
    scale = AutoscaleSettings(max_ongoing_requests=5, max_queued_requests=queued)
    options = deployment_options(ServeSettings(gateway=scale))[GATEWAY]
    assert options["max_ongoing_requests"] > 5 + queued
    assert options["max_queued_requests"] > 1000
    validate(serve_config(Settings(serve=ServeSettings(gateway=scale))))


def test_validate_typo_in_the_router_is_refused() -> None:
    config = serve_config(Settings())
    generator = config["applications"][0]["deployments"][2]
    generator["request_router_config"]["request_router_clas"] = "x"
    with pytest.raises(SettingsError, match="request_router_clas"):
        validate(config)


def test_engine_threads_by_setting_by_cpus_of_the_replica_or_by_machine() -> None:
    three = AutoscaleSettings(num_cpus=3)
    assert engine_threads(ServeSettings(generator=three)) == 3
    assert engine_threads(ServeSettings(generator=three, engine=EngineSettings(threads=5))) == 5
    assert engine_threads(ServeSettings()) >= 1


def test_yaml_reads_back_as_the_same_settings() -> None:
    ours = load_settings({"serve.generator.max_ongoing_requests": 16, "serve.port": 9}).settings
    (app,) = serve_config(ours)["applications"]
    assert app["args"]["serve"]["generator"] == {"max_ongoing_requests": 16}
    assert Settings.model_validate(app["args"]) == ours
