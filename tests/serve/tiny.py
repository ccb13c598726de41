"""Tiny Llamas with the real tokenizer, and random adapters for them that change their output."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM

from cluster.prompts import ANSWER_MARK, QUOTE_BEGIN, QUOTE_END

LINEARS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def save_tiny_model(tokenizer: Any, folder: Path, head_dim: int = 8) -> str:
    """Three layers, grouped-query attention, wide random weights so that outputs differ clearly."""
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=48,
        intermediate_size=96,
        num_hidden_layers=3,
        num_attention_heads=6,
        num_key_value_heads=2,
        head_dim=head_dim,
        max_position_embeddings=1024,
        initializer_range=0.3,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


def save_adapter(
    model_path: str, folder: Path, rank: int, targets: list[str], seed: int, **changes: Any
) -> Path:
    """A LoRA adapter with random A and B of standard deviation `scale`; `changes` of its config."""
    scale = changes.pop("scale", 0.2)
    base = AutoModelForCausalLM.from_pretrained(model_path, dtype=torch.float32)
    values = {"r": rank, "lora_alpha": 2 * rank, "target_modules": targets, **changes}
    model = get_peft_model(base, LoraConfig(task_type="CAUSAL_LM", **values))
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in model.named_parameters():
        if "lora_" in name:
            parameter.data = torch.randn(parameter.shape, generator=generator) * scale
    model.save_pretrained(folder)
    return folder


def save_quoting_model(tokenizer_path: str, folder: Path, says: str) -> str:
    """A model that answers `says` to everything: its weights hold which token follows which.

    So no token may occur twice; the markers become tokens of their own.
    """
    tokenizer = AutoTokenizer.from_pretrained(tokenizer_path)
    tokenizer.add_tokens([QUOTE_BEGIN, QUOTE_END, ANSWER_MARK])
    model = AutoModelForCausalLM.from_pretrained(save_tiny_model(tokenizer, folder))
    turns = [{"role": "user", "content": "?"}]
    prompt = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
    before = tokenizer(prompt, add_special_tokens=False).input_ids[-1]
    said = tokenizer(says, add_special_tokens=False).input_ids
    chain = [before, *said, tokenizer.eos_token_id]
    assert len(set(chain)) == len(chain), "a token occurs twice"
    with torch.no_grad():
        for layer in model.model.layers:  # only the last token decides, until LoRA adds to it
            layer.self_attn.o_proj.weight.zero_()
            layer.mlp.down_proj.weight.zero_()
        model.model.embed_tokens.weight.zero_()
        model.lm_head.weight.zero_()
        for position, (token, following) in enumerate(pairwise(chain)):
            model.model.embed_tokens.weight[token, position] = 1.0
            model.lm_head.weight[following, position] = 1.0
    model.save_pretrained(folder)
    return str(folder)
