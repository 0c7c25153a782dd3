"""Inputs: networks between what a user has, as tensors of a batch, and what a core reads."""
