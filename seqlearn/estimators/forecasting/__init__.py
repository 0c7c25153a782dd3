"""Forecasting: series as sktime has them, cut into windows for a network."""
