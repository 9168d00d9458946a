"""Peers as processes that stay alive, measured in turns.

A worker answers a line "WARMUP RUNS" with the milliseconds of each run: bench_worker.py for the Python peers, `graft
bench --blocks` for Graft. A block of one worker is followed by a block of the next; the order turns round with each
round, so that none always follows the same neighbour. Whoever is not measured is stopped: some peers' threads spin for
long after their work.
"""

import contextlib
import json
import os
import pathlib
import shlex
import signal
import subprocess
import sys
import time

import bench_stats
from bench_common import GRAFT, say

HERE = pathlib.Path(__file__).resolve().parent
WRAP = shlex.split(os.environ.get("BENCH_WRAP", ""))
HOLD_SECONDS = 20  # then others get their turn
child_scheduling = (
    {}
)  # for subprocesses that are measured: arguments of subprocess.run while the machine is held


class WorkerEnded(RuntimeError):
    pass


class Worker:
    def __init__(self, name, command):
        self.name, self.command = name, [str(word) for word in command]
        self.pipe = subprocess.Popen(
            self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self.ready = None

    def wait_ready(self):
        self.ready = self.read()
        return self.ready

    def read(self):
        while line := self.pipe.stdout.readline():
            if line.startswith("{"):
                return json.loads(line)
        said = self.pipe.stderr.read().strip().splitlines()
        raise WorkerEnded(
            f"{self.name} ended: {' '.join(self.command)}: {said[-1] if said else 'without a word'}"
        )

    def pids(self):
        return [self.pipe.pid]

    def rest(self):
        self.pipe.send_signal(signal.SIGSTOP)

    def wake(self):
        self.pipe.send_signal(signal.SIGCONT)

    def block(self, warmup, runs):
        self.pipe.stdin.write(f"{warmup} {runs}\n")
        self.pipe.stdin.flush()
        return self.read()["ms"]

    def peak_mb(self):
        """Largest resident memory so far, shared and file pages included."""
        for line in open(f"/proc/{self.pipe.pid}/status"):
            if line.startswith("VmHWM"):
                return int(line.split()[1]) / 1024
        return 0.0

    def close(self):
        self.wake()
        self.pipe.stdin.close()
        self.pipe.stdout.close()
        self.pipe.stderr.close()
        self.pipe.wait()


def graft_worker(name, model, threads, feed, *more):
    return Worker(name, [GRAFT, "bench", model, "--threads", threads, "--input", feed, "--blocks", *more])


def peer_worker(name, peer, model, batch, threads, feed, python=sys.executable):
    command = [
        python,
        HERE / "bench_worker.py",
        peer,
        model,
        "--batch",
        batch,
        "--threads",
        threads,
        "--input",
        feed,
    ]
    return Worker(name, command)


@contextlib.contextmanager
def quiet(workers):
    """Nothing without BENCH_WRAP; with it, its command holds the machine and the workers get its scheduling."""
    if not WRAP:
        yield
        return
    pids = [str(pid) for worker in workers for pid in worker.pids()]
    command = [*WRAP, sys.executable, str(HERE / "hold_quiet.py"), *pids]
    holder = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    policy, priority = map(int, holder.stdout.readline().split())
    child_scheduling["preexec_fn"] = lambda: os.sched_setscheduler(0, policy, os.sched_param(priority))
    try:
        yield
    finally:
        child_scheduling.clear()
        holder.stdin.close()
        holder.wait()
        holder.stdout.close()


def start(workers):
    """Waits until all are ready; one that ends is left out and said: [(name, why)]."""
    refused = []
    for worker in list(workers):
        try:
            worker.wait_ready()
            worker.rest()
        except WorkerEnded as ended:
            refused.append((worker.name, str(ended)))
            worker.close()
            workers.remove(worker)
    return refused


def one_block(worker, blocks, wanted, block_seconds, least_runs):
    """Wakes a worker for as many runs as fill the time; how many is settled by its first run."""
    worker.wake()
    if worker.name not in wanted:
        once = min(worker.block(1, 1))
        wanted[worker.name] = max(least_runs, min(500, round(block_seconds * 1000 / once)))
    blocks.append(worker.block(1, wanted[worker.name]))
    worker.rest()


def in_turns(workers, rounds, block_seconds, least_runs=1):
    """{name: summary of its runs, peak memory}."""
    blocks = {worker.name: [] for worker in workers}
    done, wanted = 0, {}
    while done < rounds:
        with quiet(workers):
            began = time.monotonic()
            while done < rounds and (time.monotonic() - began < HOLD_SECONDS or not WRAP):
                for worker in list(workers if done % 2 == 0 else reversed(workers)):
                    try:
                        one_block(worker, blocks[worker.name], wanted, block_seconds, least_runs)
                    except (WorkerEnded, OSError) as ended:
                        say(f"  {worker.name} is left out: {ended}")
                        workers.remove(worker)
                        del blocks[worker.name]
                done += 1
    out = {}
    for worker in workers:
        out[worker.name] = bench_stats.summary(blocks[worker.name])
        out[worker.name]["peak_mb"] = worker.peak_mb()
        interpreter = worker.ready.get("interpreter_mb", 0.0)
        out[worker.name]["peak_beyond_interpreter_mb"] = out[worker.name]["peak_mb"] - interpreter
        for key in ("load_ms", "first_run_ms", "arena_bytes", "packed_bytes"):
            if key in worker.ready:
                out[worker.name][key] = worker.ready[key]
    return out
