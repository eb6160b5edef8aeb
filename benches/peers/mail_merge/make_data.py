"""make_data.py DIR [LETTERS]: writes what all contenders are given, the same bytes at each run. All people and places are made up.

- list.csv: a recipient a line, 500 unless told otherwise, no two with the same name or the same address
- logo.png: the school's logo
- letter.json: the letter of skoledok, `letter.json` beside this script with that logo in it
- letter.typ, letter.html: as they stand beside this script
"""

import base64
import csv
import itertools
import json
import random
import shutil
import struct
import sys
import zlib
from pathlib import Path

HERE = Path(__file__).resolve().parent
SEED = 20_261_106
FIRST = (
    "Prøvar Testine Åse Ærlend Øyvor Eksempla Liksom Påfunn Tenkja Dikta Finna Våga Låtsom Modell Fabel Ruta Skisse Utkaste "
    "Mønstra Kladde Tøvar Gåta Rimelin Sagna Versa"
).split()
LAST = (
    "Prøvesen Testdal Eksempelsen Oppdiktnes Fiktivrud Liksomseth Påfunnstad Tenkvik Diktum Fabelås Skissehaug Utkastbø "
    "Mønsterlid Kladdeberg Tøvmoen Gåtevoll Rimsrud Sagnhaug Versås Modellien"
).split()
STREETS = "Prøvestien Eksempelveien Fiktivgata Oppdiktbakken Liksomkroken Testjordet Tenkelia Fabelsvingen Skissetunet".split()
# No postcode is higher than 9991 in Norway.
PLACES = (
    ("9992", "Fjordvik"), ("9993", "Prøvedal"), ("9994", "Eksempelnes"), ("9995", "Fiktivhamn"), ("9996", "Tenkøya"),
)  # fmt: skip


def recipients(count: int) -> list[dict[str, str]]:
    """Recipients, all different."""
    dice = random.Random(SEED)
    names = dice.sample([" ".join(parts) for parts in itertools.product(FIRST, LAST)], k=count)
    places = list(itertools.product(STREETS, range(1, 100), PLACES))
    found = []
    for number, (name, (street, house, (postcode, city))) in enumerate(zip(names, dice.sample(places, k=count), strict=True), 1):
        row = {"Nøkkel": f"m{number}", "Navn": name, "Adresse": f"{street} {house}", "Postnr": postcode, "Poststed": city}
        found.append(row)
    return found


def logo() -> bytes:
    """A PNG of 320 × 240 and some 14 KB: two hills of the school's colour before a pale sky, with a grain as in a picture."""
    dice = random.Random(SEED)
    rows = bytearray()
    for y in range(240):
        rows.append(0)
        for x in range(320):
            hill = y > 90 + abs(x - 110) * 0.9 or y > 140 + abs(x - 230) * 0.7
            grain = dice.randrange(2)
            rows.extend(part + grain for part in ((31, 90, 122) if hill else (222, 233, 238)))

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 320, 240, 8, 2, 0, 0, 0)
    parts = chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(bytes(rows), 9)), chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def write(folder: Path, count: int = 500) -> None:
    """Writes all files."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = recipients(count)
    with (folder / "list.csv").open("w", encoding="utf-8", newline="") as out:
        table = csv.DictWriter(out, rows[0].keys(), delimiter=";", lineterminator="\n")
        table.writeheader()
        table.writerows(rows)
    picture = logo()
    (folder / "logo.png").write_bytes(picture)
    letter = json.loads((HERE / "letter.json").read_text())
    letter["school"]["logo"]["data"] = base64.b64encode(picture).decode()
    (folder / "letter.json").write_text(json.dumps(letter, ensure_ascii=False, indent=2) + "\n")
    for name in ("letter.typ", "letter.html"):
        shutil.copyfile(HERE / name, folder / name)


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    write(Path(sys.argv[1]), *map(int, sys.argv[2:]))
