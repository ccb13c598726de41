"""Tokens out of one base model and many adapters, behind one protocol.

| module | holds |
|---|---|
| protocol | what every engine does; the records that go in and come out |
| choose | settings -> engine |
| transformers_engine | the built-in engine: scheduling on the event loop, the model on one thread |
| stream | chunks on their way to a caller that may be slow |
| batch | static micro-batches: prefill row by row, decode together |
| adapted_model | the base model and its adapters (peft), one of them active |
| cache, attention | keys and values that grow in place, grouped-query attention without copies |
| sampling, text | logits -> token, tokens -> text without broken characters, stop strings |
"""
