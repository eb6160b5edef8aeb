"""certified.py FOLDER SOURCE.pdf KEYS: signs a file by pyHanko in ways that forbid something, into FOLDER.

certified-closed.pdf allows no changes, certified-open.pdf signatures; the signature of locked.pdf locks the field `andre`, which is not signed.
"""
import sys

from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign import fields, signers

folder, source, keys = sys.argv[1:]
signer = signers.SimpleSigner.load(f"{keys}/rsa2048.key", f"{keys}/rsa2048.pem", ca_chain_files=(f"{keys}/issuing.pem",))
for name, permission in (("closed", fields.MDPPerm.NO_CHANGES), ("open", fields.MDPPerm.FILL_FORMS)):
    with open(source, "rb") as read, open(f"{folder}/certified-{name}.pdf", "wb") as out:
        about = signers.PdfSignatureMetadata(field_name="forst", certify=True, docmdp_permissions=permission)
        signers.sign_pdf(IncrementalPdfFileWriter(read), about, signer=signer, output=out)
with open(source, "rb") as read, open(f"{folder}/locked.pdf", "wb") as out:
    writer = IncrementalPdfFileWriter(read)
    fields.append_signature_field(writer, fields.SigFieldSpec("andre"))
    lock = fields.FieldMDPSpec(fields.FieldMDPAction.INCLUDE, fields=["andre"])
    fields.append_signature_field(writer, fields.SigFieldSpec("forst", field_mdp_spec=lock))
    signers.sign_pdf(writer, signers.PdfSignatureMetadata(field_name="forst"), signer=signer, output=out)
