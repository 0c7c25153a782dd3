"""Torch modules around a core: readouts and the model with its head. No skorch, no labels."""
