"""`Words`: how an estimator reads words and feature dictionaries, as one parameter object.

It holds parameters alone, as a backend does. What is learned with them in ``fit`` is in
`seqlearn.estimators.token_input`.
"""

import inspect
from collections.abc import Mapping
from typing import Any

from sklearn.base import BaseEstimator

from seqlearn.data.plain import PlainState
from seqlearn.parameter_checks import Check, boolean, check_parameters, integer, number
from seqlearn.printing import by_size, short_repr

__all__ = ["Words", "check_words"]


class Words(PlainState):
    """How words and feature dictionaries become vectors, for the parameter ``words``.

    It stores its parameters and nothing else, and ``fit`` never changes it. In a search,
    ``words__min_frequency`` is an axis, and ``words=[None, Words(lowercase=True)]`` another. Of
    feature dictionaries, ``size`` and ``min_frequency`` count and ``vectors`` are refused; the
    other parameters are about words alone.

    Parameters
    ----------
    vectors : path, mapping, FrozenEstimator or None, default=None
        Pretrained vectors of words: a text file as GloVe, word2vec and fastText write it, gzip
        too; a mapping from words to vectors; or gensim's ``KeyedVectors``. Those of words in the
        training data are trained further; words that turn up later are looked up too. Or a fitted
        language model, ``sklearn.frozen.FrozenEstimator(model)``: each word is then read with the
        hidden state that the model has come to at its end, beside a vector of its own; see Notes.
        Copies by `sklearn.base.clone` share them.
    size : int or "auto", default="auto"
        Values of the vector of a word or feature, without the state of a language model; "auto" is
        the width of ``vectors``, else 64.
    characters : int, "auto" or None, default="auto"
        Hidden size of a BiLSTM over a word's characters, beside its shape ("Xxx"); None reads
        neither. "auto" is 50 in `BiLSTMTagger` and None in the others.
    dropout : float, default=0.25
        How readily words are taken for unknown ones in training: with d, a word that occurs n times
        in a share d / (d + n) of its places (Kiperwasser & Goldberg 2016). The vectors are subject
        to the estimator's own ``dropout`` besides.
    min_frequency : int, default=1
        Words and features that are rarer in the training data count as unknown.
    lowercase : bool, default=False
        Look words up in lower case; their characters are read as they are.
    fold_digits : bool, default=False
        Look words up with every digit as 0.

    Raises
    ------
    InvalidParameterError
        In ``fit`` of the estimator: a parameter is out of range, X holds numbers, or ``vectors``
        do not go with X or ``size``.

    See Also
    --------
    BiLSTMTagger, LSTMClassifier, LSTMRegressor : The estimators that read words.

    Notes
    -----
    A language model reads a sentence from left to right, and gives a word another vector wherever
    it stands, also one that was never seen (Akbik et al. 2018). One that was fitted on lists of
    tokens reads the words; one that was fitted on texts reads them joined by spaces if it divides
    a text without gaps, as into characters, else each word as it divides that. It is never trained
    further, and is kept and saved with the estimator. Its states are computed once a fit, and held
    in memory: 4 bytes a value, 100 MB for 100,000 words and 256 units.

    What is gained depends on the task and on the texts that it has read. One of characters that
    read no more than the training sentences themselves made entities in posts (WNUT-17) a little
    better, from 22.3 to 23.5 % F1, the mean of three seeds; one of words did nothing for the
    sentiment of sentences.

    References
    ----------
    Akbik, A., Blythe, D. and Vollgraf, R. (2018). Contextual string embeddings for sequence
    labeling. COLING.

    Kiperwasser, E. and Goldberg, Y. (2016). Simple and accurate dependency parsing using
    bidirectional LSTM feature representations. TACL 4.

    Examples
    --------
    >>> from seqlearn import LSTMClassifier, Words
    >>> model = LSTMClassifier(words=Words(lowercase=True, characters=16))
    >>> model.set_params(words__min_frequency=2).words
    Words(characters=16, min_frequency=2, lowercase=True)

    With a language model that has read other texts, of which no labels are needed:

    >>> from sklearn.frozen import FrozenEstimator
    >>> from seqlearn import LSTMLanguageModel
    >>> texts = ["the cat sat on the mat", "the dog sat on the rug"] * 20
    >>> reader = LSTMLanguageModel(hidden_size=16, max_epochs=2, random_state=0).fit(texts)
    >>> words = Words(vectors=FrozenEstimator(reader))
    >>> model = LSTMClassifier(words=words, max_epochs=20, random_state=0)
    >>> X, y = [["the", "cat"], ["the", "rug"]] * 4, ["alive", "dead"] * 4
    >>> model.fit(X, y).predict([["a", "cat"]])
    array(['alive'], dtype='<U5')
    """

    # <parameters: vectors size characters dropout min_frequency lowercase fold_digits>
    def __init__(
        self,
        *,
        vectors: Any = None,
        size: int | str = "auto",
        characters: int | str | None = "auto",
        dropout: float = 0.25,
        min_frequency: int = 1,
        lowercase: bool = False,
        fold_digits: bool = False,
    ):
        self.vectors = vectors
        self.size = size
        self.characters = characters
        self.dropout = dropout
        self.min_frequency = min_frequency
        self.lowercase = lowercase
        self.fold_digits = fold_digits
        # </parameters>

    # scikit-learn's printers show what a BaseEstimator holds in full, 50,000 vectors if need be;
    # this is none, so they call __repr__.
    get_params, set_params = BaseEstimator.get_params, BaseEstimator.set_params
    _get_param_names: Any = classmethod(BaseEstimator._get_param_names.__func__)

    def __sklearn_clone__(self) -> "Words":
        return type(self)(**self.get_params(deep=False))

    def __repr__(self) -> str:
        shown = []
        for name, parameter in inspect.signature(type(self)).parameters.items():
            value = getattr(self, name)
            text = repr(by_size(value)) if isinstance(value, Mapping) else short_repr(value)
            shown += [f"{name}={text}"] * (text != repr(parameter.default))
        return f"{type(self).__name__}({', '.join(shown)})"


_CHECKS: dict[str, Check] = {
    "size": integer(1, "auto"),
    "characters": integer(1, "auto", None),
    "dropout": number("[0, inf)"),
    "min_frequency": integer(1),
    "lowercase": boolean,
    "fold_digits": boolean,
}


def check_words(value: Any) -> str | None:
    """Accept None or a `Words` whose own parameters are accepted.

    Raises
    ------
    InvalidParameterError
        Naming the parameter of `Words` that is not.
    """
    if isinstance(value, Words):
        check_parameters(value, _CHECKS)
    elif value is not None:
        return "a seqlearn.Words, such as Words(lowercase=True), or None"
    return None
