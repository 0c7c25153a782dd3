"""Transcription: sequences of numbers into shorter strings of symbols, in the same order."""
