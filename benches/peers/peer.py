"""peer.py NAME --work DIR --kind letter|agreement --processes P --seconds S: renders prepared documents with another tool.

NAME: typst-python, typst-cli, weasyprint, chromium, gotenberg-way. DIR holds letter/ and agreement/, each with 0000.json, data-0000.json,
0000.html and so on (README.md tells what they are). After a warm-up, P processes render for S seconds.
Prints one line of JSON. Exit 0 done, 1 something failed, 2 wrong use.
"""

import argparse
import os
import sys
from importlib import import_module
from pathlib import Path

# No __pycache__ among the sources, neither by this process nor by those that it starts.
sys.dont_write_bytecode = True
os.environ["PYTHONDONTWRITEBYTECODE"] = "1"

from common import SLUGS, Failure, Job  # noqa: E402

MODULES = {
    "typst-python": "typst_python",
    "typst-cli": "typst_cli",
    "weasyprint": "weasy",
    "chromium": "chromium",
    "gotenberg-way": "chromium",
}


def main() -> int:
    """Reads the command line and runs the peer."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=MODULES, metavar="NAME")
    parser.add_argument("--work", type=Path, required=True, metavar="DIR")
    parser.add_argument("--kind", choices=SLUGS, required=True)
    parser.add_argument("--processes", type=int, required=True, metavar="P")
    parser.add_argument("--seconds", type=float, required=True, metavar="S")
    given = parser.parse_args()
    if given.processes < 1 or given.seconds <= 0:
        parser.error("P and S must be greater than zero")
    job = Job(given.name, given.work.resolve(), given.kind, given.processes, given.seconds)
    try:
        import_module(MODULES[given.name]).run(job)
    except (Failure, ImportError) as error:
        print(f"peer.py: {given.name}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
