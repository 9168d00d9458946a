"""Graft beside its peers on the same machine, threads and inputs. See bench/run.

Parts: inference, training, start. Each writes what it found into build/bench/results.json; `report` makes the plot and
docs/benchmarks.md of it.
"""

import argparse

import bench_inference
import bench_nets
import bench_report
from bench_common import machine, machine_text, read_results, say, write_results

PARTS = ("inference",)


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
    peers = sorted({name for cases in bench_inference.CASES.values() for name in cases})
    nets = [*bench_nets.ALL, *bench_nets.LARGE]
    parser.add_argument("--quick", action="store_true", help="few nets, few runs: shows that all works")
    parser.add_argument("--only", type=words(PARTS), default=list(PARTS), help="parts: " + ", ".join(PARTS))
    parser.add_argument("--nets", type=words(nets), help="by commas; default: all (--quick: three)")
    parser.add_argument("--kinds", type=words(("float", "int8")), default=["float", "int8"])
    parser.add_argument("--peers", type=words(peers), default=[], help="by commas; default: all")
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


def main():
    o = parse()
    facts = machine()
    say(machine_text(facts))
    results = read_results("results.json")
    for part in o.only:
        found = {"inference": bench_inference.run}[part](o)
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
