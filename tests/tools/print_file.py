"""Prints what a print file says of its letters, as JSON.

    print_file.py FILE.pdf

{"pages": 12, "blank": [2, …],                                       pages without contents, from 1
 "bookmarks": [{"title": "1 · e1", "page": 1}, …],                  the outermost ones, in their order
 "parts": [{"tag": "Part", "lang": "nb-NO", "pages": [1, 2]}, …]}  below the root of the structure tree
Needs pypdf.
"""

import json
import sys

from pypdf import PdfReader


def pages_of(element, page_numbers, found):
    """All pages that an element or what is below it refers to."""
    element = element.get_object()
    if isinstance(element, list):
        for kid in element:
            pages_of(kid, page_numbers, found)
        return
    if not isinstance(element, dict):
        return
    page = element.raw_get("/Pg") if "/Pg" in element else None
    if page is not None:
        found.add(page_numbers[page.idnum])
    if "/K" in element:
        pages_of(element["/K"], page_numbers, found)


def is_blank(page):
    contents = page.get_contents()
    return contents is None or not contents.get_data().strip()


def main():
    reader = PdfReader(sys.argv[1], strict=True)
    numbers = {page.indirect_reference.idnum: index + 1 for index, page in enumerate(reader.pages)}
    root = reader.trailer["/Root"]["/StructTreeRoot"]
    top = root["/K"].get_object()
    top = top[0].get_object() if isinstance(top, list) else top
    parts = []
    kids = top["/K"].get_object()
    for kid in kids if isinstance(kids, list) else [kids]:
        kid = kid.get_object()
        found = set()
        pages_of(kid, numbers, found)
        parts.append({"tag": str(kid["/S"])[1:], "lang": str(kid.get("/Lang", "")), "pages": sorted(found)})
    bookmarks = [entry for entry in reader.outline if not isinstance(entry, list)]
    print(
        json.dumps(
            {
                "pages": len(reader.pages),
                "blank": [index + 1 for index, page in enumerate(reader.pages) if is_blank(page)],
                "bookmarks": [
                    {"title": str(entry.title), "page": reader.get_destination_page_number(entry) + 1} for entry in bookmarks
                ],
                "parts": parts,
            },
            ensure_ascii=False,
        )
    )


main()
