"""Gives its own scheduling to other processes until its standard input ends: hold_quiet.py PID...

For a bench that is started under something like `chrt`: the peers live longer than a measurement, so that they cannot
be started under it themselves. Their threads go back to the ordinary one. Prints its policy and priority when it has
begun.
"""

import os
import sys


def threads(pids):
    for pid in pids:
        try:
            yield from map(int, os.listdir(f"/proc/{pid}/task"))
        except OSError:
            pass  # ended meanwhile


def give(pids, policy, parameters):
    for thread in threads(pids):
        try:
            os.sched_setscheduler(thread, policy, parameters)
        except OSError:
            pass


ordinary = os.SCHED_OTHER, os.sched_param(0)
give(sys.argv[1:], os.sched_getscheduler(0), os.sched_getparam(0))
print(os.sched_getscheduler(0), os.sched_getparam(0).sched_priority, flush=True)
sys.stdin.read()
give(sys.argv[1:], *ordinary)
