"""The commands of ``python -m seqlearn``, one file each; they use public names only and print."""
