"""signed_corpus.py FOLDER: makes signed PDFs, good ones and broken ones, for the verifier to be compared with pyHanko.

Beside them: `root.pem` (trusted), `now` (the time to judge at), `expect.json` (what was done to each file). Names are always the same,
keys and so bytes are not. Needs pyHanko, endesive, cryptography and qpdf.
"""
import hashlib, io, json, re, subprocess, sys
from datetime import datetime, timedelta, timezone
from pathlib import Path

import types

# endesive's verifier, which is not used here, needs oscrypto, which does not know OpenSSL 3.0.10 and later.
sys.modules['certvalidator'] = types.ModuleType('certvalidator')

from asn1crypto import algos, cms, core, keys, pem, tsp, x509 as ax
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID as EKU, NameOID
from pyhanko.pdf_utils import generic, writer as pdf_writer
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.pdf_utils.generic import pdf_name
from pyhanko.sign import fields, signers, timestamps
from pyhanko.sign.fields import MDPPerm, SigFieldSpec, SigSeedSubFilter
from pyhanko.sign.validation.dss import DocumentSecurityStore
from pyhanko_certvalidator import ValidationContext
from pyhanko_certvalidator.registry import SimpleCertificateStore

NOW = datetime.now(timezone.utc).replace(microsecond=0)
DAY = timedelta(days=1)
OUT = Path(sys.argv[1])
OUT.mkdir(parents=True, exist_ok=True)
EXPECT = {}


# --- keys and certificates

RSA = {}


def rsa_key(bits=2048, name=''):
    return RSA.setdefault((bits, name), rsa.generate_private_key(65537, bits))


def name(common, **more):
    parts = [x509.NameAttribute(NameOID.COUNTRY_NAME, 'NO'), x509.NameAttribute(NameOID.ORGANIZATION_NAME, 'Prøve')]
    if 'organisation_id' in more:
        parts.append(x509.NameAttribute(NameOID.ORGANIZATION_IDENTIFIER, more['organisation_id']))
    return x509.Name(parts + [x509.NameAttribute(NameOID.COMMON_NAME, common)])


class Party:
    def __init__(self, common, issuer=None, key=None, start=-400, end=3000, ca=False, usage=True, eku=None, md=None,
                 serial=None, path=None, no_check=False, **more):
        self.key = key or rsa_key(name=common)
        self.issuer = issuer or self
        subject = name(common, **more)
        build = (x509.CertificateBuilder().subject_name(subject).public_key(self.key.public_key())
                 .issuer_name(issuer.cert.subject if issuer else subject).serial_number(serial or x509.random_serial_number())
                 .not_valid_before(NOW + start * DAY).not_valid_after(NOW + end * DAY)
                 .add_extension(x509.BasicConstraints(ca, path), True)
                 .add_extension(x509.SubjectKeyIdentifier.from_public_key(self.key.public_key()), False)
                 .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.issuer.key.public_key()), False))
        if usage is not None:
            u = dict(digital_signature=not ca and bool(usage), content_commitment=not ca and bool(usage), key_encipherment=usage is False,
                     data_encipherment=False, key_agreement=False, key_cert_sign=ca, crl_sign=ca, encipher_only=False, decipher_only=False)
            build = build.add_extension(x509.KeyUsage(**u), True)
        if eku:
            build = build.add_extension(x509.ExtendedKeyUsage([eku]), True)
        if issuer:
            # Nobody answers there; but pyHanko asks for revocation only where a certificate says that there are answers.
            build = (build.add_extension(x509.CRLDistributionPoints([x509.DistributionPoint(
                         [x509.UniformResourceIdentifier('http://crl.invalid/ca.crl')], None, None, None)]), False)
                     .add_extension(x509.AuthorityInformationAccess([x509.AccessDescription(
                         x509.oid.AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier('http://ocsp.invalid/'))]), False))
        if no_check:
            build = build.add_extension(x509.OCSPNoCheck(), False)
        self.cert = build.sign(self.issuer.key, md or hashes.SHA256())

    @property
    def der(self):
        return self.cert.public_bytes(serialization.Encoding.DER)

    @property
    def a(self):
        return ax.Certificate.load(self.der)

    @property
    def akey(self):
        return keys.PrivateKeyInfo.load(self.key.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8,
                                                                serialization.NoEncryption()))


root = Party('Prøverot', ca=True)
ca = Party('Prøve-CA', root, ca=True, path=0)
ola = Party('Kari Nordmann', ca)
per = Party('Per Hansen', ca, key=ec.generate_private_key(ec.SECP256R1()))
eva = Party('Eva Lie', ca, key=ec.generate_private_key(ec.SECP384R1()))
seal = Party('Fjord skole', ca, organisation_id='NTRNO-123456785')
tsa = Party('Prøve-TSA', ca, eku=EKU.TIME_STAMPING)
other_root = Party('Fremmed rot', ca=True)
stranger = Party('Fremmed', other_root)
stranger_tsa = Party('Fremmed TSA', other_root, eku=EKU.TIME_STAMPING)
expired = Party('Utgått', ca, start=-800, end=-30)
future = Party('Fremtidig', ca, start=30, end=800)
revoked = Party('Tilbakekalt', ca)
no_usage = Party('Feil bruk', ca, usage=False)
small = Party('Liten nøkkel', ca, key=rsa_key(1024, 'small'))
old_tsa = Party('Gammel TSA', ca, start=-800, end=-10, eku=EKU.TIME_STAMPING)
twin = Party('Tvilling', ca, key=ola.key, serial=ola.cert.serial_number)
twin_other_key = Party('Tvilling to', ca, serial=ola.cert.serial_number)
revoked_ca = Party('Tilbakekalt CA', root, ca=True, path=0)
under_revoked_ca = Party('Under tilbakekalt', revoked_ca)
plain_leaf_ca = Party('Ikke CA', ca)
under_leaf = Party('Under et blad', plain_leaf_ca)
SELF = Party('Selvsignert')
REVOKED_AT = NOW - 20 * DAY


