-- A plan or an agreement that is kept. What it holds of people is sealed under a key of its own (`key`, itself sealed under that of the service), so
-- a record whose row is gone is erased.
CREATE TABLE record (
    id TEXT NOT NULL PRIMARY KEY,
    tenant TEXT NOT NULL,
    kind TEXT NOT NULL,
    -- Counts every change: who changes it names the one that was seen.
    revision INTEGER NOT NULL,
    -- Number of the newest version, and of the newest one that is signed.
    latest INTEGER NOT NULL,
    signed INTEGER,
    -- Hashes of the school of the newest version, under a key of the service and for one tenant: they can be looked for and not read.
    school_number BLOB,
    school_name BLOB,
    school_year TEXT,
    created_at INTEGER NOT NULL,
    changed_at INTEGER NOT NULL,
    -- While it is held nothing of it is deleted; why, sealed.
    held_at INTEGER,
    hold BLOB,
    idempotency BLOB,
    contents BLOB,
    key BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX record_once ON record (idempotency);
CREATE INDEX record_of_tenant ON record (tenant, kind, created_at, id);

CREATE TABLE record_version (
    record TEXT NOT NULL REFERENCES record (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    state TEXT NOT NULL,
    made_at INTEGER NOT NULL,
    -- When it came to its state.
    stepped_at INTEGER NOT NULL,
    -- What is told of it in lists, and the body as it came; both sealed.
    facts BLOB NOT NULL,
    content BLOB NOT NULL,
    final_at INTEGER,
    signed_at INTEGER,
    retention_until INTEGER,
    -- The frozen document: its SHA-256, its size, and what is known of it, sealed.
    document_hash BLOB,
    document_size INTEGER,
    label BLOB,
    -- How it is signed: until when, whether in the order of the signers, to which level; and why a signer has declined.
    deadline INTEGER,
    in_order INTEGER NOT NULL,
    level TEXT,
    reason TEXT,
    -- The signed file: how many revisions were kept of it, and of the last one its SHA-256 and its size.
    revisions INTEGER NOT NULL,
    signed_hash BLOB,
    signed_size INTEGER,
    PRIMARY KEY (record, number)
) STRICT;
CREATE INDEX record_version_in_state ON record_version (record, state);
CREATE INDEX record_version_due ON record_version (deadline) WHERE state = 'signing';
CREATE INDEX record_version_by_document ON record_version (document_hash);
CREATE INDEX record_version_by_signed ON record_version (signed_hash);

-- A file of a version, sealed: `document` as it was frozen, `signed` with the signatures that there are.
CREATE TABLE record_file (
    record TEXT NOT NULL,
    version INTEGER NOT NULL,
    form TEXT NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (record, version, form),
    FOREIGN KEY (record, version) REFERENCES record_version (record, number) ON DELETE CASCADE
) STRICT;

CREATE TABLE record_signature (
    record TEXT NOT NULL,
    version INTEGER NOT NULL,
    -- Place in the order of signing, from 1.
    position INTEGER NOT NULL,
    -- Name of the field in the file.
    field TEXT NOT NULL,
    -- Who signs, sealed.
    signer BLOB NOT NULL,
    state TEXT NOT NULL,
    level_wished TEXT NOT NULL,
    -- What was reached, and when the next try to reach more is due.
    level TEXT,
    raise_after INTEGER,
    signed_at INTEGER,
    -- What the signature was checked by, sealed.
    evidence BLOB,
    PRIMARY KEY (record, version, position),
    FOREIGN KEY (record, version) REFERENCES record_version (record, number) ON DELETE CASCADE
) STRICT;
CREATE UNIQUE INDEX record_signature_field ON record_signature (record, version, field);
CREATE INDEX record_signature_to_raise ON record_signature (raise_after) WHERE raise_after IS NOT NULL;

-- A signature that is prepared here and made elsewhere. One that is never completed leaves nothing.
CREATE TABLE record_pending (
    id TEXT NOT NULL PRIMARY KEY,
    record TEXT NOT NULL,
    version INTEGER NOT NULL,
    field TEXT NOT NULL,
    -- Revisions that the signed file had when this was prepared: with another number it no longer fits.
    base INTEGER NOT NULL,
    deadline INTEGER NOT NULL,
    body BLOB NOT NULL,
    FOREIGN KEY (record, version) REFERENCES record_version (record, number) ON DELETE CASCADE
) STRICT;
CREATE INDEX record_pending_due ON record_pending (deadline);
CREATE INDEX record_pending_of_version ON record_pending (record, version);
