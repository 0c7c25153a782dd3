"""A model of texts: what comes next, how likely a text is, and texts that it writes."""
