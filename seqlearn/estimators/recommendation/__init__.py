"""Recommendation: what comes next in a session of items."""
