"""weasy.py DIR OUT.pdf [VARIANT]: the mail merge by WeasyPrint: the letter filled in for each line of the list, one `write_pdf`.

VARIANT as WeasyPrint names it, such as pdf/ua-1; none is a plain PDF. Filling in takes `string.Template` some milliseconds, so
it would be of no use to have a template engine do it.
"""

import csv
import os
import sys
import tempfile
from html import escape
from pathlib import Path
from string import Template

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from common import fontconfig  # noqa: E402


def main() -> None:
    """Reads, fills in, writes."""
    folder, out, variant = Path(sys.argv[1]), sys.argv[2], sys.argv[3] if len(sys.argv) > 3 else None
    with tempfile.TemporaryDirectory(prefix="skoledok-peer-") as scratch:
        # Before the import, at which Pango is loaded: the shipped fonts and no others.
        os.environ["FONTCONFIG_FILE"] = str(fontconfig(Path(scratch)))
        from weasyprint import HTML

        head, rest = (folder / "letter.html").read_text().split("<!-- letter -->")
        letter, tail = rest.split("<!-- end -->")
        template = Template(letter)
        with (folder / "list.csv").open(encoding="utf-8", newline="") as table:
            rows = csv.DictReader(table, delimiter=";")
            letters = [template.substitute({name: escape(value) for name, value in row.items()}) for row in rows]
        page = head + "".join(letters) + tail
        HTML(string=page, base_url=str(folder)).write_pdf(out, pdf_variant=variant)


if __name__ == "__main__":
    main()
