-- A plan or an agreement that is kept. What it holds of people is sealed under a key of its own (`key`, itself sealed under that of the service), so
-- a record whose row is gone is erased.
CREATE TABLE record (
    id TEXT NOT NULL PRIMARY KEY,
    tenant TEXT NOT NULL,
    kind TEXT NOT NULL,
    -- Counts every change: who changes it names the one that was seen.
    revision BIGINT NOT NULL,
    -- Number of the newest version, and of the newest one that is signed.
    latest BIGINT NOT NULL,
    signed BIGINT,
    -- Hashes of the school of the newest version, under a key of the service and for one tenant: they can be looked for and not read.
    school_number BYTEA,
    school_name BYTEA,
    school_year TEXT,
    created_at BIGINT NOT NULL,
    changed_at BIGINT NOT NULL,
    -- While it is held nothing of it is deleted; why, sealed.
    held_at BIGINT,
    hold BYTEA,
    idempotency BYTEA,
    contents BYTEA,
    key BYTEA NOT NULL
);
CREATE UNIQUE INDEX record_once ON record (idempotency);
CREATE INDEX record_of_tenant ON record (tenant, kind, created_at, id);

CREATE TABLE record_version (
    record TEXT NOT NULL REFERENCES record (id) ON DELETE CASCADE,
    number BIGINT NOT NULL,
    state TEXT NOT NULL,
    made_at BIGINT NOT NULL,
    -- When it came to its state.
    stepped_at BIGINT NOT NULL,
    -- What is told of it in lists, and the body as it came; both sealed.
    facts BYTEA NOT NULL,
    content BYTEA NOT NULL,
    final_at BIGINT,
    signed_at BIGINT,
    retention_until BIGINT,
    -- The frozen document: its SHA-256, its size, and what is known of it, sealed.
    document_hash BYTEA,
    document_size BIGINT,
    label BYTEA,
    -- How it is signed: until when, whether in the order of the signers, to which level; and why a signer has declined.
    deadline BIGINT,
    in_order BIGINT NOT NULL,
    level TEXT,
    reason TEXT,
    -- The signed file: how many revisions were kept of it, and of the last one its SHA-256 and its size.
    revisions BIGINT NOT NULL,
    signed_hash BYTEA,
    signed_size BIGINT,
    PRIMARY KEY (record, number)
);
CREATE INDEX record_version_in_state ON record_version (record, state);
CREATE INDEX record_version_due ON record_version (deadline) WHERE state = 'signing';
CREATE INDEX record_version_by_document ON record_version (document_hash);
CREATE INDEX record_version_by_signed ON record_version (signed_hash);

-- A file of a version, sealed: `document` as it was frozen, `signed` with the signatures that there are.
CREATE TABLE record_file (
    record TEXT NOT NULL,
    version BIGINT NOT NULL,
    form TEXT NOT NULL,
    body BYTEA NOT NULL,
    PRIMARY KEY (record, version, form),
    FOREIGN KEY (record, version) REFERENCES record_version (record, number) ON DELETE CASCADE
);

CREATE TABLE record_signature (
    record TEXT NOT NULL,
    version BIGINT NOT NULL,
    -- Place in the order of signing, from 1.
    position BIGINT NOT NULL,
    -- Name of the field in the file.
    field TEXT NOT NULL,
    -- Who signs, sealed.
    signer BYTEA NOT NULL,
    state TEXT NOT NULL,
    level_wished TEXT NOT NULL,
    -- What was reached, and when the next try to reach more is due.
    level TEXT,
    raise_after BIGINT,
    signed_at BIGINT,
    -- What the signature was checked by, sealed.
    evidence BYTEA,
    PRIMARY KEY (record, version, position),
    FOREIGN KEY (record, version) REFERENCES record_version (record, number) ON DELETE CASCADE
);
CREATE UNIQUE INDEX record_signature_field ON record_signature (record, version, field);
CREATE INDEX record_signature_to_raise ON record_signature (raise_after) WHERE raise_after IS NOT NULL;

-- A signature that is prepared here and made elsewhere. One that is never completed leaves nothing.
CREATE TABLE record_pending (
    id TEXT NOT NULL PRIMARY KEY,
    record TEXT NOT NULL,
    version BIGINT NOT NULL,
    field TEXT NOT NULL,
    -- Revisions that the signed file had when this was prepared: with another number it no longer fits.
    base BIGINT NOT NULL,
    deadline BIGINT NOT NULL,
    body BYTEA NOT NULL,
    FOREIGN KEY (record, version) REFERENCES record_version (record, number) ON DELETE CASCADE
);
CREATE INDEX record_pending_due ON record_pending (deadline);
CREATE INDEX record_pending_of_version ON record_pending (record, version);
