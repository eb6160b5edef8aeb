"""What all peers share: a job, its inputs, running a renderer in P processes, and the line of JSON that tells the result."""

import json
import multiprocessing
import os
import re
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from threading import Barrier, BrokenBarrierError

HOME = Path(__file__).resolve().parents[2]
TOOLS = HOME / "target/bench-tools"
FONTS = HOME / "fonts"
TEMPLATES = HOME / "templates"
# The folder of the template of each kind.
SLUGS = {"letter": "parent-letter", "agreement": "cooperation-agreement"}
# What a document carries as the time of its making; the same for all, so that nobody reads a clock.
TIMESTAMP = 1_787_529_600
# With fewer inputs the caches of Typst would still know the one that comes again (they forget after 10 to 45 documents).
FEWEST_INPUTS = 64


class Failure(Exception):
    """Something that ends the run with one clear line."""


@dataclass(frozen=True)
class Job:
    """What the command line asked for."""

    name: str
    work: Path
    kind: str
    processes: int
    seconds: float

    def inputs(self, pattern: str) -> list[Path]:
        """The inputs of this kind whose names match, in order."""
        folder = self.work / self.kind
        found = sorted(path for path in folder.glob(pattern))
        if len(found) < FEWEST_INPUTS:
            raise Failure(f"{folder} has {len(found)} of {pattern}; it takes at least {FEWEST_INPUTS} different ones")
        return found

    def sample(self) -> Path:
        """Where one PDF goes, to look at."""
        return self.work / "out" / f"{self.name}-{self.kind}.pdf"


@dataclass
class Tally:
    """What one process, or one tab, did in the measured part."""

    started: float = 0.0
    ended: float = 0.0
    cpu: float = 0.0
    peak_kib: int = 0
    size: int = 0
    latencies: list[float] = field(default_factory=list)

    def count(self, seconds: float, pdf: bytes, path: Path) -> None:
        """One more document."""
        if not pdf.startswith(b"%PDF"):
            raise Failure(f"{path}: what came back is no PDF")
        self.latencies.append(seconds)
        self.size += len(pdf)


@dataclass
class Peer:
    """A renderer that works in one thread: given an input it returns a PDF."""

    render: Callable[[object], bytes]
    inputs: list[tuple[Path, object]]
    version: str
    warm_up: int
    # Whether the work is done by child processes, whose memory then counts instead of our own.
    by_children: bool = False


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder in memory, gone afterwards."""
    memory = Path("/dev/shm")
    folder = tempfile.mkdtemp(prefix="skoledok-peer-", dir=memory if os.access(memory, os.W_OK) else None)
    try:
        yield Path(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def fontconfig(folder: Path) -> Path:
    """Writes a configuration of fontconfig that knows the shipped fonts and no others."""
    path = folder / "fonts.conf"
    path.write_text(
        '<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd"><fontconfig>'
        f"<dir>{FONTS}</dir><cachedir>{folder}/fontconfig</cachedir></fontconfig>"
    )
    return path


def print_css() -> str:
    """The stylesheet for paper."""
    return (Path(__file__).parent / "print.css").read_text()


def for_paper(html: str) -> str:
    """The page without its stylesheet for the screen, and without the span inside a link that WeasyPrint would tag wrongly."""
    html = re.sub(r"<style>.*?</style>", "", html, count=1, flags=re.DOTALL)
    return re.sub(r"(<a [^>]*>)<span [^>]*>([^<]*)</span></a>", r"\1\2</a>", html)


def cpu_seconds() -> float:
    """User and system time of this process and of its children that have ended."""
    return sum(
        usage.ru_utime + usage.ru_stime
        for usage in (resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN))
    )


def peak_kib(pid: int | str) -> int:
    """Most memory that a living process ever had. Unlike `ru_maxrss` it does not inherit that of its parent."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0  # a helper of Chromium that has ended
    found = re.search(r"VmHWM:\s+(\d+)", status)
    return int(found[1]) if found else 0


def run_processes(job: Job, module: str) -> tuple[str, list[Tally]]:
    """Runs the `peer(job, scratch)` of a module in P processes of their own."""
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(job.processes)
    with ProcessPoolExecutor(job.processes, context, _keep, (barrier,)) as pool:
        futures = [pool.submit(_work, job, module, index) for index in range(job.processes)]
        errors = [error for future in futures if (error := future.exception())]
    # The others broke at the barrier only because one of them failed.
    errors.sort(key=lambda error: isinstance(error, BrokenBarrierError))
    if errors:
        raise Failure(str(errors[0]) or repr(errors[0])) from errors[0]
    results = [future.result() for future in futures]
    return results[0][0], [tally for _, tally in results]


_barrier: Barrier


def _keep(barrier: Barrier) -> None:
    global _barrier
    _barrier = barrier


def _work(job: Job, module: str, index: int) -> tuple[str, Tally]:
    """One process: set up, warm up, wait for the others, measure."""
    path = None
    try:
        with ExitStack() as stack:
            peer: Peer = import_module(module).peer(job, stack.enter_context(scratch()))
            inputs = peer.inputs
            # Each process begins at another place.
            at = index * len(inputs) // job.processes
            for path, given in inputs[:: max(1, len(inputs) // peer.warm_up)]:
                pdf = peer.render(given)
            if index == 0:
                path, given = inputs[0]
                job.sample().parent.mkdir(parents=True, exist_ok=True)
                job.sample().write_bytes(peer.render(given))
            _barrier.wait(timeout=300)
            tally = Tally(started=time.perf_counter(), cpu=-cpu_seconds())
            now = tally.started
            while now < tally.started + job.seconds:
                path, given = inputs[at]
                at = (at + 1) % len(inputs)
                pdf = peer.render(given)
                before, now = now, time.perf_counter()
                tally.count(now - before, pdf, path)
            tally.ended = now
            tally.cpu += cpu_seconds()
            children = resource.getrusage(resource.RUSAGE_CHILDREN)
            tally.peak_kib = children.ru_maxrss if peer.by_children else peak_kib("self")
            return peer.version, tally
    except BrokenBarrierError:
        raise
    except Exception as error:
        _barrier.abort()
        kind = "" if isinstance(error, Failure) else f"{type(error).__name__}: "
        raise Failure(f"{path}: {kind}{error}" if path else f"{kind}{error}") from None


def report(job: Job, version: str, tallies: list[Tally], *, cpu: float | None = None, peak: int | None = None) -> None:
    """Prints the one line of JSON. `cpu` and `peak` are given where the tallies do not know them."""
    latencies = sorted(latency for tally in tallies for latency in tally.latencies)

    def percentile(share: float) -> float:
        return round(1000 * latencies[min(len(latencies) - 1, int(share * len(latencies)))], 3)

    started, ended = min(tally.started for tally in tallies), max(tally.ended for tally in tallies)
    result = {
        "name": job.name,
        "version": version,
        "documents": len(latencies),
        "seconds": round(ended - started, 3),
        "cpu_seconds": round(sum(tally.cpu for tally in tallies) if cpu is None else cpu, 3),
        "latencies_ms": {"p50": percentile(0.5), "p99": percentile(0.99)},
        "peak_rss_mib": round((sum(tally.peak_kib for tally in tallies) if peak is None else peak) / 1024, 1),
        "bytes": round(sum(tally.size for tally in tallies) / len(latencies)),
        "sample": str(job.sample()),
    }
    sys.stdout.write(json.dumps(result) + "\n")
