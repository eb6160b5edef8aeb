"""The command line of Typst, one process for each document, P at a time.

Templates, data and output lie in memory. Only the shipped fonts are searched; the fonts built into the program are left
out too, which spares reading them. `--jobs 1`, since the other cores have documents of their own.
"""

import os
import shutil
import subprocess
from pathlib import Path

from common import FONTS, SLUGS, TEMPLATES, TIMESTAMP, TOOLS, Failure, Job, Peer, report, run_processes

# `TYPST` names another program, to try one.
PROGRAM = Path(os.environ.get("TYPST", TOOLS / "typst/bin/typst"))


def run(job: Job) -> None:
    """Measures."""
    if not PROGRAM.exists():
        raise Failure(f"{PROGRAM} is missing: run benches/peers/setup")
    report(job, *run_processes(job, __name__))


def peer(job: Job, folder: Path) -> Peer:
    """One lane, with a root of its own."""
    root, output, errors = folder / "templates", folder / "out.pdf", folder / "errors"
    shutil.copytree(TEMPLATES, root)
    command = [
        str(PROGRAM), "compile", "--format", "pdf", "--pdf-standard", "a-2a,ua-1",
        "--ignore-system-fonts", "--ignore-embedded-fonts", "--font-path", str(FONTS),
        "--root", str(root), "--input", "data=/data.json", "--creation-timestamp", str(TIMESTAMP), "--jobs", "1",
        str(root / SLUGS[job.kind] / "template.typ"), str(output),
    ]  # fmt: skip
    actions = [(os.POSIX_SPAWN_OPEN, 2, str(errors), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)]

    def render(body: bytes) -> bytes:
        (root / "data.json").write_bytes(body)
        # Much lighter than `subprocess`.
        pid = os.posix_spawn(command[0], command, {}, file_actions=actions)
        _, status = os.waitpid(pid, 0)
        if status:
            code = os.waitstatus_to_exitcode(status)
            raise Failure(f"typst ended with {code}: {errors.read_text(errors='replace').strip()}")
        return output.read_bytes()

    version = subprocess.run([PROGRAM, "--version"], check=True, capture_output=True, text=True).stdout.strip()
    inputs = [(path, path.read_bytes()) for path in job.inputs("data-*.json")]
    return Peer(render, inputs, version, warm_up=4, by_children=True)
