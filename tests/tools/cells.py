"""Prints what the structure tree of a tagged PDF says, as JSON.

    cells.py FILE.pdf

{"lang": "nb-NO",
 "tables": [[["cell", …], …], …],        rows of each table in logical order, the header row first
 "langs":  [{"lang": "nn-NO", "tag": "P", "text": "…"}, …],   parts that are in another language than the document
 "blocks": [{"tag": "H2", "text": "…"}, …]}                   headings, paragraphs, labels, cells in logical order

Text of a block: lines that were only broken by typesetting are joined, soft hyphens and zero-width spaces are
dropped, breaks that were meant stand as newlines. Artifacts (running heads, rules) are not in the tree and not here.
Needs pypdf.
"""

import json
import sys

from pypdf import PdfReader
from pypdf.generic import ContentStream, DictionaryObject, IndirectObject

BLOCKS = {
    "P", "H", "H1", "H2", "H3", "H4", "H5", "H6", "Title", "L", "LI", "Lbl", "LBody", "Table", "THead", "TBody",
    "TFoot", "TR", "TH", "TD", "Div", "Sect", "Part", "Art", "BlockQuote", "Caption", "Figure", "Note", "Aside",
}
LEAVES = {"P", "H", "H1", "H2", "H3", "H4", "H5", "H6", "Title", "Lbl", "LBody", "TH", "TD", "Caption"}
JOINS = ("-", "\u2010", "\u2013", "/")  # a line may break after these without a space
DROPPED = ("\u00ad", "\u200b", "\u2060", "\ufeff")


def codes(stream):
    """The ToUnicode map of a font whose codes have two bytes."""
    found, tokens, mode, hexes = {}, stream.decode("latin-1").replace("<", " <").replace(">", "> ").split(), None, []
    text = lambda word: bytes.fromhex(word).decode("utf-16-be")
    for token in tokens:
        if token in ("beginbfchar", "beginbfrange"):
            mode, hexes = token, []
        elif token == "endbfchar":
            found.update({int(code, 16): text(value) for code, value in zip(hexes[::2], hexes[1::2])})
            mode = None
        elif token == "endbfrange":
            at = 0
            while at < len(hexes):
                first, last = int(hexes[at], 16), int(hexes[at + 1], 16)
                if hexes[at + 2] == "[":
                    values = hexes[at + 3 : at + 4 + last - first]
                    found.update({first + i: text(value) for i, value in enumerate(values)})
                    at += 5 + last - first
                else:
                    start = text(hexes[at + 2])
                    for code in range(first, last + 1):
                        found[code] = start[:-1] + chr(ord(start[-1]) + code - first)
                    at += 3
            mode = None
        elif mode:
            hexes += ["["] * token.startswith("[") + [token.strip("[]<>")] * bool(token.strip("[]<>")) + ["]"] * token.endswith("]")
    return found


def times(a, b):
    return (
        a[0] * b[0] + a[1] * b[2], a[0] * b[1] + a[1] * b[3], a[2] * b[0] + a[3] * b[2], a[2] * b[1] + a[3] * b[3],
        a[4] * b[0] + a[5] * b[2] + b[4], a[4] * b[1] + a[5] * b[3] + b[5],
    )


class Page:
    """The marked content of a page: for each MCID its language, if it has one, and its runs (height, text)."""

    def __init__(self, number, page, reader):
        self.number, self.marked, self.reader, self.fonts = number, {}, reader, {}
        resources = page["/Resources"]
        for name, font in resources.get("/Font", {}).items():
            font = font.get_object()
            if font.get("/Encoding") != "/Identity-H" or "/ToUnicode" not in font:
                sys.exit(f"font {name} has an encoding that this script can not read")
            self.fonts[name] = codes(font["/ToUnicode"].get_object().get_data())
        self.properties = resources.get("/Properties", {})
        if page.get_contents() is not None:
            self.read(ContentStream(page.get_contents(), reader))

    def read(self, content):
        matrix, saved, text, font = (1, 0, 0, 1, 0, 0), [], (1, 0, 0, 1, 0, 0), {}
        stack = []  # (mcid or None, is the text replaced)
        for operands, operator in content.operations:
            if operator == b"q":
                saved.append((matrix, font))
            elif operator == b"Q":
                matrix, font = saved.pop()
            elif operator == b"cm":
                matrix = times(tuple(map(float, operands)), matrix)
            elif operator == b"BT":
                text = (1, 0, 0, 1, 0, 0)
            elif operator == b"Tm":
                text = tuple(map(float, operands))
            elif operator in (b"Td", b"TD"):
                text = times((1, 0, 0, 1, float(operands[0]), float(operands[1])), text)
            elif operator == b"Tf":
                font = self.fonts[operands[0]]
            elif operator in (b"BDC", b"BMC"):
                details = operands[1] if len(operands) > 1 else {}
                if not isinstance(details, DictionaryObject):
                    details = self.properties[details].get_object() if details else {}
                mcid = details.get("/MCID", stack[-1][0] if stack else None)
                if "/MCID" in details:
                    self.marked[mcid] = {"lang": details.get("/Lang"), "runs": []}
                hidden = bool(stack) and stack[-1][1]
                if "/ActualText" in details:
                    if not hidden:
                        self.add(mcid, matrix, text, str(details["/ActualText"]))
                    hidden = True
                stack.append((mcid, hidden))
            elif operator == b"EMC":
                stack.pop()
            elif operator in (b"Tj", b"TJ") and stack and not stack[-1][1]:
                parts = operands[0] if operator == b"TJ" else operands
                words = "".join(self.decode(part, font) for part in parts if isinstance(part, (bytes, str)))
                self.add(stack[-1][0], matrix, text, words)

    @staticmethod
    def decode(part, font):
        data = part if isinstance(part, bytes) else part.original_bytes
        return "".join(font.get(int.from_bytes(data[i : i + 2], "big"), "\ufffd") for i in range(0, len(data), 2))

    def add(self, mcid, matrix, text, words):
        if mcid is not None and words:
            self.marked[mcid]["runs"].append(((self.number, round(times(text, matrix)[5], 1)), words))


