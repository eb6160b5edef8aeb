"""html_check.py FILE...: reads HTML by the standard's own parsing rules (html5lib, strict) and looks for what WCAG needs.

Proves: no parse error; a language and a title; exactly one h1 and no skipped heading level; every table has th cells with a
scope (or in a thead) and a caption or a heading before it; every picture has words or is hidden from assistive technology;
ids are unique and links inside the page lead somewhere; no script, and nothing fetched from elsewhere.
Exit 0 good, 1 faults (one a line), 2 wrong use.
"""

import re
import sys
from pathlib import Path

import html5lib
from html5lib.html5parser import ParseError

FETCHING = {"src", "srcset", "data", "poster", "background", "action", "formaction", "ping"}


def local(element):
    """The tag's name without its namespace; comments have none."""
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def text(element):
    return " ".join("".join(element.itertext()).split())


def faults(path):
    try:
        root = html5lib.HTMLParser(strict=True).parse(path.read_bytes(), transport_encoding="utf-8")
    except (ParseError, OSError) as error:
        yield f"does not parse: {error}"
        return
    everything = list(root.iter())
    parents = {child: parent for parent in everything for child in parent}

    if not root.get("lang"):
        yield "html has no lang"
    if not any(local(e) == "title" and text(e) and local(parents[e]) == "head" for e in everything):
        yield "there is no title"

    level, tops = 0, 0
    for e in everything:
        if re.fullmatch("h[1-6]", local(e)):
            now = int(local(e)[1])
            tops += now == 1
            if now > level + 1:
                yield f"{local(e)} `{text(e)}` follows a heading of level {level}"
            if not text(e):
                yield f"an empty {local(e)}"
            level = now
    if tops != 1:
        yield f"{tops} h1 instead of one"

    below_top = False
    for e in everything:
        below_top |= bool(re.fullmatch("h[2-6]", local(e)))
        if local(e) == "table":
            yield from table_faults(e, parents, below_top)
        if local(e) in ("img", "svg", "object", "canvas"):
            yield from picture_faults(e, parents)

    ids = [e.get("id") for e in everything if e.get("id") is not None]
    yield from (f"id `{i}` comes {ids.count(i)} times" for i in sorted(set(ids)) if ids.count(i) > 1)
    for e in everything:
        yield from resource_faults(e, set(ids))


def table_faults(table, parents, headed):
    cells = [e for e in table.iter() if local(e) == "th"]
    name = f"table `{text(cells[0])[:40]}…`" if cells else f"table `{text(table)[:40]}…`"
    if not cells:
        yield f"{name} has no th"
    for cell in cells:
        if not cell.get("scope") and local(parents[parents[cell]]) != "thead":
            yield f"{name}: th `{text(cell)}` has no scope"
    if not headed and not any(local(e) == "caption" and text(e) for e in table):
        yield f"{name} has neither a caption nor a heading before it"


def picture_faults(picture, parents):
    if local(picture) == "img" and picture.get("alt") is None:
        yield f"img without alt: {str(picture.get('src'))[:60]}"
    e = picture
    while e is not None:
        titled = local(e) == "svg" and any(local(child) == "title" and text(child) for child in e)
        if e.get("aria-hidden") == "true" or e.get("aria-label") or e.get("aria-labelledby") or titled:
            return
        e = parents.get(e)
    if local(picture) != "img":
        yield f"{local(picture)} without aria-label, and not aria-hidden"


def resource_faults(e, ids):
    if local(e) in ("script", "iframe", "embed", "object", "base", "form"):
        yield f"a {local(e)}"
    for name, value in e.items():
        name = name.rpartition("}")[2]
        value = value.strip()
        if name.startswith("on"):
            yield f"{local(e)} has the event handler {name}"
        elif name == "href" and local(e) in ("a", "area"):
            if value.startswith("#") and value != "#" and value[1:] not in ids:
                yield f"link `{text(e)}` leads to {value}, which is not there"
            if not re.match("(https?:|mailto:|tel:|#)", value, re.I):
                yield f"link `{text(e)}` leads to {value[:60]}"
        elif (name == "href" or name in FETCHING) and not value.startswith(("data:", "#")):
            yield f"{local(e)} fetches {value[:60]}"
        if name == "style" or local(e) != "a" and "url(" in value:
            yield from css_faults(value)
    if local(e) == "style":
        yield from css_faults("".join(e.itertext()))


def css_faults(css):
    for found in re.findall(r"@import[^;]*|url\(\s*['\"]?(?!data:|#)[^)]*\)", css, re.I):
        yield f"a style fetches {found[:60]}"


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(print(__doc__, file=sys.stderr) or 2)
    bad = 0
    for name in sys.argv[1:]:
        for fault in faults(Path(name)):
            bad += 1
            print(f"{name}: {fault}")
    print(f"checked {len(sys.argv) - 1} files, {bad} faults")
    sys.exit(bad > 0)
