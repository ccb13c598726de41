"""The Dockerfile, read instruction by instruction: it copies what exists and what the context lets in,
installs only tested versions, and ends as the user that the pods run as.
"""

import fnmatch
import pkgutil
import shlex
import tomllib
from pathlib import PurePosixPath

from starlette.middleware import Middleware

from cluster.environment import SERVE_ENVIRONMENT, SPINS
from tests.k8s.manifests import ROOT, all_pods, ray_pods

Instruction = tuple[str, str]


def instructions() -> list[Instruction]:
    """(keyword, rest) of the Dockerfile, comments gone and continued lines joined."""
    lines = (ROOT / "k8s/Dockerfile").read_text("utf-8").splitlines()
    text = "\n".join(line for line in lines if not line.lstrip().startswith("#"))
    logical = text.replace("\\\n", " ").splitlines()
    split = (line.strip().partition(" ") for line in logical if line.strip())
    return [(keyword, rest.strip()) for keyword, _, rest in split]


def last_stage() -> list[Instruction]:
    """The instructions that make the final image."""
    found = instructions()
    start = max(i for i, (keyword, _) in enumerate(found) if keyword == "FROM")
    return found[start:]


def copied_from_context() -> set[str]:
    """Sources of COPY that come from the build context, not from another stage."""
    copies = [shlex.split(rest) for keyword, rest in instructions() if keyword == "COPY"]
    return {source for words in copies if "--from" not in words[0] for source in words[:-1]}


def test_copied_sources_exist_and_are_in_the_context() -> None:
    ignore = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    let_in = {line.removeprefix("!") for line in ignore if line.startswith("!")}
    assert "*" in ignore
    for source in copied_from_context():
        assert (ROOT / source).exists(), source
    assert copied_from_context() == let_in


def test_context_leaves_secrets_and_caches_out() -> None:
    ignore = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    let_in = [line.removeprefix("!") for line in ignore if line.startswith("!")]
    for path in (".env", ".git/config", ".venv/bin/python", "openbook.yaml", ".openbook/store/x"):
        top = PurePosixPath(path).parts[0]
        assert not any(fnmatch.fnmatch(top, pattern) for pattern in let_in), path


def test_every_package_of_the_wheel_is_copied() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    packages = project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert set(packages) <= copied_from_context()
    assert {"pyproject.toml", project["project"]["readme"], "LICENSE"} <= copied_from_context()


def test_installs_take_tested_versions_only() -> None:
    runs = [rest for keyword, rest in last_stage() if keyword == "RUN" and "pip install" in rest]
    assert len(runs) == 4
    for run in runs:
        built = "--no-deps" in run and "/*.whl" in run
        assert built or "--constraint /tmp/build/constraints.txt" in run, run
    (download,) = (rest for keyword, rest in instructions() if "pip download" in rest)
    assert "--no-deps --constraint constraints.txt" in download


def test_constraints_leave_the_build_of_torch_open() -> None:
    # `torch==2.13.0` allows 2.13.0+cpu and 2.13.0+cu130: one file for both images
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    (torch,) = (line for line in lines if line.startswith("torch=="))
    assert "+" not in torch


def test_default_extras_are_extras_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    (extras,) = {r.partition("=")[2] for k, r in instructions() if k == "ARG" and "EXTRAS" in r}
    assert set(extras.split(",")) <= project["optional-dependencies"].keys()


def test_image_runs_as_the_numeric_user_of_the_pods() -> None:
    user = [rest for keyword, rest in last_stage() if keyword == "USER"][-1]
    for pod in all_pods("base"):
        security = pod.spec["securityContext"]
        assert user == f"{security['runAsUser']}:{security['runAsGroup']}", pod.where


def test_volatile_folders_of_the_pods_are_volumes() -> None:
    for pod in ray_pods("base"):
        volumes = {v["name"] for v in pod.spec["volumes"] if "emptyDir" in v}
        mounts = pod.spec["containers"][0]["volumeMounts"]
        assert "/tmp" in {m["mountPath"] for m in mounts if m["name"] in volumes}, pod.where


def test_image_serves_with_the_variables_of_the_runtime() -> None:
    lines = [rest for keyword, rest in last_stage() if keyword == "ENV"]
    items = [item for line in lines for item in shlex.split(line)]
    given = dict(item.partition("=")[::2] for item in items)
    serve = {name: value for name, value in given.items() if name.startswith("RAY_SERVE_")}
    assert serve == SERVE_ENVIRONMENT
    assert given["GOMP_SPINCOUNT"] == SPINS
    for name, path in serve.items():
        if name.endswith("_IMPORT_PATH"):
            assert all(isinstance(item, Middleware) for item in pkgutil.resolve_name(path)())
