"""The PyPI package `typst` in P processes: the same compiler and templates as ours, called from Python.

Tried on 2 busy cores, CPU a letter (lower quartile), and kept where it was fastest:
  - data as a file in memory at a fixed path, `sys_inputs` constant: 6.4 ms. Writing into the open file rather than
    opening it anew gains 1 to 2 %; handing the data over as bytes, `compile({"main.typ": …, "data.json": …})`, is as fast.
  - the path of another file in `sys_inputs` for each document: 19 ms. The data itself in `sys_inputs`: 23 ms. Both make
    Typst forget its layouts.
  - all templates as bytes with each call: 14 ms (they are parsed anew). `typst.compile` without a `Compiler`: 13 ms.
  - templates on disk instead of in memory: +5 to 10 % (the package reads all of them for each document).
  - jemalloc instead of glibc's allocator, which a wheel leaves to the system: -5 to -8 %. mimalloc gains less.
  - one thread in Typst's pool for each process when there are as many processes as cores: -2 %, near the noise.
"""

import os
import shutil
from importlib.metadata import version
from pathlib import Path

from common import FONTS, SLUGS, TEMPLATES, TIMESTAMP, Failure, Job, Peer, report, run_processes

JEMALLOC = [Path(f"/usr/lib/{folder}/libjemalloc.so.2") for folder in (f"{os.uname().machine}-linux-gnu", "")]


def run(job: Job) -> None:
    """Measures with the best environment for the worker processes, which inherit it."""
    jemalloc = next((path for path in JEMALLOC if path.exists()), None)
    if jemalloc is None:
        raise Failure("libjemalloc.so.2 is missing: run benches/peers/setup")
    os.environ["LD_PRELOAD"] = str(jemalloc)
    os.environ["RAYON_NUM_THREADS"] = str(max(1, (os.cpu_count() or 1) // job.processes))
    report(job, *run_processes(job, __name__))


def peer(job: Job, folder: Path) -> Peer:
    """One process: fonts and templates loaded once, one compiler for all documents."""
    import typst

    root = folder / "templates"
    shutil.copytree(TEMPLATES, root)
    data = os.open(root / "data.json", os.O_RDWR | os.O_CREAT)
    compiler = typst.Compiler(
        root / SLUGS[job.kind] / "template.typ",
        root=root,
        font_paths=typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=[FONTS]),
        sys_inputs={"data": "/data.json"},
    )

    def render(body: bytes) -> bytes:
        os.ftruncate(data, os.pwrite(data, body, 0))
        return compiler.compile(format="pdf", pdf_standards=["a-2a", "ua-1"], timestamp=TIMESTAMP)

    inputs = [(path, path.read_bytes()) for path in job.inputs("data-*.json")]
    return Peer(render, inputs, f"typst {version('typst')} (PyPI)", warm_up=20)
