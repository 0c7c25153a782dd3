"""The benchmark program on tiny work: contenders and their processes, tables, the results page.

No speed is tested here; the bars are for `python -m benchmarks` to show.
"""

import io
import json
import os
import sys

import numpy as np
import pytest

from benchmarks import __main__ as program
from benchmarks import (
    anomaly,
    catalog,
    floor,
    latency,
    loops,
    memory,
    ours,
    precision,
    rate,
    report,
    scale,
    speed,
    streams,
)
from benchmarks.contenders import CLASSES, Contender, Work, serve, warm_up
from benchmarks.peers import skorch_net, window_methods
from benchmarks.race import Entry, Measured, Runner, race
from benchmarks.table import markdown_table, print_table, write_json
from benchmarks.timing import Timing
from seqlearn import LSTMAnomalyDetector
from seqlearn.errors import InvalidParameterError
from seqlearn.metrics import nab_best_threshold
from seqlearn.torch_internals import computes_bf16

EQUAL = Work([6] * 20, features=2, hidden=3, batch=8)
RAGGED = Work([1 + i % 5 for i in range(20)], features=2, hidden=3, batch=8, bidirectional=True)
COUNTING = """
from benchmarks.contenders import Contender
import numpy as np

def prepare(work, X, y, fails_at=0):
    print("toolkits print what they like")
    epochs = []
    def fit(n):
        epochs.append(n)
        if len(epochs) == fails_at:
            raise ArithmeticError("the toolkit broke")
    return Contender(fit, lambda: np.zeros(len(y), dtype=int))
"""


