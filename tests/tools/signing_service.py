"""signing_service.py KEYS NAME DIGEST [time]: signed data (CMS) by pyHanko over a SHA-256 digest, as a signing service would make it, on standard output.

KEYS is a folder with NAME.key, NAME.pem and issuing.pem, DIGEST hexadecimal. With `time` it has the attribute signing-time, which PAdES forbids.
"""
import asyncio
import sys
from datetime import datetime, timezone

from pyhanko.sign import signers
from pyhanko.sign.signers.pdf_cms import PdfCMSSignedAttributes

folder, name, digest, *time = sys.argv[1:]
is_timed = time == ["time"]
signer = signers.SimpleSigner.load(f"{folder}/{name}.key", f"{folder}/{name}.pem", ca_chain_files=(f"{folder}/issuing.pem",))
attributes = PdfCMSSignedAttributes(signing_time=datetime.now(timezone.utc) if is_timed else None)
cms = asyncio.run(signer.async_sign(bytes.fromhex(digest), "sha256", use_pades=not is_timed, signed_attr_settings=attributes))
sys.stdout.buffer.write(cms.dump())
