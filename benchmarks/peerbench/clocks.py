"""Clocks of stages that happen in several pieces."""

import resource
import time


def cpu_seconds():
    """CPU time of all threads of this process."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


class Stopwatch:
    """Adds up the wall-clock and CPU seconds of all `with` blocks that it was used for."""

    def __init__(self):
        self.seconds = self.cpu = 0.0

    def __enter__(self):
        self.start = time.perf_counter(), cpu_seconds()
        return self

    def __exit__(self, *_):
        self.seconds += time.perf_counter() - self.start[0]
        self.cpu += cpu_seconds() - self.start[1]

    def json(self):
        return {"seconds": round(self.seconds, 3), "cpuSeconds": round(self.cpu, 3)}