@pytest.fixture
def modules(tmp_path, monkeypatch):
    """A folder where the processes of contenders find modules."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    (tmp_path / "counting_contender.py").write_text(COUNTING)
    (tmp_path / "absent_contender.py").write_text("import a_toolkit_that_is_not_there")
    return tmp_path


# Contenders.


def test_work_is_the_same_in_every_process():
    for work in (EQUAL, RAGGED):
        (X, y), (again, labels) = work.data(), work.data()
        assert [len(x) for x in X] == work.lengths
        assert all(np.array_equal(a, b) for a, b in zip(X, again, strict=True))
        assert np.array_equal(y, labels) and set(y) == set(range(CLASSES))
    assert EQUAL.data()[0].shape == (20, 6, 2)
    assert str(EQUAL) == "N=20 T=6 F=2 H=3 B=8"
    assert str(RAGGED) == "N=20 T=3.0 (to 5) F=2 H=3 B=8 bidirectional"


@pytest.mark.parametrize(
    ("module", "work", "options"),
    [
        (ours, EQUAL, {}),
        (ours, RAGGED, {"as_it_comes": True}),
        (loops, EQUAL, {"fused": False}),
        (loops, EQUAL, {"data_loader": True}),
        (loops, RAGGED, {}),
        (skorch_net, EQUAL, {}),
    ],
)
def test_contenders_train_and_predict_labels(module, work, options):
    contender = module.prepare(work, *work.data(), **options)
    warm_up(contender, len(work.lengths))
    contender.fit(2)
    assert contender.predict().shape == (20,)


def test_contenders_learn_the_same():
    work = Work([5] * 100, features=CLASSES, hidden=16, batch=10)
    X, y = work.data()
    X[:, -1] += 3 * np.eye(CLASSES, dtype=np.float32)[y]
    for module in (ours, loops, skorch_net):
        contender = module.prepare(work, X, y)
        contender.fit(15)
        assert np.mean(contender.predict() == y) > 0.9, module.__name__


def test_ours_has_as_many_weights_as_by_hand():
    for work in (EQUAL, RAGGED):
        model = ours.LSTMClassifier(
            hidden_size=work.hidden, bidirectional=work.bidirectional, **ours.SAME_NETWORK
        )
        net = model.set_params(max_epochs=1).fit(*work.data()).net_.module_
        by_hand = loops.LastStep(work.features, work.hidden, work.bidirectional)
        assert sum(p.numel() for p in net.parameters()) == sum(
            p.numel() for p in by_hand.parameters()
        )


def test_packed_rows_are_read_to_their_last_step():
    X, _ = RAGGED.data()
    network = loops.LastStep(2, 3, bidirectional=True)
    together = network(loops._packs(X)(loops.torch.arange(20)))
    alone = [network(loops.torch.tensor(x)[None]) for x in X]
    loops.torch.testing.assert_close(together, loops.torch.cat(alone))


def test_warm_up_refuses_what_is_no_label_a_sequence():
    for wrong in (np.zeros((20, 1)), np.zeros(19), np.full(20, CLASSES)):
        with pytest.raises(ValueError, match="20 labels below 5 were asked for"):
            warm_up(Contender(lambda epochs: None, lambda wrong=wrong: wrong), 20)


def test_serving_answers_each_line_by_its_seconds():
    asked: list[object] = []
    contender = Contender(asked.append, lambda: asked.append("predict"))
    answers = io.StringIO()
    serve(contender, io.StringIO("fit 3\npredict 2\n"), answers)
    assert asked == [3, "predict", "predict"]
    for line in answers.getvalue().splitlines():
        seconds = json.loads(line)
        assert seconds.keys() == {"cpu", "wall"} and min(seconds.values()) >= 0
    with pytest.raises(ValueError, match="Asked to 'rest'"):
        serve(contender, io.StringIO("rest 1\n"), answers)


# Their processes.


def test_a_race_measures_who_is_there_and_names_what_is_not_installed(modules):
    entries = [Entry("there", "counting_contender"), Entry("not there", "absent_contender")]
    results = race(entries, EQUAL, epochs=2, repeats=3)
    assert list(results) == ["there", "not there"]
    assert results["not there"] == "a_toolkit_that_is_not_there"
    measured = results["there"]
    assert isinstance(measured, Measured)
    assert len(measured.epoch.seconds) == len(measured.predict_wall.seconds) == 3


@pytest.mark.parametrize(("one_thread", "told"), [(True, "1"), (False, "nothing")])
def test_contenders_have_one_thread_or_what_they_take(one_thread, told, modules, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    (modules / "asking_contender.py").write_text(
        "import os\n"
        "threads = os.environ.get('OMP_NUM_THREADS', 'nothing')\n"
        "cores = len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else 1\n"
        "raise ModuleNotFoundError(name=f'{threads} {cores}')\n"
    )
    n_cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
    with Runner(Entry("asking", "asking_contender"), EQUAL, one_thread) as runner:
        assert runner.absent == f"{told} {1 if one_thread else n_cores}"


def test_a_contender_that_breaks_is_named_with_its_error(modules):
    with pytest.raises(RuntimeError, match=r"(?s)broken failed.*the toolkit broke"):
        Runner(Entry("broken", "counting_contender", {"fails_at": 1}), EQUAL)
    with (
        Runner(Entry("later", "counting_contender", {"fails_at": 3}), EQUAL) as runner,
        pytest.raises(RuntimeError, match=r"(?s)later failed on 'fit 5'.*the toolkit broke"),
    ):
        assert runner.ask("fit 1")["wall"] >= 0
        runner.ask("fit 5")


def test_a_module_of_ours_that_is_missing_is_no_absent_toolkit():
    with pytest.raises(RuntimeError, match=r"No module named 'benchmarks\.peers\.misspelt'"):
        Runner(Entry("misspelt", "benchmarks.peers.misspelt"), EQUAL)


# Tables.


def _measured(epoch, predict):
    return Measured(*(Timing([seconds]) for seconds in (epoch, epoch**2, predict, predict**2)))


def test_rows_hold_each_ratio_and_the_bar_beside_each_peer():
    table = speed.rows(
        EQUAL,
        {
            "seqlearn": _measured(0.2, 0.04),
            "seqlearn as it comes": _measured(0.1, 0.01),
            "slow": _measured(0.8, 0.02),
            "fast": _measured(0.4, 0.08),
            "away": "keras",
        },
        bar=0.95,
        predict_bar=0.9,
    )
    assert all(row.keys() == table[0].keys() for row in table)
    assert [row["epoch ratio"] for row in table] == [1, 2, 0.25, 0.5, ""]
    assert [row["predict ratio"] for row in table] == [1, 4, 2, 0.5, ""]
    assert [row["epoch bar"] for row in table] == ["", "", 0.95, 0.95, ""]
    assert [row["predict bar"] for row in table] == ["", "", 0.9, 0.9, ""]
    assert table[2]["epoch ms"] == 800 and table[2]["predict wall ms"] == pytest.approx(0.4)
    assert table[4]["by"] == "away: keras is not installed"


def test_on_all_cores_ratios_are_of_the_wall_time():
    results = {"seqlearn": _measured(0.2, 0.04), "peer": _measured(0.4, 0.08)}
    ours, peer = speed.rows(EQUAL, results, 0.95, 0.95, clock="wall")
    assert (ours["epoch ratio"], peer["epoch ratio"]) == (1, pytest.approx(0.25))
    assert peer["predict ratio"] == pytest.approx(0.25)
    assert peer["epoch ms"] == 400 and peer["epoch wall ms"] == pytest.approx(160)


def test_sentences_lengths_make_ragged_work(monkeypatch, tmp_path):
    monkeypatch.setenv("SEQLEARN_DATA", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    work = speed.ragged()
    assert len(work.lengths) == speed.N and min(work.lengths) >= 1 and work.bidirectional
    assert len(set(work.lengths)) > 20


def test_exponent_of_a_power_is_the_power():
    times = {n: Timing([3.0 * n**1.5]) for n in (10, 100, 1000)}
    assert scale.exponent(times) == pytest.approx(1.5)


def test_markdown_has_a_line_a_row_and_keeps_bars_in_cells():
    lines = markdown_table([{"a": 1.23456, "b": "x|y"}, {"a": "", "b": 2}]).splitlines()
    assert lines == ["| a | b |", "| --- | --- |", "| 1.235 | x\\|y |", "|  | 2 |"]


def test_printed_columns_are_aligned(capsys):
    print_table("title", [{"name": "long name", "x": 1}, {"name": "b", "x": 22}])
    lines = capsys.readouterr().out.splitlines()
    assert lines[1:] == ["title", "name       x", "long name  1", "b          22"]


# The commands, tiny.


@pytest.fixture
def tiny(monkeypatch):
    monkeypatch.setattr(scale, "SEQUENCES", (10, 20))
    monkeypatch.setattr(scale, "LENGTHS", (3, 6))
    monkeypatch.setattr(scale, "ROWS", 10)
    monkeypatch.setattr(scale, "REPEATS", 1)
    monkeypatch.setattr(latency, "CALLS", 1)
    monkeypatch.setattr(latency, "REPEATS", 1)
    monkeypatch.setattr(latency, "STEP_CALLS", 1)
    monkeypatch.setattr(latency, "STEPS", ((4, 2, 1.0),))
    for name in ("CALLS", "MANY_CALLS", "REPEATS", "LATER"):
        monkeypatch.setattr(streams, name, 1)
    monkeypatch.setattr(streams, "MANY", 6)
    monkeypatch.setattr(rate, "REPEATS", 1)
    monkeypatch.setattr(rate, "SIZE", 16)
    monkeypatch.setattr(rate, "STEPS", 4)


@pytest.mark.slow
def test_a_page_is_written_from_the_files_of_runs(tiny, tmp_path, capsys):
    first, second = tmp_path / "first.json", tmp_path / "second.json"
    assert program.main(["scale", "--json", str(first), "--plot", str(tmp_path / "drawn")]) == 0
    assert (tmp_path / "drawn" / "scale.png").stat().st_size > 1000
    write_json(
        str(second),
        {"memory": {"peak": [{"X": "list", "MiB": 1.5}]}, "latency": {"one": [{"ms": 0.25}]}},
    )
    document = json.loads(second.read_text())
    second.write_text(json.dumps(document | {"date": "2031-02-03"}))
    page = report.write([first, second], tmp_path / "README.md")
    text = page.read_text()
    assert "2031-02-03" in text and "| run 1 | run 2 |" in text
    assert text.index("## scale") < text.index("## memory") < text.index("## latency")
    assert "Run 1." in text and "Run 2." in text
    assert "![scale](pictures/scale.png)" in text
    assert (tmp_path / "pictures" / "scale.png").exists()
    assert "| X | MiB |\n| --- | --- |\n| list | 1.5 |" in text
    assert catalog.text("scale").splitlines()[0] in text and "``" not in text
    assert "## speed" not in text


def test_the_last_file_wins_a_benchmark(tmp_path):
    files = [tmp_path / "a.json", tmp_path / "b.json"]
    for i, file in enumerate(files):
        write_json(str(file), {"memory": {"peak": [{"MiB": 100 + i}]}})
    text = report.write(files, tmp_path / "README.md").read_text()
    assert "| 101 |" in text and "| 100 |" not in text
    assert "| run 1 |\n" in text  # the same day, machine and versions are one run
    write_json(str(files[0]), {"cooking": {}})
    with pytest.raises(ValueError, match=r"a\.json holds results of \['cooking'\]"):
        report.write(files, tmp_path / "README.md")


def test_json_says_when_and_on_what(tmp_path):
    write_json(str(tmp_path / "a.json"), {"memory": {"peak": [{"MiB": np.float64(1)}]}})
    document = json.loads((tmp_path / "a.json").read_text())
    year, month, day = document["date"].split("-")
    assert len(year) == 4 and 1 <= int(month) <= 12 and 1 <= int(day) <= 31
    assert {"platform", "processor", "python", "torch"} <= document["machine"].keys()


def test_single_predictions_are_held_against_the_bare_module(tiny):
    rows = latency.single_prediction()
    assert [row["by"] for row in rows] == ["bare torch module", "seqlearn"] * len(latency.SIZES)
    assert [row["bar"] for row in rows] == ["", latency.BAR] * len(latency.SIZES)


def test_steps_of_every_core_with_a_state_are_held_against_torchs_layer(tiny):
    rows = latency.single_step()
    names = [row["by"] for row in rows]
    assert names[0] == "nn.LSTM" and {*latency.BUILT_IN, "torch, projected"} < set(names)
    assert {row["by"] for row in rows if row["bar"]} == set(latency.BUILT_IN)
    assert rows[0]["times"] == 1 and all(row["times"] > 0 for row in rows)


def test_steps_of_streams_are_held_against_torchs_cell_and_layer(tiny):
    rows = streams.one_stream() + streams.many_streams()
    bars = {row["by"]: row["bar"] for row in rows if row["bar"]}
    single = [f"LSTMClassifier, {one}" for one in ("max", "last", "mean", "probabilities")]
    due = dict.fromkeys([*single, "LSTMRegressor"], 3.0)
    assert bars == {**due, "LSTMClassifier, torch": 0.8}
    assert rows[0]["by"] == "nn.LSTMCell" and rows[0]["ratio"] == 1
    later = streams.later_steps()
    assert [row["by"] for row in later] == ["first", "later"] * (len(later) // 2)
    assert [row["bar"] for row in later] == ["", streams.LATER_BAR] * (len(later) // 2)


def test_kernels_are_a_part_of_an_epoch(monkeypatch):
    monkeypatch.setattr(floor, "REPEATS", 1)
    (row,) = floor.rows((EQUAL,))
    assert row["work"] == str(EQUAL) and row["kernels, epoch ms"] > 0


def test_shares_of_the_matrix_product(tiny):
    rows = {row["by"]: row for row in rate.rows()}
    assert rows["torch.mm"]["share of torch.mm"] == 1
    assert (
        max(rows[by]["share of the fastest product"] for by in ("torch.mm", "oneDNN linear")) == 1
    )
    assert all(row["GFLOP/s"] > 0 for row in rows.values())


def test_epochs_in_both_precisions_are_compared(monkeypatch):
    monkeypatch.setattr(precision, "REPEATS", 1)
    assert precision._processor()[0]["auto trains in"] in ("float32", "bfloat16")
    if not computes_bf16("cpu"):
        with pytest.raises(InvalidParameterError, match="no kernels for it"):
            precision._epochs(EQUAL)
        return
    row = precision._epochs(EQUAL)
    assert row["ratio"] == pytest.approx(row["bf16 ms"] / row["float32 ms"])


def test_without_bfloat16_precision_says_what_processor_it_is(monkeypatch, capsys):
    monkeypatch.setattr(precision, "computes_bf16", lambda device: False)
    assert list(precision.run()) == ["processor"]
    assert "computes bfloat16" in capsys.readouterr().out


def test_speed_draws_what_was_measured(tmp_path):
    results = {"seqlearn": _measured(0.2, 0.04), "x": _measured(0.3, 0.02), "away": "keras"}
    tables = {
        "equal lengths": speed.rows(EQUAL, results, 0.95, 0.95),
        "equal lengths, on all cores": speed.rows(EQUAL, results, 0.95, 0.95, clock="wall"),
        "ragged, bidirectional": speed.rows(RAGGED, results, 0.35),
    }
    assert speed.draw(tables, tmp_path).stat().st_size > 1000


# Anomalies.


def test_generated_series_have_windows_as_nab_does():
    corpus = anomaly.generated(0)
    assert len({one.name for one in corpus}) == 6
    for one in corpus:
        first = anomaly.probation(one.values)
        assert first == 600 and np.isfinite(one.values).all()
        assert [b - a for a, b in one.windows] == [200, 200] and one.windows[0][0] > first
        starts = np.flatnonzero(np.diff(one.labels, prepend=0) == 1)
        assert all(a <= start < b for (a, b), start in zip(one.windows, starts, strict=True))


def test_windows_that_touch_become_one():
    assert anomaly._windows([100, 130, 300], 1000) == [(84, 146), (284, 316)]


@pytest.mark.slow
def test_a_sweep_without_suppression_is_that_of_the_metric(monkeypatch):
    monkeypatch.setattr(anomaly, "N_THRESHOLDS", 100_000)
    corpus = anomaly.generated(0, n=1000)[:2]
    scores = [anomaly.window_methods.nearest(one.values[:150], 0)(one.values) for one in corpus]
    found = anomaly.sweep(corpus, scores, None)
    assert found == pytest.approx(nab_best_threshold([one.windows for one in corpus], scores))
    assert anomaly.sweep(corpus, scores, 20)[1] > found[1]


def test_likelihoods_are_those_of_the_detector():
    series = anomaly.generated(0, n=1000)[0].values
    detector = LSTMAnomalyDetector(hidden_size=4, max_epochs=1, random_state=0)
    raw = detector.fit([series[:150]]).anomaly_scores([series])[0]
    detector.set_params(likelihood=anomaly.LIKELIHOOD).fit([series[:150]])
    again = detector.anomaly_scores([series])[0]
    assert np.array_equal(anomaly.likelihoods_of(raw, 120, 150), again)


@pytest.mark.parametrize("by", [name for name in anomaly.METHODS if "LSTM" not in name])
def test_methods_on_windows_score_each_row_and_never_look_ahead(by):
    series = np.sin(np.arange(400) / 4)
    series[300] += 5
    score = anomaly.METHODS[by].learn(series[:200], 0)
    found = score(series)
    assert found.shape == (400,)
    if by != "random":
        assert found[300 : 300 + window_methods.WINDOW].mean() > found[200:300].mean()
        np.testing.assert_allclose(score(series[:300]), found[:300], atol=1e-6)


@pytest.mark.skipif(sys.platform != "linux", reason="/proc says what memory was used")
def test_memory_of_prediction_is_a_number():
    assert 0 <= memory.of_predict(100, "list") < 1000


def test_every_benchmark_has_a_text_and_a_run(capsys):
    assert program.main([]) == 0
    listed = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert listed == list(catalog.BENCHMARKS)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["report"], "report needs the JSON files"),
        (["scale", "a.json"], "nothing else takes files"),
        (["report", "a.json", "--peers"], "report takes JSON files and no options"),
        (["scale", "--peers"], "--peers says nothing to scale"),
        (["cooking"], "invalid choice"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(arguments, message, capsys):
    with pytest.raises(SystemExit):
        program.main(arguments)
    assert message in capsys.readouterr().err
