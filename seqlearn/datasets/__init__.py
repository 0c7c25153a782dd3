"""Public data and generated problems, as the arrays that every seqlearn estimator accepts.

Here are only the public names; `ts_format` reads the `.ts` format and `conll` annotated text, `ucr`
loads problems of the UCR and UEA archives from files already on this machine, `forecasting` series
to forecast, `anomaly` series with labelled anomalies, `sessions` those of users, `intensive_care`
measurements of patients, `text` loads corpora, `language` texts to write, translate and pronounce,
`speech` recordings, `handwriting` pen paths, `download` fetches what is absent, `data_home` finds
the user's data folder, and `generated`, `generated_anomaly` and `generated_video` make problems
whose answers are known. Only the functions named `fetch_...` use the network; nothing imports torch
or sktime, and pandas is imported by the loaders of `forecasting` and `intensive_care` when they are
called.
"""

from seqlearn.datasets.anomaly import NabSeries, fetch_nab, load_mitdb, load_yahoo
from seqlearn.datasets.conll import read_conll, read_conllu
from seqlearn.datasets.data_home import data_home
from seqlearn.datasets.forecasting import load_ett, load_m4_hourly, load_vic_electricity
from seqlearn.datasets.generated import (
    make_adding_problem,
    make_delayed_copy,
    make_noisy_sines,
    make_temporal_order,
)
from seqlearn.datasets.generated_anomaly import BrokenRelation, make_broken_relation
from seqlearn.datasets.generated_video import make_moving_digits
from seqlearn.datasets.handwriting import PenDigits, fetch_pendigits
from seqlearn.datasets.intensive_care import IntensiveCareStays, fetch_physionet2012
from seqlearn.datasets.language import (
    TatoebaPairs,
    WikipronWords,
    fetch_tatoeba,
    fetch_tinyshakespeare,
    fetch_wikipron,
)
from seqlearn.datasets.sessions import ClickLog, EntreeSessions, fetch_entree, read_click_log
from seqlearn.datasets.speech import Recording, SpokenDigits, fetch_fsdd, read_wav
from seqlearn.datasets.text import (
    fetch_sentence_polarity,
    fetch_universal_dependencies,
    fetch_wnut17,
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
    "BrokenRelation",
    "ClickLog",
    "EntreeSessions",
    "IntensiveCareStays",
    "NabSeries",
    "PenDigits",
    "Recording",
    "SpokenDigits",
    "TatoebaPairs",
    "WikipronWords",
    "data_home",
    "fetch_entree",
    "fetch_fsdd",
    "fetch_nab",
    "fetch_pendigits",
    "fetch_physionet2012",
    "fetch_sentence_polarity",
    "fetch_tatoeba",
    "fetch_tinyshakespeare",
    "fetch_universal_dependencies",
    "fetch_wikipron",
    "fetch_wnut17",
    "load_acsf1",
    "load_arrow_head",
    "load_basic_motions",
    "load_ett",
    "load_gunpoint",
    "load_italy_power_demand",
    "load_japanese_vowels",
    "load_m4_hourly",
    "load_mitdb",
    "load_osuleaf",
    "load_plaid",
    "load_vic_electricity",
    "load_yahoo",
    "make_adding_problem",
    "make_broken_relation",
    "make_delayed_copy",
    "make_moving_digits",
    "make_noisy_sines",
    "make_temporal_order",
    "read_click_log",
    "read_conll",
    "read_conllu",
    "read_ts",
    "read_wav",
]
