"""handed_in.py WHAT IN OUT [KEYS NAME]: a PDF as other services make it of IN, or as somebody makes it who means no good.

    copy      its pages in a new file, by pypdf, without anything but them
    margin    a line in the margin of each page, and a page behind them
    scaled    its pages as forms, smaller, on new pages
    insert    a page between its pages
    among     a word among those of its first page
    word      a word of its first page is another
    order     its pages the other way round
    unseen    its words are there and not painted
    layer     its words are in a layer
    covered   signed by pyHanko with KEYS/NAME.key and .pem, in a revision that also paints over the first page
    replaced  the same, but the first page is an empty one
    sign      signed by pyHanko with KEYS/NAME.key and .pem, in the first empty field or in a new one, and not to be seen
"""
import io
import logging
import sys

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign import signers
from pyhanko.sign.fields import SigSeedSubFilter, enumerate_sig_fields
from pypdf import PdfReader, PdfWriter
from pypdf.generic import ArrayObject, ByteStringObject, ContentStream, DecodedStreamObject, DictionaryObject, NameObject, TextStringObject

logging.disable(logging.CRITICAL)
what, source, target, *more = sys.argv[1:]


def stream(writer, data):
    made = DecodedStreamObject()
    made.set_data(data)
    return writer._add_object(made.flate_encode())


def contents(page):
    found = page["/Contents"].get_object()
    return list(found) if isinstance(found, ArrayObject) else [page.raw_get("/Contents")]


def write(writer, page, text, x, y):
    """Text in a font of its own behind everything else, with the state of graphics as it was in the beginning."""
    font = DictionaryObject({NameObject("/Type"): NameObject("/Font"), NameObject("/Subtype"): NameObject("/Type1"),
        NameObject("/BaseFont"): NameObject("/Helvetica"), NameObject("/Encoding"): NameObject("/WinAnsiEncoding")})
    resources = page.setdefault(NameObject("/Resources"), DictionaryObject()).get_object()
    fonts = resources.setdefault(NameObject("/Font"), DictionaryObject()).get_object()
    fonts[NameObject("/Stamp")] = writer._add_object(font)
    line = f"\nQ BT /Stamp 6 Tf {x} {y} Td ({text}) Tj ET\n".encode("cp1252")
    old = contents(page) if "/Contents" in page else []
    page[NameObject("/Contents")] = ArrayObject([stream(writer, b"q\n"), *old, stream(writer, line)])


def change(writer, page):
    """Two letters of the first long word change places, as far as their codes are apart."""
    content = ContentStream(page["/Contents"].get_object(), writer)
    for operands, operator in content.operations:
        items = operands[0] if operator == b"TJ" else operands
        for index, item in enumerate(items if operator in (b"Tj", b"TJ") else []):
            raw = item.original_bytes if isinstance(item, TextStringObject) else item
            if isinstance(raw, bytes) and len(raw) >= 8 and raw[2:4] != raw[4:6]:
                items[index] = ByteStringObject(raw[:2] + raw[4:6] + raw[2:4] + raw[6:])
                page[NameObject("/Contents")] = writer._add_object(content)
                return
    raise SystemExit("there is no word to change")


def remade():
    reader, writer = PdfReader(source), PdfWriter()
    pages = list(reader.pages)
    for page in reversed(pages) if what == "order" else pages:
        if what == "scaled":
            new = writer.add_blank_page(page.mediabox.width, page.mediabox.height)
            form = stream(writer, page.get_contents().get_data())
            made = form.get_object()
            made.update({NameObject("/Type"): NameObject("/XObject"), NameObject("/Subtype"): NameObject("/Form"),
                NameObject("/BBox"): ArrayObject(page.mediabox), NameObject("/Resources"): page["/Resources"].clone(writer)})
            new[NameObject("/Resources")] = DictionaryObject({NameObject("/XObject"): DictionaryObject({NameObject("/Page"): form})})
            new[NameObject("/Contents")] = stream(writer, b"q 0.9 0 0 0.9 20 40 cm /Page Do Q")
            write(writer, new, "Signert elektronisk", 20, 20)
            continue
        writer.add_page(page)
        if what == "insert" and page is pages[0]:
            write(writer, writer.add_blank_page(595, 842), "Tillegg", 100, 400)
    first = writer.pages[0]
    if what == "margin":
        for page in writer.pages:
            write(writer, page, "Signert elektronisk av Posten, ref. 4711", 20, 8)
        write(writer, writer.add_blank_page(595, 842), "Signaturer", 100, 700)
    elif what == "among":
        write(writer, first, "ikke", 250, 421)
    elif what == "word":
        change(writer, first)
    elif what == "unseen":
        first[NameObject("/Contents")] = ArrayObject([stream(writer, b"3 Tr\n"), *contents(first)])
        content = ContentStream(first["/Contents"], writer)
        content.operations = [one for one in content.operations if one[1] != b"Tr" or one[0] == [3]]
        first[NameObject("/Contents")] = writer._add_object(content)
    elif what == "layer":
        first[NameObject("/Contents")] = ArrayObject([stream(writer, b"/OC /Layer BDC\n"), *contents(first), stream(writer, b"\nEMC\n")])
    writer.write(target)


def signed():
    folder, name = more
    signer = signers.SimpleSigner.load(f"{folder}/{name}.key", f"{folder}/{name}.pem", ca_chain_files=(f"{folder}/issuing.pem",))
    writer = IncrementalPdfFileWriter(io.BytesIO(open(source, "rb").read()), strict=False)
    if what in ("covered", "replaced"):
        page = writer.root["/Pages"]["/Kids"].raw_get(0)
        while "/Kids" in page.get_object():
            page = page.get_object()["/Kids"].raw_get(0)
        page = page.get_object()
        paint = writer.add_object(generic.StreamObject(stream_data=b"\n0.8 0.1 0.1 rg 100 100 300 300 re f\n"))
        old = page.raw_get("/Contents")
        page["/Contents"] = generic.ArrayObject([old, paint]) if what == "covered" else paint
        writer.update_container(page)
    empty = next((field for field, value, _ in enumerate_sig_fields(writer) if value is None), None)
    settings = signers.PdfSignatureMetadata(field_name=empty or f"Signature-{name}", subfilter=SigSeedSubFilter.PADES, md_algorithm="sha256")
    with open(target, "wb") as out:
        signers.PdfSigner(settings, signer).sign_pdf(writer, output=out)


signed() if what in ("sign", "covered", "replaced") else remade()
