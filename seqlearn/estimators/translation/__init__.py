"""Translation: sequences of tokens into sequences of other tokens."""
