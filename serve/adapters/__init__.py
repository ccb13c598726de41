"""Adapters while serving: which version a name means (`names`), its files on this machine (`files`),
and what the engine holds (`cache`).

Ray Serve's own multiplexing evicts adapters in use and evicts before it loads (ray.md 1.2), so all of
this is ours.
"""
