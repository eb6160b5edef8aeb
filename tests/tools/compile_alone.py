"""compile_alone.py OUTDIR: compiles every template by itself, as a designer does with the `typst` command line.

Proves that templates need nothing of the service: root `templates/`, the samples beside each template, fonts from `fonts/`
only (neither the system's nor those built into typst), PDF/A-2a and PDF/UA-1. The PyPI package `typst` is the same compiler.
Writes OUTDIR/<kind>.<sample>.pdf. Exit 0 good, 1 an error or a font that is not shipped, 2 wrong use.
"""

import re
import sys
from datetime import datetime, timezone
from pathlib import Path

import typst

if len(sys.argv) != 2:
    sys.exit(print(__doc__, file=sys.stderr) or 2)
home = Path(__file__).resolve().parents[2]
out = Path(sys.argv[1])
out.mkdir(parents=True, exist_ok=True)

fonts = typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=[home / "fonts"])
compiled, failures = 0, 0
for folder in sorted(path.parent for path in (home / "templates").glob("*/manifest.json")):
    template = folder / "template.typ"
    samples = sorted(folder.glob("sample*.json"))
    if not template.exists() or not samples:
        print(f"FAIL {folder.name}: has no template.typ or no sample.json")
        failures += 1
    for sample in samples if template.exists() else []:
        try:
            pdf, warnings = typst.compile_with_warnings(
                template,
                root=home / "templates",
                font_paths=fonts,
                format="pdf",
                pdf_standards=["a-2a", "ua-1"],
                sys_inputs={"data": sample.name},
                timestamp=datetime(2026, 8, 17, tzinfo=timezone.utc),
            )
        except typst.TypstError as error:
            print(f"FAIL {folder.name} with {sample.name}: {error.diagnostic or error}")
            failures += 1
            continue
        compiled += 1
        (out / f"{folder.name}.{sample.stem}.pdf").write_bytes(pdf)
        for warning in warnings:
            unknown = re.search(r"unknown font|no font", str(warning))
            failures += bool(unknown)
            print(f"{'FAIL' if unknown else 'warning'} {folder.name} with {sample.name}: {warning}")
print(f"compiled {compiled} samples, {failures} failures")
sys.exit(failures > 0 or compiled == 0)
