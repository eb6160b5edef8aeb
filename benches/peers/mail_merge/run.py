"""run.py SKOLEDOK: 500 letters into one PDF, by skoledok, the command line of Typst and WeasyPrint, in rounds that take turns.

SKOLEDOK is the program. --rounds N (5), --slow-rounds N (2) of WeasyPrint, --letters N (500), --work DIR, --without NAME (several
times), --no-verapdf. `TYPST=/path/to/typst` tries another command line of Typst. Before the clock runs each makes the letters once;
then all pages are compared, word by word, with the list and with each other, memory is looked at, and veraPDF is asked.
Prints a table in Markdown: medians with the lowest and the highest, MiB of all processes of a program at most, MB of the PDF;
ratios are taken within a round. Exit 0 done, 1 something failed or a PDF is not what it should be, 2 wrong use.
"""

import argparse
import csv
import ctypes
import os
import shutil
import signal
import statistics
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

sys.dont_write_bytecode = True
os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from common import FONTS, HOME, TOOLS, Failure  # noqa: E402
from make_data import write  # noqa: E402

HERE = Path(__file__).resolve().parent
TYPST = Path(os.environ.get("TYPST", TOOLS / "typst/bin/typst"))
VERAPDF = HOME / "tests/tools/verapdf/check"
BOTH = "PDF/A-2a, PDF/UA-1"
# Longest that one run may take, and that the helpers of a program may outlive it.
LONGEST, LEFT_BEHIND = 900.0, 10.0


@dataclass
class Figures:
    """What one run took."""

    seconds: float
    cpu: float


