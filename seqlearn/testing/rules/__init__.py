"""The rules of the contract, by what they are about; each raises if a backend breaks it.

A function in these files says what was found; `seqlearn.testing.Check` adds whose backend it is,
the sentence of the rule, and the size of the core. Cores, rows and comparisons come from
`seqlearn.testing.material`. To add a rule, write a function under ``@backend_rule()`` or
``@core_rule()``, its docstring the sentence, and a backend that breaks it in tests/test_testing.py.
"""

from seqlearn.testing.rules import along_time, building, gaps, learning, rows, seeds
from seqlearn.testing.rules.rule import Rule

__all__ = ["RULES", "Rule"]

RULES = [
    value
    for module in (building, rows, along_time, gaps, learning, seeds)
    for value in vars(module).values()
    if isinstance(value, Rule)
]
