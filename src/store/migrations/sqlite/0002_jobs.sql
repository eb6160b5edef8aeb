-- What a job holds of people is sealed under a key of its own (`key`, itself sealed under that of the service), so a job whose row is gone is erased.
CREATE TABLE bulk_job (
    id TEXT NOT NULL PRIMARY KEY,
    tenant TEXT NOT NULL,
    state TEXT NOT NULL,
    -- What its chunks are to come to: 0 nothing, 1 looked at, 2 made.
    stage INTEGER NOT NULL,
    -- Changes when chunks are to be done again, so that what was queued before is no longer done.
    round INTEGER NOT NULL,
    -- Who plans it: the last one who has begun to.
    epoch INTEGER NOT NULL,
    -- When a chunk of it was queued last: jobs of one tenant take turns.
    turn INTEGER NOT NULL,
    -- Counts what happened to it.
    version INTEGER NOT NULL,
    dry_run INTEGER NOT NULL,
    -- Whether somebody is told of its end: 0 nobody, 1 somebody, 2 it was told.
    notify INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    -- When it was last gone on with.
    moved_at INTEGER NOT NULL,
    -- When what it does now began, and how many items were done with then.
    stage_at INTEGER,
    stage_done INTEGER NOT NULL,
    -- Items of the plan, when there is one.
    items INTEGER,
    finished_at INTEGER,
    expires_at INTEGER NOT NULL,
    problem TEXT,
    idempotency BLOB,
    contents BLOB,
    -- Empty: it is being erased.
    key BLOB NOT NULL,
    head BLOB
) STRICT;
CREATE UNIQUE INDEX bulk_job_once ON bulk_job (idempotency);
CREATE INDEX bulk_job_of_tenant ON bulk_job (tenant, created_at, id);
CREATE INDEX bulk_job_in_state ON bulk_job (state);
CREATE INDEX bulk_job_to_tell ON bulk_job (id) WHERE notify = 1;
CREATE INDEX bulk_job_end ON bulk_job (expires_at);
CREATE INDEX bulk_job_at_work ON bulk_job (tenant, turn) WHERE stage > 0;

-- The list as it came, in parts.
CREATE TABLE bulk_part (
    job TEXT NOT NULL REFERENCES bulk_job (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (job, number)
) STRICT;

CREATE TABLE bulk_chunk (
    job TEXT NOT NULL REFERENCES bulk_job (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    first_item INTEGER NOT NULL,
    items INTEGER NOT NULL,
    -- What it has come to, and what it was queued for.
    stage INTEGER NOT NULL,
    sent INTEGER NOT NULL,
    letters INTEGER NOT NULL,
    pages INTEGER NOT NULL,
    no_letter INTEGER NOT NULL,
    invalid INTEGER NOT NULL,
    failed INTEGER NOT NULL,
    protected INTEGER NOT NULL,
    plan BLOB NOT NULL,
    outcomes BLOB,
    PRIMARY KEY (job, number)
) STRICT;
CREATE INDEX bulk_chunk_by_item ON bulk_chunk (job, first_item);
CREATE INDEX bulk_chunk_under_way ON bulk_chunk (job) WHERE sent > stage;

CREATE TABLE bulk_documents (
    job TEXT NOT NULL REFERENCES bulk_job (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    documents BLOB NOT NULL,
    PRIMARY KEY (job, number)
) STRICT;

-- What is told of the end of a job, and how that went. It holds ids and counts, nothing of people.
CREATE TABLE webhook (
    id TEXT NOT NULL PRIMARY KEY,
    job TEXT NOT NULL REFERENCES bulk_job (id) ON DELETE CASCADE,
    created_at INTEGER NOT NULL,
    state TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    next_at INTEGER,
    body TEXT NOT NULL
) STRICT;
CREATE INDEX webhook_of_job ON webhook (job, created_at);
CREATE INDEX webhook_waiting ON webhook (next_at) WHERE next_at IS NOT NULL;

CREATE TABLE webhook_attempt (
    webhook TEXT NOT NULL REFERENCES webhook (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    at INTEGER NOT NULL,
    status INTEGER,
    failure TEXT,
    PRIMARY KEY (webhook, number)
) STRICT;

-- Something sealed with the key of the store, so that one with another key is refused.
CREATE TABLE sealed_check (
    id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    value BLOB NOT NULL
) STRICT;
