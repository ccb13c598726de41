"""What all requests of a comparison share, and the arms pinned to exact versions before it starts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from cluster.errors import ConflictError, NotFoundError
from cluster.keys import content_id
from cluster.prompts import PROMPT_HASH
from cluster.records import RaftExample
from cluster.settings import CompareSettings
from train.arms import Arm
from train.client import Ask, ChatClient, Reply

_PROBE = "Are you ready?"


@dataclass(frozen=True, slots=True)
class Scene:
    """Constant through a comparison. `base_model` says which weights stand behind `base`."""

    url: str
    corpus: str | None
    generation: str | None
    top_k: int
    base_model: str
    settings: CompareSettings

    def ask(self, arm: Arm, question: str, oracle: tuple[str, ...] = ()) -> Ask:
        """The request that puts a question to an arm; `oracle` counts where the settings give it."""
        tokens = self.settings.max_tokens
        given = oracle if self._gives_oracle else ()
        return Ask(question, arm.model, arm.rag, self.corpus, self.top_k, tokens, given)

    def key(self, arm: Arm, example: RaftExample) -> str:
        """Journal key: changes with whatever may change the answer or its latency.

        Of the address only the host counts: the same machine may serve on another port tomorrow.
        """
        question = (example.id, example.question)
        model = (arm.name, arm.served, self.base_model, PROMPT_HASH)
        documents: tuple[Any, ...] = ()
        if arm.rag:
            given = (example.oracle,) if self._gives_oracle else ()
            documents = (self.corpus, self.generation, self.top_k, *given)
        load = (urlsplit(self.url).hostname, self.settings.concurrency, self.settings.max_tokens)
        return content_id(question, model, documents, load, length=32)

    @property
    def _gives_oracle(self) -> bool:
        return self.settings.documents == "oracle"

    def check(self, arm: Arm, reply: Reply) -> None:
        """ConflictError when a reply is not from the model and generation of this comparison."""
        if reply.model != arm.served:
            raise ConflictError(
                f"arm {arm.name!r}: the server at {self.url} answered as {reply.model!r}, pinned is "
                f"{arm.served!r}; the models changed meanwhile, run the comparison again"
            )
        if arm.rag and reply.generation not in (None, self.generation):
            raise ConflictError(
                f"arm {arm.name!r}: the server searched generation {reply.generation!r} of corpus "
                f"{self.corpus!r}, live in the store is {self.generation!r}; wait until the server "
                "has the live one (or check that both use the same store) and run it again"
            )


async def pin_arms(
    client: ChatClient,
    scene: Scene,
    arms: Sequence[Arm],
    offered: Mapping[str, Mapping[str, Any]],
) -> tuple[Arm, ...]:
    """The arms at the exact versions they keep, learnt from one tiny request to each.

    `offered` holds the server's model cards by id. Raises NotFoundError for a model that is not
    among them and ConflictError when the server serves another one than asked: all before the first
    question. The requests also load every adapter, so no arm pays for that in its latency.
    """
    for arm in arms:
        if not _offers(offered, arm.model):
            raise NotFoundError(
                f"arm {arm.name!r} needs model {arm.model!r}, which the server at {scene.url} does "
                f"not offer (it has: {', '.join(sorted(offered)) or 'none'}); train it, name another "
                "with --dsf or --raft, or leave the arm out of --arms"
            )
    return tuple([await _pinned(client, scene, arm) for arm in arms])


async def _pinned(client: ChatClient, scene: Scene, arm: Arm) -> Arm:
    reply = await client.ask(replace(scene.ask(arm, _PROBE), max_tokens=1, top_k=1))
    if arm.trained and _name(reply.model) != _name(arm.model):
        raise ConflictError(
            f"arm {arm.name!r} asked the server at {scene.url} for {arm.model!r} and was served "
            f"{reply.model!r}; a comparison of the wrong models would mislead"
        )
    pinned = replace(arm, model=reply.model if arm.trained else arm.model, served=reply.model)
    scene.check(pinned, reply)
    return pinned


def _offers(offered: Mapping[str, Mapping[str, Any]], model: str) -> bool:
    """Cards may list `name`, `name@version` or both; an alias shows only when it is asked for."""
    return model in offered or any(_name(card) == _name(model) for card in offered)


def _name(model: str) -> str:
    return model.partition("@")[0]
