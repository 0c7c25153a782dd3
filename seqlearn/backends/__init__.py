"""Recurrent cores that come with seqlearn, one a file, each reached through its entry point only.

Nothing of seqlearn imports these modules: pyproject.toml registers them, `seqlearn.registry`
loads them, exactly as it does with a plugin's.
"""
