"""What there is to learn from a set: the modes of training, and the kind of set that each needs."""

from collections.abc import Mapping
from typing import Literal, get_args

from cluster.errors import UsageError

Mode = Literal["raft", "dsf", "cpt", "instruct"]
MODES: tuple[Mode, ...] = get_args(Mode)
KIND: Mapping[Mode, str] = {"raft": "raft", "dsf": "raft", "cpt": "cpt", "instruct": "instruct"}
"""Mode -> `kind` in the manifest of a set."""
_PROMPTED: tuple[Mode, ...] = ("raft", "dsf")


def fitting_mode(mode: str, kind: str, dataset: str) -> Mode:
    """`mode` itself; UsageError when there is no such mode or the set is not for it."""
    known: Mode | None = next((known for known in MODES if known == mode), None)
    if known is None:
        raise UsageError(f"--mode {mode!r} does not exist; use {', '.join(MODES)}")
    if KIND[known] != kind:
        fitting = " or ".join(mode for mode in MODES if KIND[mode] == kind)
        raise UsageError(
            f"--mode {mode} trains on sets of kind {KIND[known]!r}, dataset {dataset} is of kind {kind!r}; "
            f"use --mode {fitting}, or a set that `openbook dataset list` shows with that kind"
        )
    return known


def is_prompted(mode: str) -> bool:
    """Whether a mode trains on Openbook's own prompts; the others learn the chat as it is sent."""
    return mode in _PROMPTED
