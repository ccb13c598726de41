"""The arms of a comparison: which model answers, and whether it sees documents.

| arm | model | documents |
|---|---|---|
| `base` | the base model | no |
| `rag` | the base model | yes |
| `dsf` | the DSF adapter (fine-tuned on questions and answers alone) | no |
| `dsf+rag` | the DSF adapter | yes |
| `raft` | the RAFT adapter (fine-tuned to read and quote documents) | yes |

These are the rows of the RAFT paper's Table 1 (arXiv 2403.10131).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from cluster.errors import UsageError

BASE = "base"
ARMS = ("base", "rag", "dsf", "dsf+rag", "raft")
_OPEN_BOOK = frozenset({"rag", "dsf+rag", "raft"})


@dataclass(frozen=True, slots=True)
class Arm:
    """One approach. `model` is what requests ask for; pinned arms ask for an exact version, and
    `served` is what the server then calls it."""

    name: str
    model: str
    rag: bool
    served: str = ""

    @property
    def trained(self) -> bool:
        """Whether it needs an adapter."""
        return self.model != BASE


def plan_arms(names: Sequence[str], dsf: str, raft: str) -> tuple[Arm, ...]:
    """The named arms in their usual order, adapters given as `name`, `name@version` or `name@alias`.

    Raises UsageError for an unknown or repeated name, or none at all.
    """
    unknown = [name for name in names if name not in ARMS]
    if unknown or not names or len(set(names)) != len(names):
        raise UsageError(
            f"arms {','.join(names)!r} are not allowed: name each at most once, "
            f"separated by commas, out of {','.join(ARMS)}"
        )
    models = {"base": BASE, "rag": BASE, "dsf": dsf, "dsf+rag": dsf, "raft": raft}
    return tuple(Arm(name, models[name], name in _OPEN_BOOK) for name in ARMS if name in names)
