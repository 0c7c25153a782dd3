"""Models that outlive the process: one safe file, and what skops has to know of the types in it."""

from seqlearn.persistence.saving import load, save
from seqlearn.persistence.types import trusted_types

__all__ = ["load", "save", "trusted_types"]
