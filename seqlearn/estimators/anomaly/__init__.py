"""Anomalies in sequences: see `seqlearn.estimators.anomaly.detector`."""
