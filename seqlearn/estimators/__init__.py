"""The estimators: from X and y to a trained net, and from its outputs back to labels."""
