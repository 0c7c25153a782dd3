"""Heads: from what an encoder gives to a task's outputs, their loss, their reading, their score.

`head` has the contract; every other file is one kind of head. A new task needs a new one at most.
"""