def join(runs):
    """Words of runs (place, words) as one text; a run without place is a break between blocks."""
    out, last = "", None
    for place, words in runs:
        if place is None:
            if out and not out.endswith("\n"):
                out += "\n"
            last = None
            continue
        moved = last is not None and (place[0] != last[0] or abs(place[1] - last[1]) > 3)
        if moved and not out[-1:].isspace() and not out.endswith(JOINS + DROPPED):
            out += "\n"
        out, last = out + words, place
    for letter in DROPPED:
        out = out.replace(letter, "")
    return "\n".join(line.strip() for line in out.split("\n")).strip()


class Tree:
    def __init__(self, reader):
        self.pages = {page.indirect_reference.idnum: Page(i, page, reader) for i, page in enumerate(reader.pages)}
        root = reader.trailer["/Root"]
        self.lang = str(root.get("/Lang", ""))
        self.tables, self.langs, self.blocks = [], [], []
        tree = root["/StructTreeRoot"]
        for kid in self.kids(tree):
            self.walk(kid, None, self.lang, False)

    @staticmethod
    def kids(element):
        kids = element.get("/K", [])
        kids = kids.get_object() if isinstance(kids, IndirectObject) else kids
        return kids if isinstance(kids, list) else [kids]

    def marked(self, page, mcid):
        return self.pages[page].marked.get(mcid, {"lang": None, "runs": []})

    def foreign(self, lang):
        return lang.split("-")[0] != self.lang.split("-")[0]

    def walk(self, kid, page, lang, told):
        """The runs below a kid; notes tables, blocks and parts in another language on the way.

        `told`: an element above has been noted as a part in the language `lang`.
        """
        if isinstance(kid, int):
            content = self.marked(page, int(kid))
            own = str(content["lang"] or lang)
            if self.foreign(own) and not (told and own == lang):
                self.langs.append({"lang": own, "tag": "Span", "text": join(content["runs"])})
            return content["runs"]
        element = kid.get_object()
        if element.get("/Type") == "/OBJR":
            return []
        if "/Pg" in element:
            page = element.raw_get("/Pg").idnum
        if element.get("/Type") == "/MCR":
            return self.walk(int(element["/MCID"]), page, lang, told)

        tag, own = element["/S"][1:], str(element.get("/Lang", lang))
        place = len(self.langs)
        if self.foreign(own) and not (told and own == lang):
            self.langs.append({"lang": own, "tag": tag, "text": ""})
        noted = len(self.langs) > place
        if tag == "Table":
            self.tables.append([])
        elif tag == "TR":
            self.tables[-1].append([])
        block = len(self.blocks)
        if tag in LEAVES:
            self.blocks.append({"tag": tag, "text": ""})

        runs = []
        for each in self.kids(element):
            runs += self.walk(each, page, own, noted or (told and own == lang))
        if "/ActualText" in element:
            runs = [(runs[0][0] if runs else (0, 0), str(element["/ActualText"]))]
        if noted:
            self.langs[place]["text"] = join(runs)
        if tag in ("TH", "TD"):
            self.tables[-1][-1].append(join(runs))
        if tag in LEAVES:
            self.blocks[block]["text"] = join(runs)
            below = "".join(each["text"] for each in self.blocks[block + 1 :])
            if tag not in ("TH", "TD") and "".join(below.split()) == "".join(join(runs).split()):
                del self.blocks[block]  # it only holds other blocks, or nothing
            else:
                del self.blocks[block + 1 :]
        elif runs and tag in ("Span", "Link", "Em", "Strong") and self.bare(element):
            self.blocks.append({"tag": tag, "text": join(runs)})
        return [(None, "")] + runs + [(None, "")] if tag in BLOCKS else runs

    @staticmethod
    def bare(element):
        """Whether an inline element stands between blocks, as one with `/Placement /Block` does."""
        attributes = element.get("/A", [])
        attributes = attributes.get_object() if isinstance(attributes, IndirectObject) else attributes
        attributes = attributes if isinstance(attributes, list) else [attributes]
        return any(each.get_object().get("/Placement") == "/Block" for each in attributes)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    tree = Tree(PdfReader(sys.argv[1]))
    found = {"lang": tree.lang, "tables": tree.tables, "langs": tree.langs, "blocks": tree.blocks}
    json.dump(found, sys.stdout, ensure_ascii=False, indent=1)
    print()


if __name__ == "__main__":
    main()
