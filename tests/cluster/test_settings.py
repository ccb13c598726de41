"""Settings: precedence, refusal of unknown keys with their source, secrets hidden."""

from pathlib import Path

import pytest

from cluster.config_cli import shown
from cluster.errors import SettingsError
from cluster.options import parse_overrides
from cluster.resolve import fields_of, load_settings


def test_settings_precedence_is_flags_environment_file_defaults(tmp_path: Path) -> None:
    file = tmp_path / "openbook.yaml"
    file.write_text("train: {epochs: 5, batch_size: 5, lora_rank: 5}\n")
    environ = {"OPENBOOK_TRAIN__BATCH_SIZE": "6", "OPENBOOK_TRAIN__LORA_RANK": "6"}

    resolved = load_settings({"train.lora_rank": 7, "train.seed": None}, file, environ)

    train = resolved.settings.train
    assert (train.epochs, train.batch_size, train.lora_rank, train.seed) == (5, 6, 7, 0)
    assert resolved.sources == {
        "train.epochs": str(file),
        "train.batch_size": "environment",
        "train.lora_rank": "flag",
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("trian: {epochs: 1}", r"unknown setting 'trian' \(from .*openbook.yaml\)"),
        ("train: {epoch: 1}", r"unknown setting 'train.epoch' \(from .*openbook.yaml\)"),
        ("train: {epochs: none}", r"'train.epochs' \(from .*openbook.yaml\).*got 'none'"),
        ("serve: {engine: {max_batch: 64, step_tokens: 64}}", "raise step_tokens"),
        ("train: {epochs: 0}", r"greater than or equal to 1, got 0"),
        ("- a\n- b", "must hold a mapping"),
        ("a: [", "not valid YAML"),
    ],
)
def test_settings_file_with_a_mistake_names_key_and_source(
    tmp_path: Path, text: str, message: str
) -> None:
    file = tmp_path / "openbook.yaml"
    file.write_text(text)
    with pytest.raises(SettingsError, match=message):
        load_settings(None, file, {})


def test_settings_file_asked_for_but_missing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="does not exist"):
        load_settings(None, tmp_path / "no.yaml", {})


def test_environment_with_an_unknown_key_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"'serve.prot' \(from environment\)"):
        load_settings(None, None, {"OPENBOOK_SERVE__PROT": "1"})


def test_override_without_equals_sign_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"dotted\.key=value"):
        parse_overrides(["train.epochs"])
    assert parse_overrides(["a.b=1", "c=x"]) == {"a.b": 1, "c": "x"}


def test_secret_is_shown_as_stars() -> None:
    resolved = load_settings({"store.secret_key": "hunter2"}, None, {})
    assert shown(resolved, "store.secret_key") == "***"
    assert "hunter2" not in repr(resolved)


def test_every_default_can_be_written_down_and_read_back() -> None:
    defaults = {key: default for key, default in fields_of().items() if default is not None}
    assert load_settings(defaults, None, {}).settings == load_settings(None, None, {}).settings


@pytest.mark.parametrize("secret", ["12345", "yes", "0x1F", "#abc", "@foo", '"q', "a: b", "null"])
def test_secret_from_the_environment_is_taken_as_it_stands(secret: str) -> None:
    found = load_settings(None, None, {"OPENBOOK_STORE__SECRET_KEY": secret}).settings
    assert found.store.secret_key is not None
    assert found.store.secret_key.get_secret_value() == secret


def test_bad_value_of_a_secret_is_never_printed(tmp_path: Path) -> None:
    file = tmp_path / "openbook.yaml"
    file.write_text("store: {secret_key: 987654}")
    with pytest.raises(SettingsError) as caught:
        load_settings(None, file, {})
    assert "987654" not in str(caught.value)
    assert "store.secret_key" in str(caught.value)


def test_list_setting_is_read_from_text() -> None:
    given = parse_overrides(['train.lora_targets=["q_proj", "v_proj"]'])
    settings = load_settings(given, environ={}).settings
    assert settings.train.lora_targets == ("q_proj", "v_proj")


def test_section_given_in_part_keeps_the_rest_of_its_default() -> None:
    default = load_settings(environ={}).settings.serve.generator
    given = load_settings({"serve.generator.max_replicas": 5}, environ={}).settings.serve.generator
    assert given == default.model_copy(update={"max_replicas": 5})
    assert default.target_ongoing_requests != type(default)().target_ongoing_requests


def test_more_replicas_at_least_than_at_most_are_refused() -> None:
    with pytest.raises(SettingsError, match="min_replicas is 9 and max_replicas 2"):
        load_settings({"serve.generator.min_replicas": 9}, environ={})
