"""signatures.py ROOT.pem FILE.pdf...: what pyHanko says of the signatures of each file, as JSON in a line, with what the file itself holds and no network.

Levels are those of ETSI EN 319 142-1: B-LT if the signature can still be proven when the signers' certificates have ended, B-LTA if a time stamp covers that.
"""
import asyncio
import json
import logging
import sys
from datetime import datetime, timedelta, timezone

from pyhanko.keys import load_cert_from_pemder
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.diff_analysis import DEFAULT_DIFF_POLICY
from pyhanko.sign.validation import async_validate_pdf_signature, async_validate_pdf_timestamp
from pyhanko.sign.validation.ades import ades_lta_validation, simulate_future_ades_lta_validation
from pyhanko.sign.validation.policy_decl import (
    LocalKnowledge,
    PdfSignatureValidationSpec,
    RevinfoOnlineFetchingRule,
    RevocationInfoGatheringSpec,
    SignatureValidationSpec,
)
from pyhanko_certvalidator import ValidationContext
from pyhanko_certvalidator.context import CertValidationPolicySpec
from pyhanko_certvalidator.policy_decl import REQUIRE_REVINFO, CertRevTrustPolicy, FreshnessReqType
from pyhanko_certvalidator.registry import SimpleTrustManager

logging.disable(logging.CRITICAL)
ROOT = load_cert_from_pemder(sys.argv[1])
# Revocation that was asked for after the signature counts, however long after.
REVOCATION = CertRevTrustPolicy(REQUIRE_REVINFO, freshness=None, freshness_req_type=FreshnessReqType.MAX_DIFF_REVOCATION_VALIDATION)
POLICY = PdfSignatureValidationSpec(
    SignatureValidationSpec(
        cert_validation_policy=CertValidationPolicySpec(trust_manager=SimpleTrustManager.build(trust_roots=[ROOT]), revinfo_policy=REVOCATION),
        local_knowledge=LocalKnowledge(),
        revinfo_gathering_policy=RevocationInfoGatheringSpec(online_fetching_rule=RevinfoOnlineFetchingRule.LOCAL_ONLY),
    ),
    diff_policy=DEFAULT_DIFF_POLICY,
)


def context():
    return ValidationContext(trust_roots=[ROOT], allow_fetching=False)


def reader(path):
    return PdfFileReader(open(path, "rb"))


async def holds(validation):
    try:
        result = await validation
        return result if str(result.ades_subindic) == "AdESPassed.OK" else None
    except Exception:  # whatever is missing, the level does not hold
        return None


async def of_signature(path, number):
    def embedded():
        return reader(path).embedded_regular_signatures[number]

    signature = embedded()
    status = await async_validate_pdf_signature(signature, context(), context())
    attributes = {attribute["type"].native for attribute in signature.signer_info["signed_attrs"]}
    is_pades = signature.sig_object["/SubFilter"] == "/ETSI.CAdES.detached" and "signing_time" not in attributes
    levels = ["B-B"] if is_pades and "signing_certificate_v2" in attributes and "/M" in signature.sig_object else []
    stamp = status.timestamp_validity
    if stamp is not None and stamp.valid and stamp.trusted:
        levels.append("B-T")
    later = datetime.now(timezone.utc) + timedelta(days=365 * 12)
    if await holds(simulate_future_ades_lta_validation(embedded(), POLICY, later)):
        levels.append("B-LT")
    archived = await holds(ades_lta_validation(embedded(), POLICY))
    if archived and archived.oldest_evidence_record_timestamp:
        levels.append("B-LTA")
    return {
        "field": signature.field_name,
        "intact": status.intact,
        "valid": status.valid,
        "trusted": status.trusted,
        "bottom_line": status.bottom_line,
        "changes": status.modification_level.name if status.modification_level is not None else None,
        "levels": levels,
    }


async def main(path):
    count = len(reader(path).embedded_regular_signatures)
    stamps = []
    for stamp in reader(path).embedded_timestamp_signatures:
        status = await async_validate_pdf_timestamp(stamp, context())
        stamps.append({"field": stamp.field_name, "intact": status.intact, "valid": status.valid, "trusted": status.trusted})
    told = {"signatures": [await of_signature(path, number) for number in range(count)], "time_stamps": stamps}
    print(json.dumps(told))


for path in sys.argv[2:]:
    asyncio.run(main(path))
