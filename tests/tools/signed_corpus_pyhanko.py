"""signed_corpus_pyhanko.py FOLDER: writes FOLDER/pyhanko.json, what pyHanko 0.38 says of every PDF there, at the time in FOLDER/now.

`good` is its basic verdict (`bottom_line`), `good_later` that of its validation by ETSI EN 319 102-1 with proofs of existence, which knows
that a certificate may have expired since. Offline, and as pyHanko does by default without asking for revocation where nothing is known.
"""
import asyncio, dataclasses, io, json, logging, sys
from datetime import datetime, timezone
from pathlib import Path

logging.disable(logging.CRITICAL)
from pyhanko.keys import load_certs_from_pemder
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.diff_analysis import DEFAULT_DIFF_POLICY, ModificationLevel
from pyhanko.sign.validation import async_validate_pdf_signature, async_validate_pdf_timestamp
from pyhanko.sign.validation.ades import ades_lta_validation, ades_with_time_validation
from pyhanko.sign.validation.dss import DocumentSecurityStore
from pyhanko.sign.validation.policy_decl import (LocalKnowledge, PdfSignatureValidationSpec, RevinfoOnlineFetchingRule,
    RevocationInfoGatheringSpec, SignatureValidationSpec)
from pyhanko.sign.validation.settings import KeyUsageConstraints
from pyhanko_certvalidator import ValidationContext
from pyhanko_certvalidator.context import CertValidationPolicySpec
from pyhanko_certvalidator.policy_decl import CertRevTrustPolicy, FreshnessReqType, NO_REVOCATION, RevocationCheckingPolicy, RevocationCheckingRule
from pyhanko_certvalidator.registry import SimpleTrustManager
from pyhanko_certvalidator.revinfo.archival import CRLContainer, OCSPContainer

folder = Path(sys.argv[1])
roots = list(load_certs_from_pemder([str(folder / 'root.pem')]))
now = datetime.fromtimestamp(int((folder / 'now').read_text()), timezone.utc)
KEYS = KeyUsageConstraints(key_usage={'non_repudiation', 'digital_signature'}, match_all_key_usages=False)
IF_PRESENT = RevocationCheckingPolicy(RevocationCheckingRule.CHECK_IF_DECLARED, RevocationCheckingRule.CHECK_IF_DECLARED)
SPEC = PdfSignatureValidationSpec(
    SignatureValidationSpec(
        cert_validation_policy=CertValidationPolicySpec(
            trust_manager=SimpleTrustManager.build(trust_roots=roots),
            revinfo_policy=CertRevTrustPolicy(IF_PRESENT, freshness=None, freshness_req_type=FreshnessReqType.MAX_DIFF_REVOCATION_VALIDATION)),
        local_knowledge=LocalKnowledge(), key_usage_settings=KEYS,
        revinfo_gathering_policy=RevocationInfoGatheringSpec(online_fetching_rule=RevinfoOnlineFetchingRule.LOCAL_ONLY)),
    diff_policy=DEFAULT_DIFF_POLICY)


def reader(data):
    made = PdfFileReader(io.BytesIO(data))
    if made.encrypted:
        made.decrypt('')
    return made


def context(pdf):
    settings = dict(trust_roots=roots, allow_fetching=False, moment=now, revocation_mode='soft-fail')
    try:
        return DocumentSecurityStore.read_dss(pdf).as_validation_context(settings)
    except Exception:
        return ValidationContext(**settings)


def knowing(pdf):
    """The specification with what the file brings."""
    from asn1crypto import crl, ocsp
    spec = SPEC.signature_validation_spec
    try:
        dss = DocumentSecurityStore.read_dss(pdf)
        known = LocalKnowledge(
            known_crls=[CRLContainer(crl.CertificateList.load(ref.get_object().data)) for ref in dss.crls],
            known_ocsps=[one for ref in dss.ocsps for one in OCSPContainer.load_multi(ocsp.OCSPResponse.load(ref.get_object().data))],
            known_certs=list(dss.load_certs()))
        return dataclasses.replace(spec, local_knowledge=known)
    except Exception:
        return spec


async def signature(data, index):
    pdf = reader(data)
    found = pdf.embedded_signatures[index]
    is_time = found.sig_object_type == '/DocTimeStamp'
    said = {'field': found.field_name, 'timestamp': bool(is_time)}
    try:
        if is_time:
            status = await async_validate_pdf_timestamp(found, context(pdf))
        else:
            status = await async_validate_pdf_signature(found, context(pdf), context(pdf), key_usage_settings=KEYS)
    except Exception as error:
        return said | {'error': f'{type(error).__name__}: {error}'[:200], 'good': False, 'good_later': False}
    level = status.modification_level
    said |= {'intact': status.intact, 'valid': status.valid, 'trusted': status.trusted, 'coverage': status.coverage.name,
             'modification': level.name if level is not None else None, 'revoked': status.revoked,
             'problem': str(status.trust_problem_indic) if status.trust_problem_indic else None}
    changes_ok = status.docmdp_ok if not is_time else level not in (None, ModificationLevel.OTHER)
    said['changes_ok'] = bool(changes_ok)
    said['good'] = bool(changes_ok and (status.intact and status.valid and status.trusted if is_time else status.bottom_line))
    stamp = getattr(status, 'timestamp_validity', None)
    said['stamp'] = {'valid': stamp.valid and stamp.intact, 'trusted': stamp.trusted} if stamp is not None else None
    said['good_later'] = False
    if not is_time:
        try:
            pdf = reader(data)
            again = pdf.embedded_signatures[index]
            again.compute_integrity_info()
            result = await ades_with_time_validation(again.signed_data, knowing(pdf), raw_digest=again.compute_digest())
            said['ades_with_time'] = str(result.ades_subindic)
            said['good_later'] = str(result.ades_subindic) == 'AdESPassed.OK' and said['changes_ok']
        except Exception as error:
            said['ades_with_time'] = f'{type(error).__name__}: {error}'[:200]
        try:
            pdf = reader(data)
            result = await ades_lta_validation(pdf.embedded_signatures[index], SPEC)
            said['ades'] = str(result.ades_subindic)
            said['good_later'] |= str(result.ades_subindic) == 'AdESPassed.OK' and said['changes_ok']
        except Exception as error:
            said['ades'] = f'{type(error).__name__}: {error}'[:200]
    return said


async def of_file(path):
    data = path.read_bytes()
    try:
        count = len(reader(data).embedded_signatures)
    except Exception as error:
        return {'error': f'{type(error).__name__}: {error}'[:200], 'signatures': []}
    return {'signatures': [await signature(data, index) for index in range(count)]}


said = {path.stem: asyncio.run(of_file(path)) for path in sorted(folder.glob('*.pdf'))}
(folder / 'pyhanko.json').write_text(json.dumps(said, indent=1, ensure_ascii=False))
print(len(said), 'files')
