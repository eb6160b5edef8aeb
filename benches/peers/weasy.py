"""WeasyPrint in P processes, from the HTML of the same documents, as PDF/UA-1.

Tried, CPU a letter (lower quartile of a process at a time): 130 ms as below. The stylesheet in the page, so that it is
parsed with each document: 146. A new `FontConfiguration` for each: 157. Fonts by @font-face: 134. No garbage collection
while rendering: 135. Whole fonts instead of subsets: 229. Without tags: 129, so the standard is not what it costs.
"""

import os
from importlib.metadata import version
from pathlib import Path

from common import Job, Peer, fontconfig, for_paper, print_css, report, run_processes


def run(job: Job) -> None:
    """Measures."""
    report(job, *run_processes(job, __name__))


def peer(job: Job, folder: Path) -> Peer:
    """One process: the stylesheet parsed once, the fonts found by fontconfig and not by @font-face."""
    # Before the import, at which Pango is loaded.
    os.environ["FONTCONFIG_FILE"] = str(fontconfig(folder))
    from weasyprint import CSS, HTML
    from weasyprint.text.fonts import FontConfiguration

    fonts = FontConfiguration()
    sheet = CSS(string=print_css(), font_config=fonts)

    def render(html: str) -> bytes:
        return HTML(string=html).write_pdf(stylesheets=[sheet], font_config=fonts, pdf_variant="pdf/ua-1")

    inputs = [(path, for_paper(path.read_text())) for path in job.inputs("[0-9]*.html")]
    return Peer(render, inputs, f"WeasyPrint {version('weasyprint')}", warm_up=4)
