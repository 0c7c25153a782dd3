"""Public data and generated problems, as the arrays that every seqlearn estimator accepts.

Here are only the public names; `ts_format` reads the `.ts` format, `ucr` loads problems of the UCR
and UEA archives from files already on this machine, `data_home` finds the user's data folder, and
`generated` makes problems whose answers are known. Nothing here downloads, and nothing imports
torch, sktime or pandas. Callers: users, tests and benchmarks; no other part of seqlearn depends on
this package.
"""

from seqlearn.datasets.data_home import data_home
from seqlearn.datasets.generated import (
    make_adding_problem,
    make_delayed_copy,
    make_noisy_sines,
    make_temporal_order,
)
from seqlearn.datasets.ts_format import read_ts
from seqlearn.datasets.ucr import (
    load_acsf1,
    load_arrow_head,
    load_basic_motions,
    load_gunpoint,
    load_italy_power_demand,
    load_japanese_vowels,
    load_osuleaf,
    load_plaid,
)

__all__ = [
    "data_home",
    "load_acsf1",
    "load_arrow_head",
    "load_basic_motions",
    "load_gunpoint",
    "load_italy_power_demand",
    "load_japanese_vowels",
    "load_osuleaf",
    "load_plaid",
    "make_adding_problem",
    "make_delayed_copy",
    "make_noisy_sines",
    "make_temporal_order",
    "read_ts",
]
