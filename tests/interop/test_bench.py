"""The bench's own logic: statistics, fitness of nets, distances, tables, the pages written. No peer is run."""

import json
import pathlib
import sys

import numpy as np
import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "bench"))

import bench_report
import bench_stats
import bench_turns


def test_summary_over_blocks():
    s = bench_stats.summary([[3.0, 1.0], [2.0, 10.0]])
    assert (s["min_ms"], s["median_ms"], s["p99_ms"], s["runs"], s["blocks"]) == (1.0, 2.5, 10.0, 4, 2)


def test_percentile_is_a_value_that_was_measured():
    values = list(range(1, 201))
    assert bench_stats.percentile(values, 0.99) == 198
    assert bench_stats.percentile(values, 0.5) == 100
    assert bench_stats.percentile([7.0], 0.99) == 7.0


def test_nets_that_hide_errors_are_refused():
    good = np.array([[-6.0, 7.0, 0.0], [8.0, -9.0, 1.0]])
    assert bench_stats.spread_problem(good) is None
    assert "best class" in bench_stats.spread_problem(np.array([[-6.0, 7.0], [-8.0, 9.0]]))
    assert "+-5" in bench_stats.spread_problem(good / 3)


def test_distance_is_a_share_of_the_range():
    reference = np.array([[0.0, 10.0]], np.float32)
    assert bench_stats.distance(reference + 0.5, reference) == pytest.approx(0.05)
    assert bench_stats.distance(np.zeros((1, 2)), np.zeros((1, 2))) == float("inf")
    with pytest.raises(ValueError):
        bench_stats.distance(np.zeros((1, 3)), reference)


def test_outputs_in_another_order_are_matched():
    rng = np.random.default_rng(1)
    a, b, c = (rng.normal(size=shape) for shape in ((2, 5), (2, 3, 3), (2, 3, 3)))
    found = bench_stats.match_outputs([c + 1e-6, a, b], [a, b, c])
    assert [y.shape for y in found] == [a.shape, b.shape, c.shape]
    assert bench_stats.distance(found[1], b) == 0.0 and bench_stats.distance(found[2], c) < 1e-5
    with pytest.raises(ValueError):
        bench_stats.match_outputs([a, b], [a, b, c])


def test_best_peer_leaves_graft_out():
    rows = {
        "graft": {"min_ms": 1.0},
        "graft-tflite": {"min_ms": 0.9},
        "litert": {"min_ms": 3.0},
        "x": {"min_ms": 2.0},
    }
    assert bench_stats.best_peer(rows) == ("x", 2.0)
    assert bench_stats.best_peer({"graft": {"min_ms": 1.0}}) is None


class Fake:
    """Answers as a worker does; ends in its second round if told so."""

    def __init__(self, name, ms, ends=False):
        self.name, self.ms, self.ends, self.ready, self.asked = name, ms, ends, {"interpreter_mb": 30.0}, []
        self.awake = False

    def pids(self):
        return []

    def wake(self):
        self.awake = True

    def rest(self):
        self.awake = False

    def block(self, warmup, runs):
        assert self.awake, "measured while it is stopped"
        self.asked.append(runs)
        if self.ends and len(self.asked) > 2:
            raise bench_turns.WorkerEnded("gone")
        return [self.ms] * runs

    def peak_mb(self):
        return 50.0


def test_workers_take_turns_and_one_that_ends_is_left_out(monkeypatch, capsys):
    monkeypatch.setattr(bench_turns, "WRAP", [])
    workers = [Fake("quick", 1.0), Fake("slow", 50.0), Fake("lost", 1.0, ends=True)]
    found = bench_turns.in_turns(list(workers), 3, 0.1)
    assert list(found) == ["quick", "slow"] and "lost is left out: gone" in capsys.readouterr().out
    assert workers[0].asked == [1, 100, 100, 100] and workers[1].asked == [1, 2, 2, 2]
    assert found["slow"]["runs"] == 6 and found["slow"]["median_ms"] == 50.0
    assert found["quick"]["peak_beyond_interpreter_mb"] == 20.0
    assert not any(worker.awake for worker in workers[:2])


def row(ms):
    return {
        "min_ms": ms,
        "median_ms": ms * 1.1,
        "p99_ms": ms * 2,
        "peak_mb": 50.0,
        "peak_beyond_interpreter_mb": 20.0,
        "pictures_per_s": 1000 / ms,
        "gmac_per_s": 150 / ms,
    }


RESULTS = {
    part: {
        "machine": {
            "cpu": "A processor",
            "cores": 2,
            "system": "Linux",
            "date": "2026-01-02 03:04 UTC",
            "load_before": 0.1,
            "versions": {"graft": "graft 0.1.0", "ai-edge-litert": "2.3.0"},
            "peak": {
                "1": {
                    "f32_gflops": 100.0,
                    "int16_madd_gops": 160.0,
                    "dot_s8_gops": None,
                    "copy_gb_per_s": 9.0,
                }
            },
        },
        "settings": {"rounds": 3, "block_seconds": 0.1, "quick": True, "precision": "f32"},
        "entries": entries,
    }
    for part, entries in {
        "inference": [
            {
                "net": "MobileNetV2",
                "kind": kind,
                "batch": 1,
                "threads": 1,
                "rows": {"graft": row(5.0), "litert": row(8.0), "openvino": row(7.0)},
                "outputs": {"graft": {"logits": 1e-5, "inner": [2e-5]}},
            }
            for kind in ("float", "int8")
        ],
        "training": [
            {
                "net": "MobileNetV2",
                "kind": "f32",
                "batch": 32,
                "threads": 2,
                "rows": {"graft": row(800.0), "tensorflow": row(1600.0)},
                "outputs": {},
            }
        ],
        "start": [
            {
                "net": "MobileNetV2",
                "kind": "start",
                "batch": 1,
                "threads": 2,
                "rows": {"graft": {"min_ms": 30.0, "median_ms": 31.0, "p99_ms": 40.0}},
                "outputs": {},
            }
        ],
    }.items()
}


def test_the_page_keeps_what_was_written_by_hand(tmp_path):
    page = tmp_path / "benchmarks.md"
    page.write_text(f"# By hand\n\n{bench_report.BEGIN}\nold table\n{bench_report.END}\n\nAccuracy by hand\n")
    results = json.loads(json.dumps(RESULTS))
    bench_report.write_page(page, results)
    text = page.read_text()
    assert text.startswith("# By hand\n") and text.endswith("\nAccuracy by hand\n")
    assert "old table" not in text
    assert "| MobileNetV2 | 5.00 (5.50) | 8.00 | 7.00 | 1.40 | 60 % | 1.0e-05 / 2.0e-05 |" in text
    assert "A processor" in text and "2.00" in text and "31" in text
    bench_report.write_page(page, results)
    assert page.read_text() == text, "a second time changes nothing"


def test_a_page_without_its_marks_is_refused(tmp_path):
    page = tmp_path / "benchmarks.md"
    page.write_text("no marks\n")
    with pytest.raises(SystemExit):
        bench_report.write_page(page, RESULTS)
    assert page.read_text() == "no marks\n"
