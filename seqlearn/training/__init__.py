"""Training: the skorch net, losses, schedules, device and randomness. No labels, no X."""
