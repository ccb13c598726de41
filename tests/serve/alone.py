"""What an engine's answers are measured against: transformers and peft with one request at a time."""

from pathlib import Path

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

from serve.engine.protocol import GenerationRequest


class Alone:
    """transformers with one adapter, or none, and nothing else running."""

    def __init__(self, path: str, adapter: Path | None) -> None:
        self._tokenizer = AutoTokenizer.from_pretrained(path)
        model = AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32)
        self._model = model if adapter is None else PeftModel.from_pretrained(model, str(adapter))

    def prompt_1T(self, asked: GenerationRequest) -> torch.Tensor:
        if asked.prompt_ids:
            return torch.tensor([asked.prompt_ids])
        ids_1T = self._tokenizer.apply_chat_template(
            list(asked.messages), add_generation_prompt=True, return_tensors="pt", return_dict=True
        )["input_ids"]
        assert isinstance(ids_1T, torch.Tensor)
        return ids_1T

    def ids(self, asked: GenerationRequest) -> list[int]:
        prompt_1T, tokens = self.prompt_1T(asked), asked.sampling.max_tokens
        out_1T = self._model.generate(
            input_ids=prompt_1T,
            attention_mask=torch.ones_like(prompt_1T),
            max_new_tokens=tokens,
            do_sample=False,
        )
        found: list[int] = out_1T[0, prompt_1T.shape[1] :].tolist()
        return found

    def logprobs_TV(self, asked: GenerationRequest, answer: list[int]) -> torch.Tensor:
        """Of each token of the answer, over all tokens."""
        prompt_1T = self.prompt_1T(asked)
        ids_1T = torch.cat([prompt_1T, torch.tensor([answer])], dim=1)
        with torch.no_grad():
            logits_TV = self._model(input_ids=ids_1T).logits[0]
        return logits_TV[prompt_1T.shape[1] - 1 : -1].log_softmax(dim=-1)
