"""Graft beside its peers on the same machine, threads and inputs. See bench/run.

Parts: inference, training, start. Each writes what it found into build/bench/results.json; `report` makes the plot and
docs/benchmarks.md of it.
"""

import argparse
import json
import pathlib
import subprocess
import sys

import bench_inference
import bench_nets
import bench_report
import bench_start
import bench_training
import bench_turns
from bench_common import GRAFT, machine, machine_text, read_results, say, write_results

PARTS = {"inference": bench_inference.run, "training": bench_training.run, "start": bench_start.run}


def words(choices):
    def parse(text):
        chosen = text.split(",")
        for word in chosen:
            if word not in choices:
                raise argparse.ArgumentTypeError(f"no {word}; there are {', '.join(choices)}")
        return chosen

    return parse


def numbers(text):
    return [int(word) for word in text.split(",")]


def parse():
    parser = argparse.ArgumentParser(prog="bench/run", description=__doc__)
    peers = sorted({name for cases in bench_inference.CASES.values() for name in cases} | {"pytorch"})
    nets = [*bench_nets.ALL, *bench_nets.LARGE]
    parser.add_argument("--quick", action="store_true", help="few nets, few runs: shows that all works")
    parser.add_argument("--only", type=words(PARTS), default=list(PARTS), help="parts: " + ", ".join(PARTS))
    parser.add_argument("--nets", type=words(nets), help="by commas; default: all (--quick: three)")
    parser.add_argument("--kinds", type=words(("float", "int8")), default=["float", "int8"])
    parser.add_argument("--peers", type=words(peers), default=[], help="by commas; default: all")
    kinds = ("f32", "bf16", "frozen")
    parser.add_argument(
        "--training", type=words(kinds), default=list(kinds), help="steps: " + ", ".join(kinds)
    )
    parser.add_argument("--threads", type=numbers, default=[1, 2])
    parser.add_argument("--batches", type=numbers, default=list(bench_nets.BATCHES))
    parser.add_argument("--precision", default="f32", help="of Graft's float runs")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--block-seconds", type=float, default=0.5, help="least time of a block of runs")
    parser.add_argument("--no-outputs", dest="outputs", action="store_false", help="do not compare outputs")
    parser.add_argument("--keep", action="store_true", help="do not write results.json")
    o = parser.parse_args()
    if o.quick:
        o.rounds, o.block_seconds = min(o.rounds, 3), min(o.block_seconds, 0.15)
    o.nets = o.nets or (bench_nets.QUICK if o.quick else nets)
    o.show = bench_report.show
    return o


def peak():
    """What the cores do at most (peak_meter.c), by number of threads."""
    program = pathlib.Path(GRAFT).parent / "peak_meter"
    with bench_turns.quiet([]):
        done = subprocess.run(
            [program, "0.3"], capture_output=True, text=True, **bench_turns.child_scheduling
        )
    if done.returncode != 0:
        sys.exit(f"bench: {program}: {done.stderr.strip()}")
    lines = json.loads(done.stdout)
    for line in lines:
        say("at most: " + ", ".join(f"{key} {value}" for key, value in line.items() if value is not None))
    return {str(line["threads"]): line for line in lines}


def main():
    o = parse()
    facts = machine()
    say(machine_text(facts))
    results = read_results("results.json")
    facts["peak"] = peak()
    for part in o.only:
        found = PARTS[part](o)
        settings = {
            "rounds": o.rounds,
            "block_seconds": o.block_seconds,
            "quick": o.quick,
            "precision": o.precision,
        }
        results[part] = {"machine": facts, "settings": settings, "entries": found}
        if not o.keep:
            say(f"written: {write_results('results.json', results)}")


if __name__ == "__main__":
    main()