@dataclass
class Contender:
    """A way to make the letters."""

    name: str
    command: list[str]
    pdf: Path
    standards: str = "none"
    flavours: str = ""
    is_slow: bool = False
    wanted: str = ""
    size: int = 0
    peak_mib: float = 0.0
    proof: str = ""
    runs: list[Figures] = field(default_factory=list)

    def clear(self) -> None:
        """Removes what the last run made."""
        for path in self.pdf.parent.glob(f"{self.pdf.stem}.*"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def contenders(skoledok: Path, work: Path) -> list[Contender]:
    """All, in the order of their turns."""
    bulk = [str(skoledok), "bulk", str(work / "letter.json"), str(work / "list.csv"), "-o"]
    typst = [str(TYPST), "compile", "--ignore-system-fonts", "--ignore-embedded-fonts", "--font-path", str(FONTS)]
    typst_ua = [*typst, "--pdf-standard", "a-2a,ua-1"]
    source = str(work / "letter.typ")
    weasy = [sys.executable, str(HERE / "weasy.py"), str(work)]
    half, twenty = "at least 0.5", "at least 20"

    def make(name: str, command: list[str], *after: str, **about: object) -> Contender:
        pdf = work / f"out-{name}.pdf"
        return Contender(name, [*command, str(pdf), *after], pdf, **about)

    return [
        make("skoledok", bulk, standards=BOTH, flavours="2a,ua1"),
        make("typst", [*typst, source], wanted=half),
        make("typst-ua", [*typst_ua, source], standards=BOTH, flavours="2a,ua1", wanted=half),
        make("weasyprint", weasy, is_slow=True, wanted=twenty),
        make("weasyprint-ua", weasy, "pdf/ua-1", standards="PDF/UA-1", flavours="ua1", is_slow=True, wanted=twenty),
    ]


def adopt_orphans() -> None:
    """Makes what a program leaves behind our child, so that its CPU time is known, too."""
    if ctypes.CDLL(None, use_errno=True).prctl(36, 1, 0, 0, 0) != 0:  # PR_SET_CHILD_SUBREAPER
        raise Failure("this kernel does not let orphans be adopted")


def run(contender: Contender, watch: Callable[[int], None] | None = None) -> Figures:
    """One run in a new process; `watch` is given its number."""
    contender.clear()
    said = contender.pdf.with_suffix(".said")
    write_said = (os.POSIX_SPAWN_OPEN, 1, str(said), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    actions = [write_said, (os.POSIX_SPAWN_DUP2, 1, 2)]
    began = time.perf_counter()
    pid = os.posix_spawn(contender.command[0], contender.command, os.environ, file_actions=actions)
    late = threading.Timer(LONGEST, os.kill, (pid, signal.SIGKILL))
    late.start()
    if watch:
        threading.Thread(target=watch, args=(pid,), daemon=True).start()
    _, status, usage = os.wait4(pid, 0)
    seconds = time.perf_counter() - began
    late.cancel()
    cpu = usage.ru_utime + usage.ru_stime
    # Render processes are killed when the program ends, and their time counts as well.
    until = time.perf_counter() + LEFT_BEHIND
    while time.perf_counter() < until:
        try:
            other, _, usage = os.wait4(-1, os.WNOHANG)
        except ChildProcessError:
            break
        if other:
            cpu += usage.ru_utime + usage.ru_stime
        else:
            time.sleep(0.005)
    else:
        raise Failure(f"{contender.name} leaves processes behind")
    if status or not contender.pdf.exists():
        text = said.read_text(errors="replace").strip()
        raise Failure(f"{contender.name} ended with {os.waitstatus_to_exitcode(status)}: {text[-2000:]}")
    return Figures(seconds, cpu)


def resident_mib(pid: int) -> float:
    """Memory of a process and all below it. Pages that they share count once for each."""
    total, tasks = 0, [pid]
    while tasks:
        task = tasks.pop()
        try:
            total += int(Path(f"/proc/{task}/statm").read_text().split()[1])
            for thread in Path(f"/proc/{task}/task").iterdir():
                tasks.extend(map(int, (thread / "children").read_text().split()))
        except (OSError, IndexError):
            continue  # it has ended
    return total * os.sysconf("SC_PAGE_SIZE") / 2**20


def words(text: str) -> Counter[str]:
    """The words of a page, in whatever order the tool has written them."""
    return Counter(text.split())


def examine(contender: Contender, rows: list[dict[str, str]], model: list[Counter[str]]) -> list[Counter[str]]:
    """Looks through the PDF: a page for each of the list, with all of the line on it and the words of the first contender."""
    found = subprocess.run(["pdftotext", "-q", str(contender.pdf), "-"], check=True, capture_output=True, text=True)
    pages = [words(page) for page in found.stdout.split("\f")[:-1]]
    if len(pages) != len(rows):
        raise Failure(f"{contender.name}: {len(pages)} pages for {len(rows)} letters")
    for number, (row, page) in enumerate(zip(rows, pages, strict=True), 1):
        expected = words(" ".join(value for name, value in row.items() if name != "Nøkkel"))
        expected += words(f"{row['Navn']}!".split()[-1])  # the salutation
        if expected - page:
            raise Failure(f"{contender.name}, page {number}: misses {dict(expected - page)}")
        if model and page != model[number - 1]:
            others = dict(page - model[number - 1]), dict(model[number - 1] - page)
            raise Failure(f"{contender.name}, page {number}: other words than the first contender: {others}")
    contender.size = contender.pdf.stat().st_size
    return pages


def prove(contender: Contender) -> None:
    """Asks veraPDF, if there is a standard and veraPDF."""
    if contender.flavours:
        done = subprocess.run([VERAPDF, contender.flavours, contender.pdf], capture_output=True, text=True)
        if done.returncode not in (0, 1):
            raise Failure(f"veraPDF: {done.stderr.strip() or done.stdout.strip()} (--no-verapdf leaves it out)")
        contender.proof = "veraPDF passes it" if done.returncode == 0 else "veraPDF refuses it"


def rehearse(contender: Contender, rows: list[dict[str, str]], model: list[Counter[str]], ask: bool) -> list[Counter[str]]:
    """The run before the clock: memory, contents, standards."""

    def watch(pid: int) -> None:
        while (now := resident_mib(pid)) > 0:
            contender.peak_mib = max(contender.peak_mib, now)
            time.sleep(0.01)

    run(contender, watch)
    pages = examine(contender, rows, model)
    if ask:
        prove(contender)
    return pages


def spread(values: list[float], digits: int) -> str:
    """The median, with the lowest and the highest."""
    told = f"{statistics.median(values):.{digits}f}"
    return told if len(values) == 1 else f"{told} ({min(values):.{digits}f} to {max(values):.{digits}f})"


def table(all_of_them: list[Contender], letters: int) -> str:
    """The table in Markdown."""
    first = all_of_them[0]
    lines = [
        f"| {letters} letters in one PDF | standards | rounds | seconds | CPU s | MiB | MB | its time : skoledok's | wanted |",
        "|---|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for contender in all_of_them:
        standards = f"{contender.standards}{'; ' * bool(contender.proof)}{contender.proof}"
        ratios = [theirs.seconds / ours.seconds for ours, theirs in zip(first.runs, contender.runs, strict=False)]
        seconds = spread([one.seconds for one in contender.runs], 2)
        cpu = f"{statistics.median(one.cpu for one in contender.runs):.2f}"
        ratio = "" if contender is first else spread(ratios, 2)
        lines.append(
            f"| {contender.name} | {standards} | {len(contender.runs)} | {seconds} | {cpu} | {contender.peak_mib:.0f} "
            f"| {contender.size / 1e6:.1f} | {ratio} | {contender.wanted} |"
        )
    return "\n".join(lines)


def measure(given: argparse.Namespace) -> None:
    """All of it."""
    work = given.work.resolve()
    write(work, given.letters)
    with (work / "list.csv").open(encoding="utf-8", newline="") as read:
        rows = list(csv.DictReader(read, delimiter=";"))
    all_of_them = contenders(given.skoledok.resolve(), work)
    known = {contender.name for contender in all_of_them[1:]}
    if unknown := set(given.without) - known:
        raise Failure(f"there is no {', '.join(sorted(unknown))}; --without takes {', '.join(sorted(known))}")
    all_of_them = [contender for contender in all_of_them if contender.name not in given.without]
    if missing := [c.command[0] for c in all_of_them if not Path(c.command[0]).exists()]:
        raise Failure(f"{missing[0]} is missing: run benches/peers/setup, or build skoledok")
    adopt_orphans()
    print(f"load before: {os.getloadavg()[0]:.2f} on {os.cpu_count()} cores", file=sys.stderr)
    model: list[Counter[str]] = []
    for contender in all_of_them:
        print(f"rehearsal: {contender.name}", file=sys.stderr)
        pages = rehearse(contender, rows, model, not given.no_verapdf)
        model = model or pages
    for number in range(given.rounds):
        turn = [contender for contender in all_of_them if not contender.is_slow or number < given.slow_rounds]
        # Who begins changes from round to round.
        at = number % len(turn)
        for contender in turn[at:] + turn[:at]:
            contender.runs.append(run(contender))
        told = ", ".join(f"{contender.name} {contender.runs[-1].seconds:.2f}" for contender in turn)
        print(f"round {number + 1}: {told} (load {os.getloadavg()[0]:.2f})", file=sys.stderr)
    print(table([contender for contender in all_of_them if contender.runs], len(rows)))


def main() -> int:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("skoledok", type=Path, metavar="SKOLEDOK")
    parser.add_argument("--rounds", type=int, default=5, metavar="N")
    parser.add_argument("--slow-rounds", type=int, default=2, metavar="N")
    parser.add_argument("--letters", type=int, default=500, metavar="N")
    parser.add_argument("--work", type=Path, default=HOME / "target/bench-work/mail-merge", metavar="DIR")
    parser.add_argument("--without", action="append", default=[], metavar="NAME")
    parser.add_argument("--no-verapdf", action="store_true")
    given = parser.parse_args()
    if given.rounds < 1 or given.slow_rounds < 0 or not 1 <= given.letters <= 500:
        parser.error("at least one round, and 1 to 500 letters")
    try:
        measure(given)
    except (Failure, OSError, subprocess.CalledProcessError) as error:
        print(f"run.py: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
