"""Conventions as tests: who imports whom, how long files are, what stays light, upsert only."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("cluster", "data_prep", "train", "serve")
ALLOWED = {
    "cluster": {"cluster"},
    "data_prep": {"data_prep", "cluster"},
    "train": {"train", "cluster"},
    "serve": {"serve", "cluster"},
}
# files that may import Ray: composition only
RAY = {
    "cluster/runtime.py",
    "cluster/doctor.py",
    "data_prep/pipeline.py",
    "data_prep/corpus/sink.py",
    "train/launch.py",
    "train/placement.py",
    "train/sweep_tasks.py",
    "train/loop.py",
    "train/meeting.py",
    "serve/app.py",
    "serve/remote.py",
    "serve/router.py",
    "serve/config.py",
    "serve/cli.py",
}
LIGHT = [
    "cluster.errors", "cluster.records", "cluster.keys", "cluster.settings", "cluster.resolve",
    "cluster.prompts", "cluster.quotes", "cluster.cli", "cluster.leases", "cluster.corpora",
    "data_prep.teacher.budget", "data_prep.teacher.written",
    "data_prep.sets.distractors", "data_prep.sets.questions", "data_prep.sets.screen",
    "train.metrics", "train.statistics", "serve.schema",
    "serve.affinity", "serve.citations", "serve.rendering", "serve.scaling",
]  # fmt: skip
HEAVY = {"ray", "torch", "transformers", "peft", "pymilvus", "sentence_transformers", "pandas"}
CLUSTER = {
    "__init__", "__main__", "adapters", "api_calls", "artifacts", "cli", "config_cli", "console", "corpora",
    "datasets", "doctor", "doctor_cli", "embedder", "environment", "equal_hits", "errors", "filters",
    "formats", "fusion", "keys", "leases", "lora", "mapped_rows", "memory", "milvus_calls", "milvus_lite",
    "milvus_search", "models", "objects", "objects_local", "objects_s3", "options", "pointers", "prompts",
    "questions", "quotes", "records", "rerank", "resolve", "retrieval", "row_schema", "rows", "runtime",
    "search_cli", "sections", "session", "set_settings", "settings", "train_settings", "trained_models",
    "vectors", "words",
}  # fmt: skip


def python_files(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", python_files(*PACKAGES), ids=name)
def test_package_imports_only_what_its_layer_allows(path: Path) -> None:
    package = path.relative_to(ROOT).parts[0]
    used = {module.split(".")[0] for module in imports(ast.parse(path.read_text()))}
    assert used & set(PACKAGES) <= ALLOWED[package]
    if "ray" in used:
        assert name(path) in RAY, "Ray belongs in composition files"


@pytest.mark.parametrize("path", python_files(*PACKAGES), ids=name)
def test_own_modules_are_imported_at_the_top(path: Path) -> None:
    for function in ast.walk(ast.parse(path.read_text())):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            used = {module.split(".")[0] for module in imports(function)}
            assert not used & set(PACKAGES), f"{function.name} imports our own code inside"


@pytest.mark.parametrize("path", python_files(*PACKAGES, "tests"), ids=name)
def test_file_and_its_functions_are_short(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= 300
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and "tests" not in path.parts:
            length = (node.end_lineno or 0) - node.lineno + 1
            # the verbs of the command line spend most of their lines on options
            assert length <= (60 if path.name.endswith("cli.py") else 40), node.name


def test_light_modules_do_not_load_heavy_libraries() -> None:
    code = f"import sys, importlib\nfor m in {LIGHT!r}: importlib.import_module(m)\nprint(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert HEAVY.isdisjoint(loaded.stdout.split())


def test_rows_are_written_by_upsert_only() -> None:
    for path in python_files(*PACKAGES):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                assert node.func.attr != "insert" or "sys" in ast.dump(node), name(path)


def test_cluster_is_no_drawer() -> None:
    files = {path.stem for path in (ROOT / "cluster").glob("*.py")}
    assert files == CLUSTER, (
        "a new file in cluster needs a line in this test and a reason to be there"
    )


def test_no_drawer_names_and_no_packages_in_tests() -> None:
    banned = {"utils", "util", "helpers", "helper", "common", "manager", "misc"}
    assert not [name(p) for p in python_files(*PACKAGES, "tests") if p.stem in banned]
    assert not list((ROOT / "tests").rglob("__init__.py"))


def test_top_level_holds_only_the_agreed_folders() -> None:
    tracked = subprocess.run(
        ["git", "ls-files"], capture_output=True, text=True, cwd=ROOT, check=False
    )
    folders = {line.split("/")[0] for line in tracked.stdout.splitlines() if "/" in line}
    assert folders <= {*PACKAGES, "k8s", "tests", ".ci"}
