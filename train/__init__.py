"""Training sets -> adapters, and the comparison that decides which of them is worth serving.

Training (examples -> batches -> model -> optimiser -> fit -> loop -> launch -> publish):

- In: a dataset version from the object store, the base model, `settings.train`.
- Out: an adapter version in the registry, in peft's layout, with lineage and metrics.
- A run is named by everything that decides its weights (`job.run_id`). Its checkpoints hold adapter
  weights, optimizer moments and progress, never the base model.
- Restart rule: the same command goes on from the last checkpoint of its run, with any number of
  workers, and ends in the same weights; after the end it returns the finished adapter at once.

Evaluation sees a server only over HTTP, as a user does: see `compare`.
"""