def crl(issuer, revoked_certs=(), when=None, days=300):
    build = (x509.CertificateRevocationListBuilder().issuer_name(issuer.cert.subject).last_update(when or NOW - DAY)
             .next_update((when or NOW) + days * DAY)
             .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key()), False)
             .add_extension(x509.CRLNumber(1), False))
    for party, at in revoked_certs:
        build = build.add_revoked_certificate(x509.RevokedCertificateBuilder().serial_number(party.cert.serial_number).revocation_date(at)
                                              .add_extension(x509.CRLReason(x509.ReasonFlags.key_compromise), False).build())
    return build.sign(issuer.key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def ocsp_answer(party, at=None):
    build = ocsp.OCSPResponseBuilder().add_response(
        party.cert, party.issuer.cert, hashes.SHA1(),
        ocsp.OCSPCertStatus.REVOKED if at else ocsp.OCSPCertStatus.GOOD, NOW - timedelta(hours=1), NOW + 300 * DAY,
        at, x509.ReasonFlags.key_compromise if at else None).responder_id(ocsp.OCSPResponderEncoding.HASH, party.issuer.cert)
    return build.certificates([party.issuer.cert]).sign(party.issuer.key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def authority(party=tsa, days=0, chain=(ca,)):
    store = SimpleCertificateStore.from_certs([p.a for p in chain])
    return timestamps.DummyTimeStamper(party.a, party.akey, certs_to_embed=store, fixed_dt=NOW + days * DAY)


# --- documents

def objects_to_pdf(objects, trailer='', first=b'%PDF-1.7\n%\xe2\xe3\xcf\xd3\n'):
    out, places = bytearray(first), {}
    for number, body in objects.items():
        places[number] = len(out)
        out += f'{number} 0 obj\n'.encode() + body + b'\nendobj\n'
    return close(out, places, max(objects) + 1, trailer or '/Root 1 0 R', None)


def close(out, places, size, trailer, prev, free=()):
    start = len(out)
    out += b'xref\n'
    lines = {n: f'{at:010} 00000 n\r\n' for n, at in places.items()} | {n: '0000000000 00001 f\r\n' for n in free}
    if prev is None:
        lines[0] = '0000000000 65535 f\r\n'
    numbers = sorted(lines)
    while numbers:
        run = [numbers.pop(0)]
        while numbers and numbers[0] == run[-1] + 1:
            run.append(numbers.pop(0))
        out += f'{run[0]} {len(run)}\n'.encode() + ''.join(lines[n] for n in run).encode()
    ids = hashlib.md5(bytes(out)).hexdigest()
    previous = f'/Prev {prev}' if prev is not None else ''
    out += f'trailer\n<</Size {size} {trailer} {previous}/ID[<{ids}><{ids}>]>>\nstartxref\n{start}\n%%EOF\n'.encode()
    return bytes(out)


def stream(dictionary, data):
    return f'<<{dictionary}/Length {len(data)}>>\nstream\n'.encode() + data + b'\nendstream'


XMP = ('<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
       'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" '
       'xmlns:xmp="http://ns.adobe.com/xap/1.0/"><xmp:ModifyDate>%s</xmp:ModifyDate><dc:title><rdf:Alt><rdf:li xml:lang="x-default">%s</rdf:li>'
       '</rdf:Alt></dc:title></rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>')


def xmp(title='Plan', date='2026-01-01T00:00:00Z'):
    return stream('/Type/Metadata/Subtype/XML', (XMP % (date, title)).encode())


def base(form=True, extra=None, catalog='', annots='[15 0 R]', structure=False):
    """Two pages with text, a text field, XMP and an information dictionary."""
    def page(kids, number):
        more = f'/Annots {annots}' if number == 3 and form else ''
        return f'<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Resources<</Font<</F1 7 0 R>>>>/Contents {number + 2} 0 R{more}>>'.encode()
    acroform = '/AcroForm 14 0 R' if form else ''
    objects = {
        1: f'<</Type/Catalog/Pages 2 0 R{acroform}/Metadata 9 0 R{catalog}>>'.encode(),
        2: b'<</Type/Pages/Kids[3 0 R 4 0 R]/Count 2>>',
        3: page(None, 3), 4: page(None, 4),
        5: stream('', b'BT /F1 24 Tf 72 700 Td (Betal 100 kroner) Tj ET'),
        6: stream('', b'BT /F1 24 Tf 72 700 Td (Side to) Tj ET'),
        7: b'<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>',
        8: b'<</Title(Plan)/Producer(corpus)>>',
        9: xmp(),
    }
    if form:
        objects[14] = b'<</Fields[15 0 R]/DA(/F1 0 Tf 0 g)/DR<</Font<</F1 7 0 R>>>>>>'
        objects[15] = b'<</Type/Annot/Subtype/Widget/FT/Tx/T(merknad)/V(ingen)/DA(/F1 12 Tf 0 g)/F 4/Rect[72 500 300 530]/P 3 0 R/AP<</N 16 0 R>>>>'
        objects[16] = stream('/Type/XObject/Subtype/Form/BBox[0 0 228 30]/Resources<</Font<</F1 7 0 R>>>>', b'/Tx BMC BT /F1 12 Tf 2 10 Td (ingen) Tj ET EMC')
    return objects_to_pdf(objects | (extra or {}), '/Root 1 0 R/Info 8 0 R')


def with_object_streams(pdf):
    done = subprocess.run(['qpdf', '--object-streams=generate', '--deterministic-id', '-', '-'], input=pdf, capture_output=True)
    if not done.stdout:
        (OUT / 'in.tmp').write_bytes(pdf)
        subprocess.run(['qpdf', '--object-streams=generate', '--deterministic-id', OUT / 'in.tmp', OUT / 'out.tmp'], check=True)
        made = (OUT / 'out.tmp').read_bytes()
        (OUT / 'in.tmp').unlink(), (OUT / 'out.tmp').unlink()
        return made
    return done.stdout


def update(pdf, objects, free=(), root=None, info=True, junk=b''):
    """Appends a revision with a table."""
    start = int(re.findall(rb'startxref\s+(\d+)', pdf)[-1])
    trailer = pdf[start:]
    size = int(re.findall(rb'/Size (\d+)', trailer)[0])
    old_root = re.findall(rb'/Root (\d+ \d+ R)', trailer)[0].decode()
    out, places = bytearray(pdf), {}
    if not out.endswith(b'\n'):
        out += b'\n'
    out += junk
    for number, body in objects.items():
        places[number] = len(out)
        out += f'{number} 0 obj\n'.encode() + body + b'\nendobj\n'
    if not objects and not free:
        places[size] = len(out)
        out += f'{size} 0 obj\nnull\nendobj\n'.encode()
        size += 1
    had_info = re.findall(rb'/Info (\d+ \d+ R)', trailer)
    more = f'/Info {had_info[0].decode()}' if had_info and info is True else (info if isinstance(info, str) else '')
    return close(out, places, max([size] + [n + 1 for n in objects]), f'/Root {root or old_root}{more}', start, free)


def body_of(pdf, number):
    """The newest body of an object that is not in an object stream."""
    found = re.findall(rb'(?:^|[\r\n])%d 0 obj\s*(.*?)\s*endobj' % number, pdf, re.S)
    return found[-1]


def size_of(pdf):
    return int(re.findall(rb'/Size (\d+)', pdf)[-1])


# --- signing

def signer_of(party, pss=False, chain=None):
    chain = [ca, root] if chain is None else chain
    mechanism = None
    if pss and pss is not True:
        mechanism = algos.SignedDigestAlgorithm({'algorithm': 'rsassa_pss', 'parameters': algos.RSASSAPSSParams({
            'hash_algorithm': {'algorithm': 'sha256'}, 'salt_length': pss,
            'mask_gen_algorithm': {'algorithm': 'mgf1', 'parameters': {'algorithm': 'sha256'}}})})
    return signers.SimpleSigner(party.a, party.akey, SimpleCertificateStore.from_certs([p.a for p in chain]), signature_mechanism=mechanism,
                                prefer_pss=pss is True, embed_roots=False)


def context(crls=None, ocsps=(), parties=(ca, root), at=None, roots=None):
    crls = [crl(ca), crl(root)] if crls is None else crls
    return ValidationContext(trust_roots=[p.a for p in (roots or [root])], crls=crls, ocsps=list(ocsps), allow_fetching=False,
                             other_certs=[p.a for p in parties], moment=at, revocation_mode='soft-fail')


def sign(pdf, party=ola, field='sig1', level='B-B', stamper=None, box=None, certify=None, pss=False, md='sha256', chain=None, lock=None,
         subfilter=SigSeedSubFilter.PADES, crls=None, ocsps=(), at=None, page=0, vc=None, usage=None, strict=True, reserved=24000, **meta):
    writer = IncrementalPdfFileWriter(io.BytesIO(pdf), strict=strict)
    stamper = stamper or (authority() if level != 'B-B' else None)
    long_term = level in ('B-LT', 'B-LTA')
    settings = signers.PdfSignatureMetadata(
        field_name=field, md_algorithm=md, subfilter=subfilter, certify=certify is not None, docmdp_permissions=certify or MDPPerm.FILL_FORMS,
        embed_validation_info=long_term, use_pades_lta=level == 'B-LTA',
        validation_context=(vc or context(crls, ocsps, at=at)) if long_term else None, name='Prøve', reason='Enig',
        signer_key_usage=set() if usage is None else usage, **meta)
    spec = SigFieldSpec(field, on_page=page, box=box, field_mdp_spec=lock[0] if lock else None, doc_mdp_update_value=lock[1] if lock else None)
    out = io.BytesIO()
    worker = signers.PdfSigner(settings, signer_of(party, pss, chain), timestamper=stamper, new_field_spec=spec)
    worker.sign_pdf(writer, output=out, bytes_reserved=reserved)
    return out.getvalue()


def stamp(pdf, stamper=None, field=None, proofs=True):
    out = io.BytesIO()
    worker = signers.PdfTimeStamper(stamper or authority(), field_name=field)
    worker.timestamp_pdf(IncrementalPdfFileWriter(io.BytesIO(pdf)), 'sha256',
                         context(roots=[root, other_root], parties=(ca, root, other_root)) if proofs else None, output=out)
    return out.getvalue()


def add_dss(pdf, crls=None, ocsps=(), certs=(ca, root)):
    out = io.BytesIO()
    DocumentSecurityStore.supply_dss_in_writer
    writer = IncrementalPdfFileWriter(io.BytesIO(pdf))
    from asn1crypto import crl as acrl, ocsp as aocsp
    DocumentSecurityStore.supply_dss_in_writer(
        writer, None, certs=[p.a for p in certs], crls=[acrl.CertificateList.load(c) for c in ([crl(ca), crl(root)] if crls is None else crls)],
        ocsps=[aocsp.OCSPResponse.load(o) for o in ocsps])
    writer.write(out)
    return out.getvalue()


# --- looking into signed files

def hole(pdf, index=-1):
    """Where the angle brackets of a signature are, by its /ByteRange."""
    found = list(re.finditer(rb'/ByteRange\s*\[\s*(\d+)\s+(\d+)\s+(\d+)\s+(\d+)\s*\]', pdf))[index]
    _, first, second, _ = map(int, found.groups())
    return first, second


def covered(pdf, index=-1):
    found = list(re.finditer(rb'/ByteRange\s*\[\s*(\d+)\s+(\d+)\s+(\d+)\s+(\d+)\s*\]', pdf))[index]
    _, first, second, length = map(int, found.groups())
    return pdf[:first] + pdf[second:second + length]


def content_info(pdf, index=-1):
    first, second = hole(pdf, index)
    return cms.ContentInfo.load(bytes.fromhex(pdf[first + 1:second - 1].decode()))


def put(pdf, der, index=-1, tail=b''):
    first, second = hole(pdf, index)
    room = second - first - 2
    text = (der + tail).hex().encode()
    assert len(text) <= room, (len(text), room)
    return pdf[:first + 1] + text.ljust(room, b'0') + pdf[second - 1:]


MD = {'sha256': hashes.SHA256, 'sha1': hashes.SHA1, 'md5': hashes.MD5, 'sha512': hashes.SHA512}


def build_cms(data, party=ola, md='sha256', certs=None, drop=(), extra=(), digest=None, ess_of=None, sid_of=None, token=None, content=None,
              broken=False, mutate=None, algorithm=None):
    """Signed data, with things left out or wrong."""
    digest = hashlib.new(md, data).digest() if digest is None else digest
    ess_of = ess_of or party
    attributes = []
    def attribute(kind, value):
        if kind not in drop:
            attributes.append(cms.CMSAttribute({'type': kind, 'values': [value]}))
    attribute('content_type', 'data')
    attribute('message_digest', digest)
    attribute('signing_certificate_v2', tsp.SigningCertificateV2({'certs': [tsp.ESSCertIDv2({
        'hash_algorithm': {'algorithm': 'sha256'}, 'cert_hash': hashlib.sha256(ess_of.der).digest()})]}))
    for kind, value in extra:
        attributes.append(cms.CMSAttribute({'type': kind, 'values': [value]}))
    signed = cms.CMSAttributes(attributes)
    message = cms.CMSAttributes(signed).dump() if not mutate else mutate(signed)
    message = b'\x31' + message[1:]
    sid = sid_of or party
    if isinstance(party.key, ec.EllipticCurvePrivateKey):
        value, scheme = party.key.sign(message, ec.ECDSA(MD[md]())), f'{md}_ecdsa'
    else:
        value, scheme = party.key.sign(message, padding.PKCS1v15(), MD[md]()), f'{md}_rsa'
    if broken:
        value = value[:-1] + bytes([value[-1] ^ 1])
    info = {
        'version': 'v1', 'sid': cms.SignerIdentifier('issuer_and_serial_number', cms.IssuerAndSerialNumber(
            {'issuer': sid.a.issuer, 'serial_number': sid.a.serial_number})),
        'digest_algorithm': {'algorithm': md}, 'signed_attrs': signed,
        'signature_algorithm': algorithm or {'algorithm': scheme}, 'signature': value}
    if token:
        info['unsigned_attrs'] = [cms.CMSAttribute({'type': 'signature_time_stamp_token', 'values': [token(value)]})]
    encapsulated = {'content_type': 'data'}
    if content is not None:
        encapsulated['content'] = content
    chosen = [party, ca] if certs is None else certs
    return cms.ContentInfo({'content_type': 'signed_data', 'content': cms.SignedData({
        'version': 'v1', 'digest_algorithms': [{'algorithm': md}], 'encap_content_info': encapsulated,
        'certificates': [c.a for c in chosen], 'signer_infos': [info]})}).dump()


def rebuilt(pdf, **how):
    return put(pdf, build_cms(covered(pdf), **how))


def token_over(data, stamper=None, md='sha256'):
    import asyncio
    return asyncio.run((stamper or authority()).async_timestamp(hashlib.new(md, data).digest(), md))


def save(file, pdf, what):
    (OUT / f'{file}.pdf').write_bytes(pdf)
    EXPECT[file] = what


def flip(pdf, at, bit=1):
    return pdf[:at] + bytes([pdf[at] ^ bit]) + pdf[at + 1:]


# --- the good ones

TABLE, PLAIN = base(), base(form=False)
UNDRAWN = base(extra={15: b'<</Type/Annot/Subtype/Widget/FT/Tx/T(merknad)/V(ingen)/DA(/F1 12 Tf 0 g)/F 4/Rect[72 500 300 530]/P 3 0 R>>'})
STREAMS = with_object_streams(base())
BOX = (72, 100, 272, 160)


def good():
    save('good-bb-table', sign(TABLE), 'B-B')
    save('good-bb-streams', sign(STREAMS), 'B-B on object and cross-reference streams')
    save('good-bb-no-form', sign(PLAIN), 'B-B, no form before')
    save('good-bb-visible', sign(TABLE, box=BOX), 'B-B, visible')
    save('good-bb-p256', sign(TABLE, per), 'B-B, ECDSA P-256')
    save('good-bb-p384', sign(TABLE, eva, md='sha384'), 'B-B, ECDSA P-384')
    save('good-bb-pss', sign(TABLE, pss=32), 'B-B, RSA-PSS')
    save('good-bb-pss-long-salt', sign(TABLE, pss=True), 'B-B, RSA-PSS with a salt as long as can be')
    save('good-small', sign(PLAIN, per, reserved=8192), 'B-B, small')
    save('good-bb-sha512', sign(TABLE, md='sha512'), 'B-B, SHA-512')
    save('good-bb-seal', sign(TABLE, seal), 'B-B, certificate of an organisation')
    save('good-pkcs7', sign(TABLE, subfilter=SigSeedSubFilter.ADOBE_PKCS7_DETACHED), 'adbe.pkcs7.detached')
    save('good-bt', sign(TABLE, level='B-T'), 'B-T')
    save('good-bt-streams', sign(STREAMS, per, level='B-T'), 'B-T')
    save('good-blt', sign(TABLE, level='B-LT'), 'B-LT')
    save('good-blt-streams', sign(STREAMS, level='B-LT'), 'B-LT')
    save('good-blt-ocsp', sign(TABLE, level='B-LT', crls=[crl(root)], ocsps=[ocsp_answer(ola), ocsp_answer(tsa)]), 'B-LT with OCSP')
    save('good-blta', sign(TABLE, level='B-LTA'), 'B-LTA')
    save('good-blta-streams', sign(STREAMS, per, level='B-LTA'), 'B-LTA')
    save('good-blta-renewed', stamp(sign(TABLE, level='B-LTA')), 'B-LTA with another document time stamp')
    for permission in MDPPerm:
        save(f'good-certified-p{permission.value}', sign(TABLE, certify=permission), f'certified, P {permission.value}')
    save('good-certified-p1-blta', sign(TABLE, certify=MDPPerm.NO_CHANGES, level='B-LTA'), 'certified, P 1, then a document time stamp')
    two = sign(sign(TABLE), per, 'sig2')
    save('good-two', two, 'two signers')
    save('good-two-streams', sign(sign(STREAMS, level='B-T'), per, 'sig2', level='B-LT'), 'two signers')
    save('good-two-visible', sign(sign(TABLE, box=BOX), per, 'sig2', box=(300, 100, 500, 160)), 'two visible signatures')
    five = TABLE
    for index, who in enumerate([ola, per, eva, seal, ola]):
        five = sign(five, who, f'sig{index}', level='B-T')
    save('good-five', add_dss(five), 'five signers and then proofs')
    save('good-certified-then-signed', sign(sign(TABLE, certify=MDPPerm.FILL_FORMS), per, 'sig2'), 'certified P 2 and then signed')
    lock = (fields.FieldMDPSpec(fields.FieldMDPAction.INCLUDE, ['merknad']), None)
    locked = sign(UNDRAWN, lock=lock)
    save('good-locked', locked, 'locks the field merknad')
    save('good-locked-signed-again', sign(locked, per, 'sig2'), 'locks merknad, then signed')
    save('quirk-locked-drawn', sign(sign(TABLE, lock=lock), per, 'sig2'), 'the same, and merknad has an appearance')
    save('good-dss-added', add_dss(sign(TABLE, level='B-T')), 'proofs added afterwards')
    save('good-prepared-fields', two_prepared(), 'two visible fields made first, then signed')
    from pypdf import generic as pypdf_generic
    from endesive.pdf import cms as endesive
    # endesive gives an argument that pypdf has dropped.
    for kind in vars(pypdf_generic).values():
        if isinstance(kind, type) and 'write_to_stream' in vars(kind):
            kind.write_to_stream = (lambda was: lambda self, out, *more: was(self, out))(kind.write_to_stream)
    details = {'sigflags': 3, 'sigpage': 0, 'sigfield': 'Signature1', 'contact': 'x', 'location': 'Oslo',
               'signingdate': NOW.strftime('D:%Y%m%d%H%M%S+00\'00\''), 'reason': 'Enig', 'sigandcertify': False}
    def by_endesive(pdf, more):
        return pdf + endesive.sign(pdf, details | more, ola.key, ola.cert, [ca.cert], 'sha256')
    save('good-endesive', by_endesive(TABLE, {}), 'by endesive')
    save('good-endesive-visible', by_endesive(PLAIN, {'signaturebox': BOX, 'signature': 'Kari'}), 'by endesive, visible')
    save('good-endesive-certified', by_endesive(PLAIN, {'sigandcertify': True}), 'by endesive, certified')
    save('good-endesive-two', by_endesive(by_endesive(TABLE, {}), {'sigfield': 'Signature2'}), 'by endesive twice')


def two_prepared():
    writer = IncrementalPdfFileWriter(io.BytesIO(TABLE))
    fields.append_signature_field(writer, SigFieldSpec('sig1', box=BOX))
    fields.append_signature_field(writer, SigFieldSpec('sig2', box=(300, 100, 500, 160)))
    out = io.BytesIO()
    writer.write(out)
    return sign(sign(out.getvalue(), level='B-T'), per, 'sig2', level='B-T')


# --- broken bytes and structures

def broken():
    signed = sign(TABLE, level='B-T')
    first, second = hole(signed)
    save('bad-flip-page', flip(signed, signed.index(b'100 kroner')), 'a byte of the page')
    save('bad-flip-after', flip(signed, signed.rindex(b'/Size') + 1), 'a byte after the hole')
    save('bad-flip-padding', signed[:second - 21] + b'1' + signed[second - 20:], 'a byte of the padding')
    der = content_info(signed).dump()
    value = content_info(signed)['content']['signer_infos'][0]['signature'].native
    save('bad-flip-signature', put(signed, der.replace(value, value[:40] + bytes([value[40] ^ 4]) + value[41:])), 'a byte of the signature value')
    digest = hashlib.sha256(covered(signed)).digest()
    save('bad-flip-digest', put(signed, der.replace(digest, digest[:5] + bytes([digest[5] ^ 1]) + digest[6:])), 'a byte of the message digest')
    save('bad-flip-cms', flip(signed, first + 12), 'a byte of the frame of the CMS')
    save('bad-cut', signed[:-400], 'cut at the end')
    save('bad-cut-half', signed[:len(signed) // 2], 'cut in the middle')
    save('bad-not-a-pdf', b'PK\x03\x04 this is something else', 'no PDF')
    save('bad-empty', b'', 'empty')
    save('bad-unsigned', TABLE, 'no signature')
    save('bad-trailing-junk', signed + b'\njunk that nobody signed\n', 'bytes after the end')
    save('bad-wide-range', widened(signed), 'the hole is wider than the value, with an object in it')
    save('bad-range-not-zero', re.sub(rb'/ByteRange \[0 ', b'/ByteRange [1 ', signed), 'does not begin at 0')
    save('bad-range-short', shortened(signed), 'leaves out the end of its revision')
    save('bad-range-missing', signed.replace(b'/ByteRange', b'/ByteRangX'), 'no /ByteRange (USF)')
    save('bad-contents-missing', signed.replace(b'/Contents <', b'/Contentz <'), 'no /Contents (USF)')
    save('bad-contents-empty', signed[:first] + b'<' + b'00' * ((second - first - 2) // 2) + b'>' + signed[second:], 'an empty value (USF)')
    save('bad-range-null', re.sub(rb'/ByteRange \[[^]]*\]', lambda m: b'/ByteRange null'.ljust(len(m[0])), signed), '/ByteRange null (USF)')
    save('bad-swa', moved(signed), 'the signed part was moved (SWA)')
    save('bad-other-document', transplanted(), 'the signature of another document')
    save('bad-xref-into-hole', into_hole(), 'a cross-reference leads into the hole')
    save('bad-doubled-field', doubled_field(signed), 'two fields with one signature')
    encrypted = io.BytesIO()
    writer = pdf_writer.copy_into_new_writer(PdfFileReader(io.BytesIO(TABLE)))
    writer.encrypt('', 'eier') if hasattr(writer, 'encrypt') else None
    writer.write(encrypted)
    save('bad-encrypted', encrypted_signed(encrypted.getvalue()), 'an encrypted file')


def encrypted_signed(pdf):
    from pyhanko.pdf_utils.crypt import StandardSecurityHandler
    reader = PdfFileReader(io.BytesIO(TABLE))
    writer = pdf_writer.copy_into_new_writer(reader)
    handler = StandardSecurityHandler.build_from_pw('eier', '')
    writer.security_handler = handler
    writer._encrypt = writer.add_object(handler.as_pdf_object())
    writer._document_id = generic.ArrayObject([generic.ByteStringObject(b'0' * 16), generic.ByteStringObject(b'0' * 16)])
    out = io.BytesIO()
    writer.write(out)
    again = IncrementalPdfFileWriter(io.BytesIO(out.getvalue()))
    again.encrypt(b'')
    done = io.BytesIO()
    signers.PdfSigner(signers.PdfSignatureMetadata(field_name='sig1', subfilter=SigSeedSubFilter.PADES), signer_of(ola)).sign_pdf(again, output=done)
    return done.getvalue()


def set_range(pdf, numbers, index=-1):
    found = list(re.finditer(rb'/ByteRange\s*\[[^]]*\]', pdf))[index]
    text = ('/ByteRange [%d %d %d %d]' % tuple(numbers)).encode()
    assert len(text) <= found.end() - found.start() + 40
    old = found[0]
    return pdf[:found.start()] + text.ljust(len(old)) + pdf[found.end():] if len(text) <= len(old) else None


def widened(pdf):
    """The gap reaches to before /Contents, so the key is not signed either."""
    first, second = hole(pdf)
    made = set_range(pdf, (0, first - 10, second, len(pdf) - second))
    return rebuilt_at(made, first, second, made[:first - 10] + made[second:])


def rebuilt_at(pdf, first, second, data):
    text = build_cms(data).hex().encode()
    return pdf[:first + 1] + text.ljust(second - first - 2, b'0') + pdf[second - 1:]


def shortened(pdf):
    first, second = hole(pdf)
    made = set_range(pdf, (0, first, second, len(pdf) - second - 30))
    return rebuilt_at(made, first, second, covered(made))


def moved(pdf):
    """SWA: the second signed part is copied to the end, and the range leads there; something else stands in between."""
    first, second = hole(pdf)
    tail = pdf[second:]
    evil = tail.replace(b'/Reason', b'/Reasoz')
    made = pdf[:second] + evil + b'\n' * 20 + tail
    place = second + len(evil) + 20
    return set_range(made, (0, first, place, len(tail)), index=-2)


def transplanted():
    one, two = sign(TABLE), sign(TABLE.replace(b'100 kroner', b'999 kroner'))
    return put(two, content_info(one).dump())


def into_hole():
    """The page's contents are an object in the padding of the hole."""
    signed = sign(TABLE)
    first, second = hole(signed)
    start = int(re.findall(rb'startxref\s+(\d+)', signed)[-1])
    at = second - 2000
    evil = b'5 0 obj\n' + stream('', b'BT /F1 24 Tf 72 700 Td (Betal 900 kroner) Tj ET') + b'\nendobj\n'
    # Signed with this: an entry for object 5 in the table of the signed revision.
    table = signed.index(b'xref', start - 2)
    lines = signed[start:]
    entry = b'5 1\n%010d 00000 n\r\n' % at
    changed = signed[:start] + lines.replace(b'xref\n', b'xref\n' + entry, 1)
    changed = set_range(changed, (0, first, second, len(changed) - second)) or changed
    changed = put(changed, build_cms(covered(changed)))
    return changed[:at] + evil + changed[at + len(evil):]


def doubled_field(pdf):
    """A second field with the value of the first."""
    value = re.findall(rb'/V (\d+) 0 R', pdf)[-1].decode()
    size = size_of(pdf)
    field = f'<</Type/Annot/Subtype/Widget/FT/Sig/T(sig9)/F 132/Rect[0 0 0 0]/P 3 0 R/V {value} 0 R>>'.encode()
    form = body_of(pdf, 14)
    form = re.sub(rb'/Fields\s*\[(.*?)\]', lambda m: b'/Fields [' + m[1] + b' %d 0 R]' % size, form, flags=re.S)
    return update(pdf, {size: field, 14: form})


# --- what a later revision may not do

def attacked():
    signed = sign(TABLE)
    evil = stream('', b'BT /F1 24 Tf 72 700 Td (Betal 900 kroner) Tj ET')
    size = size_of(signed)
    page = body_of(signed, 3)
    save('attack-content-replaced', update(signed, {5: evil}), 'page contents overwritten (ISA)')
    save('attack-content-swapped', update(signed, {3: re.sub(rb'/Contents 5 0 R', b'/Contents %d 0 R' % size, page), size: evil}), 'page leads to other contents')
    save('attack-content-no-xref', signed + b'5 0 obj\n' + evil + b'\nendobj\n%%EOF\n', 'a body without a table (ISA)')
    appended = update(signed, {2: b'<</Type/Pages/Kids[3 0 R 4 0 R %d 0 R]/Count 3>>' % size,
                               size: b'<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 5 0 R/Resources<<>>>>'})
    save('attack-page-appended', appended, 'a page was appended')
    save('attack-page-removed', update(signed, {2: b'<</Type/Pages/Kids[3 0 R]/Count 1>>'}), 'a page was removed')
    save('attack-pages-swapped', update(signed, {2: b'<</Type/Pages/Kids[4 0 R 3 0 R]/Count 2>>'}), 'pages in another order')
    note = b'<</Type/Annot/Subtype/FreeText/Rect[60 680 400 740]/Contents(Betal 900 kroner)/DA(/F1 24 Tf 0 g)/F 4/P 3 0 R>>'
    annots = re.sub(rb'/Annots\s*\[(.*?)\]', lambda m: b'/Annots [' + m[1] + b' %d 0 R]' % size, page, flags=re.S)
    save('attack-annotation-over', update(signed, {3: annots, size: note}), 'an annotation over the text')
    save('attack-annotation-p3', annotated(sign(TABLE, certify=MDPPerm.ANNOTATE)), 'an annotation under P 3')
    save('attack-font-replaced', update(signed, {7: b'<</Type/Font/Subtype/Type1/BaseFont/ZapfDingbats>>'}), 'a font was replaced')
    save('attack-media-box', update(signed, {3: page.replace(b'595 842', b'595 600')}), 'a smaller page')
    save('attack-object-freed', update(signed, {}, free=[5]), 'contents taken out')
    save('attack-xmp-title', update(signed, {9: xmp('En annen plan')}), 'another title in the XMP')
    save('change-xmp-date', update(signed, {9: xmp(date='2026-11-11T11:11:11Z')}), 'another date in the XMP')
    save('change-info', update(signed, {8: b'<</Title(Plan)/Producer(other)/ModDate(D:20261111)>>'}), 'another producer')
    catalog = body_of(signed, 1)
    js = catalog[:-2] + b'/OpenAction<</S/JavaScript/JS(app.alert\\(1\\))>>>>'
    save('attack-open-action', update(signed, {1: js}), 'an action when opened')
    layers = catalog[:-2] + b'/OCProperties<</OCGs[]/D<<>>>>>>'
    save('attack-layers', update(signed, {1: layers}), 'layers were added')
    struct = catalog[:-2] + b'/StructTreeRoot<</Type/StructTreeRoot>>/MarkInfo<</Marked true>>>>'
    save('attack-structure', update(signed, {1: struct}), 'a structure was added')
    save('attack-catalog-moved', update(signed, {size: re.sub(rb'/Pages 2 0 R', b'/Pages 2 0 R/PageMode/UseOutlines', catalog)}, root=f'{size} 0 R'), 'another catalog')
    save('change-identical', update(signed, {5: body_of(signed, 5)}), 'an object written again as it was')
    save('change-orphan', update(signed, {size: b'(nobody leads here)'}), 'an object that nothing leads to')
    field = body_of(signed, 15)
    filled = field.replace(b'/V(ingen)', b'/V(en ny)')
    save('change-filled', update(signed, {15: filled}), 'a form field filled in')
    drawn = stream('/Type/XObject/Subtype/Form/BBox[0 0 228 30]/Resources<</Font<</F1 7 0 R>>>>', b'/Tx BMC BT /F1 12 Tf 2 10 Td (en ny) Tj ET EMC')
    save('change-filled-drawn', update(signed, {15: filled.replace(b'/N 16 0 R', b'/N %d 0 R' % size), size: drawn}), 'filled in, with a new appearance')
    save('change-filled-in-place', update(signed, {15: filled, 16: drawn}), 'filled in, with the appearance overwritten')
    save('attack-field-moved', update(signed, {15: field.replace(b'[72 500', b'[72 700')}), 'a field was moved')
    save('attack-field-removed', update(signed, {14: body_of(signed, 14).replace(b'15 0 R', b'')}), 'a field was removed')
    text_field = b'<</Type/Annot/Subtype/Widget/FT/Tx/T(ny)/V(Betal 900)/Rect[72 690 300 730]/F 4/P 3 0 R>>'
    form = re.sub(rb'/Fields\s*\[(.*?)\]', lambda m: b'/Fields [' + m[1] + b' %d 0 R]' % size, body_of(signed, 14), flags=re.S)
    save('attack-field-added', update(signed, {14: form, 3: annots, size: text_field}), 'a text field was added')
    sticker = stream('/Type/XObject/Subtype/Form/BBox[0 0 340 60]/Resources<</Font<</F1 7 0 R>>>>', b'1 g 0 0 340 60 re f 0 g BT /F1 24 Tf 5 10 Td (Betal 900) Tj ET')
    empty = b'<</Type/Annot/Subtype/Widget/FT/Sig/T(ny)/Rect[60 680 400 740]/F 132/P 3 0 R/AP<</N %d 0 R>>>>' % (size + 1)
    save('attack-sticker', update(signed, {14: form, 3: annots, size: empty, size + 1: sticker}), 'an unsigned signature field with a picture')
    for permission in (MDPPerm.NO_CHANGES, MDPPerm.FILL_FORMS):
        certified = sign(TABLE, certify=permission)
        save(f'certified-p{permission.value}-filled', update(certified, {15: filled}), f'filled in under P {permission.value}')
        save(f'certified-p{permission.value}-signed', sign_anyway(certified), f'signed under P {permission.value}')
        save(f'certified-p{permission.value}-dss', add_dss(certified), f'proofs under P {permission.value}')
        save(f'certified-p{permission.value}-visible', sign_anyway(certified, BOX), f'a visible signature under P {permission.value}')
    locked = sign(UNDRAWN, lock=(fields.FieldMDPSpec(fields.FieldMDPAction.INCLUDE, ['merknad']), None))
    save('attack-locked-filled', update(locked, {15: body_of(locked, 15).replace(b'/V(ingen)', b'/V(en ny)')}), 'a locked field was filled in')
    lock_all = sign(UNDRAWN, lock=(fields.FieldMDPSpec(fields.FieldMDPAction.ALL), None))
    save('locked-all-stamped', stamp(lock_all), 'all fields locked, then a document time stamp')
    signature = int(re.findall(rb'/V (\d+) 0 R', signed)[-1])
    save('attack-signature-value-removed', update(signed, {field_number(signed): re.sub(rb'/V \d+ 0 R', b'', body_of(signed, field_number(signed)))}), 'the signature was taken out of its field')
    two = sign(signed, per, 'sig2')
    save('attack-two-then-page', update(two, {5: evil}), 'two signers, then a page overwritten')
    between = update(signed, {5: evil})
    save('attack-between-two', sign(between, per, 'sig2'), 'a page overwritten, then signed by another')
    save('attack-hidden-between', sign(update(between, {5: body_of(signed, 5)}), per, 'sig2'), 'a page overwritten and back, then signed')
    dss = add_dss(signed)
    save('attack-dss-and-page', update(dss, {5: evil}), 'proofs, and then a page overwritten')
    bad_dss = body_of(dss, int(re.findall(rb'/DSS (\d+) 0 R', dss)[-1]))
    save('attack-dss-keys', update(dss, {int(re.findall(rb'/DSS (\d+) 0 R', dss)[-1]): bad_dss[:-2] + b'/Evil 5 0 R>>'}), 'something else in the store')


# --- what readers see and a strict one might not; and what looks like filling in and is not

def two_faced():
    signed = sign(TABLE)
    evil = stream('', b'BT /F1 24 Tf 72 700 Td (Betal 900 kroner) Tj ET')
    size, page, form, field = size_of(signed), body_of(signed, 3), body_of(signed, 14), body_of(signed, 15)
    other_page = page.replace(b'/Contents 5 0 R', b'/Contents %d 0 R' % (size + 9))
    save('attack-unfinished-object', unfinished(), 'an object that begins in the last lines of what is signed, and ends in what is added')
    # An object stream whose parameters are told by a reference: who does not follow it reads the page as it was.
    packed = b'\0' + b'3 0 '.ljust(15) + b'%' + other_page + b'\n' + page
    parameters = {size + 7: b'<</Predictor 12/Columns %d>>' % (len(packed) - 1), size + 9: evil}
    save('attack-packed-parameters', packed_update(signed, packed, 16, 1, f'/Filter/FlateDecode/DecodeParms {size + 7} 0 R', parameters), 'an object stream with parameters elsewhere')
    save('attack-packed-filter', packed_update(signed, packed, 16, 1, f'/F/FlateDecode/DP {size + 7} 0 R', parameters, plain=True), 'an object stream with a filter of another name')
    twice = b'3 0 3 %d ' % (len(other_page) + 1)
    save('attack-packed-twice', packed_update(signed, twice + other_page + b'\n' + page, len(twice), 2, '', {size + 9: evil}, place=1), 'an object stream with two objects of one number')
    loose = update(signed, {3: other_page, size + 9: evil})
    save('attack-stray-object', update(signed, {size: b'(nobody leads here)'}, junk=b'5 0 obj\n' + evil + b'\nendobj\n'), 'an object that no table leads to')
    save('attack-size', smaller(update(signed, {size: b'(nobody leads here)'})), 'a number of objects that leaves out the contents')
    save('attack-loose-table', loose[:-200] + loose[-200:].replace(b' 00000 n\r\n', b' 00000 n\n'), 'a table that readers mend')
    # The catalog is also the pictures of a page, and /MarkInfo one of them.
    drawn = stream('', b'BT /F1 24 Tf 72 700 Td (Betal 100 kroner) Tj ET /MarkInfo Do')
    doubly = sign(base(extra={3: page_with(page, b'/XObject 1 0 R'), 5: drawn}, catalog='/MarkInfo<</Marked false>>'))
    over = stream('/Type/XObject/Subtype/Form/BBox[0 0 400 100]/Matrix[1 0 0 1 67 680]/Resources<</Font<</F1 7 0 R>>>>', b'1 g 0 0 400 100 re f 0 g BT /F1 24 Tf 5 20 Td (Betal 900 kroner) Tj ET')
    catalog = body_of(doubly, 1)
    save('attack-catalog-drawn', update(doubly, {1: re.sub(rb'/MarkInfo\s*<<.*?>>', b'/MarkInfo %d 0 R' % size_of(doubly), catalog, flags=re.S), size_of(doubly): over}), 'a page draws what the catalog leads to')
    face = stream('/Type/XObject/Subtype/Form/BBox[0 0 228 30]/Resources<</Font<</F1 7 0 R>>>>', b'/Tx BMC BT /F1 12 Tf 2 10 Td (mange) Tj ET EMC')
    save('attack-look-in-place', update(signed, {16: face}), 'a field says the same and looks otherwise')
    save('attack-look-changed', update(signed, {15: field.replace(b'/N 16 0 R', b'/N %d 0 R' % size), size: face}), 'the same with another stream')
    save('attack-field-hidden', update(signed, {15: field.replace(b'/F 4', b'/F 2')}), 'a field is hidden')
    font = form.replace(b'/F1 7 0 R', b'/F1 %d 0 R' % size)
    zapf = b'<</Type/Font/Subtype/Type1/BaseFont/ZapfDingbats>>'
    save('attack-default-font', update(signed, {14: font[:-2] + b'/NeedAppearances true>>', size: zapf}), 'fields are drawn anew in another font')
    save('change-font-added', update(signed, {14: form.replace(b'/F1 7 0 R', b'/F1 7 0 R/ZaDb %d 0 R' % size), size: zapf}), 'a font for new fields')
    states = base(extra={15: field.replace(b'/F 4', b'/F 4/AS/N')})
    states = sign(states, lock=(fields.FieldMDPSpec(fields.FieldMDPAction.INCLUDE, ['merknad']), None))
    save('attack-locked-look', update(states, {16: face}), 'a locked field with a state looks otherwise')
    save('attack-info-title', update(signed, {8: b'<</Title(En annen plan)/Producer(corpus)>>'}), 'another title in the information')
    form = re.sub(rb'/Fields\s*\[(.*?)\]', lambda m: b'/Fields [' + m[1] + b' %d 0 R]' % size, form, flags=re.S)
    annots = re.sub(rb'/Annots\s*\[(.*?)\]', lambda m: b'/Annots [' + m[1] + b' %d 0 R]' % size, page, flags=re.S)
    note = b'<</Type/Annot/Subtype/Text/FT/Sig/T(ny)/Rect[72 700 72 700]/Contents(Betal 900)/Open true/F 4/P 3 0 R>>'
    save('attack-note-as-field', update(signed, {14: form, 3: annots, size: note}), 'a note that says it is a signature field')
    kid = b'<</Type/Annot/Subtype/Widget/Parent %d 0 R/Rect[0 0 0 0]/F 132/P 3 0 R/AA<</PO<</S/JavaScript/JS(app.alert\\(1\\))>>>>>>' % size
    kids = annots.replace(b'%d 0 R' % size, b'%d 0 R' % (size + 1))
    save('attack-widget-action', update(signed, {14: form, 3: kids, size: b'<</FT/Sig/T(ny)/Kids[%d 0 R]>>' % (size + 1), size + 1: kid}), 'the widget of a new field acts when a page is opened')
    save('stamp-nothing-signed', stamp(TABLE), 'a document time stamp and no signature')
    crowd = [crl(other_root, when=NOW - timedelta(minutes=n)) for n in range(256)]
    save('change-crowd-of-lists', add_dss(sign(TABLE, level='B-LT'), crowd), 'more lists than are looked at')


def smaller(pdf):
    at = pdf.rindex(b'/Size ')
    return pdf[:at] + re.sub(rb'/Size \d+', lambda m: b'/Size 5'.ljust(len(m[0])), pdf[at:], count=1)


def page_with(page, resources):
    """The page as `base` has it, with more resources."""
    return re.sub(rb'/Resources\s*<<', lambda m: m[0] + resources, page, count=1)


def packed_update(pdf, data, first, count, more, objects, place=0, plain=False):
    """Appends a revision in which object 3 is in an object stream, with a cross-reference stream."""
    import struct, zlib
    start = int(re.findall(rb'startxref\s+(\d+)', pdf)[-1])
    size = size_of(pdf) + 20
    container, own = size - 2, size - 1
    body = data if plain else zlib.compress(data) if more else data
    out, places = bytearray(pdf), {}
    for number, text in (objects | {container: stream(f'/Type/ObjStm/N {count}/First {first}{more}', body)}).items():
        places[number] = (1, len(out), 0)
        out += f'{number} 0 obj\n'.encode() + text + b'\nendobj\n'
    places |= {3: (2, container, place), own: (1, len(out), 0)}
    at = len(out)
    numbers = sorted(places)
    table = b''.join(struct.pack('>BIB', *places[number]) for number in numbers)
    index = ' '.join(f'{number} 1' for number in numbers)
    trailer = f'/Type/XRef/W[1 4 1]/Index[{index}]/Size {size}/Root 1 0 R/Info 8 0 R/Prev {start}'
    out += f'{own} 0 obj\n'.encode() + stream(trailer, table) + f'\nendobj\nstartxref\n{at}\n%%EOF\n'.encode()
    return bytes(out)


def unfinished():
    """`startxref` of the signed revision is followed by a number, which a table takes for the head of an object: the rest of it comes later."""
    number, at = 50_000, 50_000
    for _ in range(6):
        contents = f'/Contents[5 0 R {number} 0 R]'.encode()
        pdf = base(extra={3: b'<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Resources<</Font<</F1 7 0 R>>>>' + contents + b'/Annots[15 0 R]>>'})
        start = int(re.findall(rb'startxref\s+(\d+)', pdf)[-1])
        lines = pdf[start:].replace(b'trailer', f'{number} 1\n{at:010} 00000 n\r\ntrailer'.encode())
        lines = re.sub(rb'/Size \d+', f'/Size {number + 1}'.encode(), lines)
        signed = sign(pdf[:start] + lines)
        found = list(re.finditer(rb'startxref\s+(\d+)', signed))[-1]
        if (number, at) == (int(found[1]), found.start(1)):
            evil = stream('', b'1 g 0 0 595 842 re f 0 g BT /F1 24 Tf 72 700 Td (Betal 900 kroner) Tj ET')
            return update(signed + b'0 obj\n' + evil + b'\nendobj\n', {size_of(signed) + 1: b'(nobody leads here)'})
        number, at = int(found[1]), found.start(1)
    raise AssertionError('the places do not settle')


def field_number(pdf):
    """The object that has /FT /Sig."""
    found = [int(n) for n in re.findall(rb'(\d+) 0 obj\s*<<(?:(?!endobj).)*?/FT\s*/Sig', pdf, re.S)]
    return found[-1]


def annotated(pdf):
    size = size_of(pdf)
    page = body_of(pdf, 3)
    annots = re.sub(rb'/Annots\s*\[(.*?)\]', lambda m: b'/Annots [' + m[1] + b' %d 0 R]' % size, page, flags=re.S)
    return update(pdf, {3: annots, size: b'<</Type/Annot/Subtype/Text/Rect[400 700 420 720]/Contents(hei)/F 4/P 3 0 R>>'})


def sign_anyway(pdf, box=None):
    """Signs whatever the certification says: the mark is taken off for pyHanko to look at, and put back."""
    from pyhanko.sign.signers import pdf_signer
    original = pdf_signer.PdfSigner._enforce_certification_constraints if hasattr(pdf_signer.PdfSigner, '_enforce_certification_constraints') else None
    if original:
        pdf_signer.PdfSigner._enforce_certification_constraints = lambda self, reader: None
    try:
        return sign(pdf, per, 'sig2', box=box)
    finally:
        if original:
            pdf_signer.PdfSigner._enforce_certification_constraints = original


# --- shadow attacks (Mainka, Mladenov, Rohlmann, Schwenk 2021): the trap is in the file before it is signed

def shadows():
    # hide: a picture with harmless words lies over the real ones, until it is gone
    cover = stream('/Type/XObject/Subtype/Form/BBox[0 0 400 100]/Resources<</Font<</F1 7 0 R>>>>', b'1 g 0 0 400 100 re f 0 g BT /F1 24 Tf 5 20 Td (Betal 1 krone) Tj ET')
    drawn = stream('', b'BT /F1 24 Tf 72 700 Td (Betal 900 kroner) Tj ET q 1 0 0 1 67 680 cm /X Do Q')
    page = b'<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Resources<</Font<</F1 7 0 R>>/XObject<</X 20 0 R>>>>/Contents 5 0 R/Annots[15 0 R]>>'
    signed = sign(base(extra={20: cover, 5: drawn, 3: page}))
    save('shadow-hide-freed', update(signed, {}, free=[20]), 'the cover is taken out')
    save('shadow-hide-emptied', update(signed, {20: stream('/Type/XObject/Subtype/Form/BBox[0 0 0 0]', b'')}), 'the cover is emptied')
    save('shadow-hide-typed', update(signed, {20: cover.replace(b'/Form', b'/XXXX')}), 'the cover is no form any more')
    # replace: fields and fonts look like what is allowed
    over = b'<</Type/Annot/Subtype/Widget/FT/Tx/T(dekke)/V(Betal 1 krone)/DA(/F1 24 Tf 0 g)/F 4/Rect[60 680 400 740]/P 3 0 R/AP<</N 21 0 R>>>>'
    form = b'<</Fields[15 0 R 22 0 R]/DA(/F1 0 Tf 0 g)/DR<</Font<</F1 7 0 R>>>>>>'
    page = b'<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Resources<</Font<</F1 7 0 R>>>>/Contents 5 0 R/Annots[15 0 R 22 0 R]>>'
    with_field = sign(base(extra={21: cover, 22: over, 14: form, 3: page}))
    save('shadow-replace-field', update(with_field, {22: over.replace(b'1 krone', b'900 kroner').replace(b'/N 21 0 R', b'/N %d 0 R' % size_of(with_field)),
                                                     size_of(with_field): cover.replace(b'1 krone', b'9 krone')}), 'the cover is a form field, filled in anew')
    save('shadow-replace-field-certified', shadow_certified(over, form, page, cover), 'the same under P 1')
    save('shadow-replace-shared', shared_appearance(), 'an appearance that the page draws as well')
    font = sign(base(extra={23: b'<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>', 14: b'<</Fields[15 0 R]/DA(/F1 0 Tf 0 g)/DR<</Font<</F1 7 0 R/F2 23 0 R>>>>>>'}))
    save('shadow-replace-font', update(font, {7: b'<</Type/Font/Subtype/Type1/BaseFont/ZapfDingbats>>'}), 'a font of page and form')
    # hide and replace: a second document lies in the file, unused
    second = {30: b'<</Type/Catalog/Pages 31 0 R>>', 31: b'<</Type/Pages/Kids[32 0 R]/Count 1>>',
              32: b'<</Type/Page/Parent 31 0 R/MediaBox[0 0 595 842]/Resources<</Font<</F1 7 0 R>>>>/Contents 33 0 R>>',
              33: stream('', b'BT /F1 24 Tf 72 700 Td (Betal 900 kroner) Tj ET')}
    hidden = sign(base(extra=second))
    save('shadow-swap-root', update(hidden, {}, root='30 0 R', info=False), 'a table that leads to another catalog')
    save('shadow-swap-pages', update(hidden, {1: body_of(hidden, 1).replace(b'/Pages 2 0 R', b'/Pages 31 0 R')}), 'the catalog leads to other pages')
    save('shadow-swap-contents', update(hidden, {3: body_of(hidden, 3).replace(b'/Contents 5 0 R', b'/Contents 33 0 R')}), 'a page leads to hidden contents')
    save('shadow-xref-moved', xref_moved(hidden), 'a table gives an object the place of another')
    dangling = sign(base(extra={5: stream('', b'BT /F1 24 Tf 72 700 Td (Betal 100 kroner) Tj ET'),
                                3: b'<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Resources<</Font<</F1 7 0 R>>>>/Contents[5 0 R 900 0 R]/Annots[15 0 R]>>'}))
    save('shadow-dangling', update(dangling, {900: stream('', b'BT /F1 24 Tf 72 600 Td (og 900 til) Tj ET')}), 'a reference that led nowhere')


def shadow_certified(over, form, page, cover):
    signed = sign(base(extra={21: cover, 22: over, 14: form, 3: page}), certify=MDPPerm.NO_CHANGES)
    size = size_of(signed)
    return update(signed, {22: over.replace(b'1 krone', b'900 kroner').replace(b'/N 21 0 R', b'/N %d 0 R' % size), size: cover.replace(b'1 krone', b'9 krone')})


def shared_appearance():
    field = b'<</Type/Annot/Subtype/Widget/FT/Tx/T(merknad)/V(ingen)/DA(/F1 12 Tf 0 g)/F 4/Rect[72 500 300 530]/P 3 0 R/AP<</N 16 0 R>>>>'
    page = b'<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Resources<</Font<</F1 7 0 R>>/XObject<</X 16 0 R>>>>/Contents 5 0 R/Annots[15 0 R]>>'
    drawn = stream('', b'BT /F1 24 Tf 72 700 Td (Betal) Tj ET q 1 0 0 1 67 680 cm /X Do Q')
    signed = sign(base(extra={15: field, 3: page, 5: drawn}))
    evil = stream('/Type/XObject/Subtype/Form/BBox[0 0 228 30]/Resources<</Font<</F1 7 0 R>>>>', b'/Tx BMC BT /F1 12 Tf 2 10 Td (900) Tj ET EMC')
    return update(signed, {15: field.replace(b'(ingen)', b'(900)'), 16: evil})


def xref_moved(pdf):
    """An empty revision whose table says that object 5 is where 33 is: its head says otherwise."""
    at = pdf.index(b'\n33 0 obj') + 1
    start = int(re.findall(rb'startxref\s+(\d+)', pdf)[-1])
    return close(bytearray(pdf), {5: at}, size_of(pdf), '/Root 1 0 R', start)


# --- certificates, algorithms and times

def people():
    signed = sign(TABLE)
    save('cert-untrusted', sign(TABLE, stranger, chain=[other_root]), 'of a root that is not trusted')
    save('cert-self-signed', sign(TABLE, SELF, chain=[]), 'signed by itself')
    save('cert-no-chain', sign(TABLE, chain=[]), 'without the certificate between')
    save('cert-expired', sign(TABLE, expired), 'expired')
    save('cert-not-yet', sign(TABLE, future), 'not valid yet')
    save('cert-usage', sign(TABLE, no_usage), 'not for signatures')
    save('cert-under-leaf', sign(TABLE, under_leaf, chain=[plain_leaf_ca, ca]), 'issued by who may not')
    save('cert-swapped-same-key', rebuilt(signed, certs=[twin, ca]), 'another certificate of the same key')
    save('cert-swapped-other-key', rebuilt(signed, certs=[twin_other_key, ca]), 'another certificate of another key')
    save('cert-wrong-in-attribute', rebuilt(signed, ess_of=per), 'the attribute names another certificate')
    save('cert-not-there', rebuilt(signed, certs=[ca]), 'without the certificate of the signer')
    save('cert-not-bound', rebuilt(signed, drop=('signing_certificate_v2',)), 'no attribute names the certificate')
    save('cms-no-digest', rebuilt(signed, drop=('message_digest',)), 'no message digest')
    save('cms-no-type', rebuilt(signed, drop=('content_type',)), 'no content type')
    save('cms-wrong-signature', rebuilt(signed, broken=True), 'a wrong signature value')
    save('cms-wrong-digest', rebuilt(signed, digest=b'\0' * 32), 'the digest of something else, rightly signed')
    save('cms-attached', rebuilt(signed, content=b'something else'), 'with a content of its own')
    save('cms-signing-time', rebuilt(signed, extra=[('signing_time', cms.Time({'utc_time': NOW}))]), 'a signing time in the attributes')
    save('cms-garbage', put(signed, b'\x30\x03\x02\x01\x01'), 'DER that is no CMS')
    save('cms-tail', put(signed, build_cms(covered(signed)), tail=b'\x04\x04evil'), 'something behind the value')
    save('weak-sha1', rebuilt(signed, md='sha1'), 'SHA-1')
    save('weak-rsa1024', sign(TABLE, small), 'an RSA key of 1024 bits')
    try:
        save('weak-md5', rebuilt(signed, md='md5'), 'MD5')
    except Exception:  # some builds of OpenSSL do not sign with it
        der = build_cms(covered(signed)).replace(bytes.fromhex('0609608648016503040201'), bytes.fromhex('06082a864886f70d0205'))
        save('weak-md5', put(signed, der), 'says MD5')
    # revocation
    gone = [crl(ca, [(revoked, REVOKED_AT)]), crl(root)]
    good_then = context([crl(ca), crl(root)])
    save('revoked-crl', add_dss(sign(TABLE, revoked), gone), 'revoked by CRL')
    save('revoked-ocsp', add_dss(sign(TABLE, revoked), [crl(root)], [ocsp_answer(revoked, REVOKED_AT)]), 'revoked by OCSP')
    before = sign(TABLE, revoked, level='B-T', stamper=authority(days=-25))
    save('revoked-after-stamp', add_dss(before, gone), 'revoked after the time stamp')
    after = sign(TABLE, revoked, level='B-T', stamper=authority(days=-5))
    save('revoked-before-stamp', add_dss(after, gone), 'revoked before the time stamp')
    save('revoked-ca', add_dss(sign(TABLE, under_revoked_ca, chain=[revoked_ca]), [crl(revoked_ca), crl(root, [(revoked_ca, REVOKED_AT)])]), 'the issuer is revoked')
    save('revoked-foreign-crl', add_dss(sign(TABLE), [crl(other_root, [(ola, REVOKED_AT)]), crl(root), crl(ca)]), 'revoked by who may not say so')
    save('expired-after-stamp', add_dss(sign(TABLE, expired, level='B-T', stamper=authority(days=-60))), 'stamped while it was valid')
    save('expired-before-stamp', add_dss(sign(TABLE, expired, level='B-T', stamper=authority(days=-5))), 'stamped when it had expired')
    old = sign(TABLE, expired, level='B-T', stamper=authority(days=-60))
    proven = add_dss(old, [crl(ca, when=NOW - 40 * DAY, days=80), crl(root, when=NOW - 40 * DAY, days=80)])
    save('expired-proven', stamp(proven, authority(days=-38), proofs=False), 'expired since, with proofs and a document time stamp from before')
    # time stamps
    save('stamp-wrong-imprint', rebuilt(signed, token=lambda value: token_over(value + b'x')), 'a time stamp over something else')
    save('stamp-untrusted', sign(TABLE, level='B-T', stamper=authority(stranger_tsa, chain=(other_root,))), 'a time stamp by who is not trusted')
    save('stamp-not-a-tsa', sign(TABLE, level='B-T', stamper=authority(seal)), 'a time stamp by who may not')
    save('stamp-expired-tsa', sign(TABLE, level='B-T', stamper=authority(old_tsa, days=-20)), 'a time stamp by who has expired')
    save('stamp-expired-tsa-renewed', stamp(sign(TABLE, level='B-T', stamper=authority(old_tsa, days=-20)), authority(days=-15)), 'the same, renewed in time')
    save('stamp-future', sign(TABLE, level='B-T', stamper=authority(days=30)), 'a time stamp from the future')
    save('stamp-document-only', stamp(signed), 'B-B and a document time stamp')
    document = stamp(signed)
    save('stamp-document-flipped', flip(document, document.index(b'100 kroner')), 'a byte of the page, under a document time stamp')
    save('stamp-document-transplanted', put(stamp(TABLE), content_info(document).dump()), 'the document time stamp of another document')
    untrusted = stamp(signed, authority(stranger_tsa, chain=(other_root,)))
    save('stamp-document-untrusted', untrusted, 'a document time stamp by who is not trusted')


for part in (good, broken, attacked, two_faced, shadows, people):
    part()
(OUT / 'root.pem').write_bytes(root.cert.public_bytes(serialization.Encoding.PEM))
(OUT / 'ola-revoked.crl').write_bytes(crl(ca, [(ola, NOW - 300 * DAY)]))
(OUT / 'now').write_text(str(int(NOW.timestamp())))
(OUT / 'expect.json').write_text(json.dumps(EXPECT, indent=1, ensure_ascii=False))
print(len(EXPECT), 'files in', OUT)
