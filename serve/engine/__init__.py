"""Tokens out of one base model and many adapters, behind one protocol.

| module | holds |
|---|---|
| protocol | what every engine does; the records that go in and come out |
| choose | settings -> engine |
| builtin | the built-in engine's front on the event loop: requests, adapters, statistics |
| worker, runner | the model's thread; one step of it: pack, run, choose tokens |
| task, scheduler, fairness | which tokens a step computes; who is admitted next (pure) |
| slots, prefixes, runs | where keys live, what is taken over, which slots attend together (pure) |
| segments, lanes | how a step's tokens and the adapters they need are laid out (pure) |
| packing, attention, key_values | a step as tensors; attention over slots; keys and values |
| packed_model | transformers' model on packed steps |
| adapter_files, lora | LoRA files -> checked tensors; a different adapter for every token |
| vllm_engine | vLLM's front: the protocol over a process that vLLM starts |
| vllm_setup, vllm_calls | how vLLM is started; its parameters, outputs and errors in our words |
| blueprint, prompt | a model's shapes without its weights; messages -> checked token ids |
| row, sampling, text, stream | a request being generated: logits -> token -> text -> caller |
"""
