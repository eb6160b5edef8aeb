#!/usr/bin/env bash
# client_check.sh OPENAPI_JSON BASE_URL LETTER_JSON OUT_PDF
# Proves that the OpenAPI file is valid and that a stranger's generator makes a working client of it: the client, built by
# openapi-python-client without a warning, reads a letter into its own types without losing a field, posts it and gets a PDF.
# Exit 0 good, 1 a fault, 2 wrong use.
set -euo pipefail
[[ $# -eq 4 ]] || { sed -n '2s/# /usage: /p' "$0" >&2; exit 2; }
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
bin=$(cd "$here/../.." && pwd)/target/test-tools/venv/bin
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$bin/openapi-spec-validator" "$1"

# The generator knows only octet-stream as bytes; its configuration says which types are bytes, too.
cat >"$work/config.yaml" <<'YAML'
content_type_overrides:
  application/pdf: application/octet-stream
  application/x-ndjson: application/octet-stream
  application/zip: application/octet-stream
  text/csv: application/octet-stream
  image/png: application/octet-stream
  image/svg+xml: application/octet-stream
YAML
PATH=$bin:$PATH openapi-python-client generate --path "$1" --config "$work/config.yaml" --meta none \
  --output-path "$work/school_client" --fail-on-warning

PYTHONPATH=$work "$bin/python" - "$2" "$(realpath "$3")" "$(realpath "$4")" <<'PYTHON'
import importlib, json, pkgutil, sys
import school_client.api
from school_client.client import Client
from school_client.models import ParentLetter

base_url, letter_file, out = sys.argv[1:]
modules = [name for _, name, _ in pkgutil.walk_packages(school_client.api.__path__, "school_client.api.")]
operation = importlib.import_module(next(name for name in modules if name.endswith(".render_parent_letter")))

letter = json.load(open(letter_file))
typed = ParentLetter.from_dict(letter)
if typed.to_dict() != letter:
    sys.exit(f"the client's types change the letter: {json.dumps(typed.to_dict(), ensure_ascii=False)}")
response = operation.sync_detailed(client=Client(base_url=base_url, timeout=60), body=typed)
if response.status_code != 200:
    sys.exit(f"{response.status_code}: {response.content[:2000].decode(errors='replace')}")
pdf = response.parsed.payload.read()
if not pdf.startswith(b"%PDF-"):
    sys.exit(f"not a PDF: {pdf[:60]}")
open(out, "wb").write(pdf)
print(f"a generated client ({len(modules)} modules) wrote {out}: {len(pdf)} bytes")
PYTHON
