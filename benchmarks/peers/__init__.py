"""What seqlearn is measured against, written as a careful user of the other tool writes it."""
