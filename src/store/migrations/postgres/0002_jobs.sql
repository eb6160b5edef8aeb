-- What a job holds of people is sealed under a key of its own (`key`, itself sealed under that of the service), so a job whose row is gone is erased.
CREATE TABLE bulk_job (
    id TEXT NOT NULL PRIMARY KEY,
    tenant TEXT NOT NULL,
    state TEXT NOT NULL,
    -- What its chunks are to come to: 0 nothing, 1 looked at, 2 made.
    stage BIGINT NOT NULL,
    -- Changes when chunks are to be done again, so that what was queued before is no longer done.
    round BIGINT NOT NULL,
    -- Who plans it: the last one who has begun to.
    epoch BIGINT NOT NULL,
    -- When a chunk of it was queued last: jobs of one tenant take turns.
    turn BIGINT NOT NULL,
    -- Counts what happened to it.
    version BIGINT NOT NULL,
    dry_run BIGINT NOT NULL,
    -- Whether somebody is told of its end: 0 nobody, 1 somebody, 2 it was told.
    notify BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    -- When it was last gone on with.
    moved_at BIGINT NOT NULL,
    -- When what it does now began, and how many items were done with then.
    stage_at BIGINT,
    stage_done BIGINT NOT NULL,
    -- Items of the plan, when there is one.
    items BIGINT,
    finished_at BIGINT,
    expires_at BIGINT NOT NULL,
    problem TEXT,
    idempotency BYTEA,
    contents BYTEA,
    -- Empty: it is being erased.
    key BYTEA NOT NULL,
    head BYTEA
);
CREATE UNIQUE INDEX bulk_job_once ON bulk_job (idempotency);
CREATE INDEX bulk_job_of_tenant ON bulk_job (tenant, created_at, id);
CREATE INDEX bulk_job_in_state ON bulk_job (state);
CREATE INDEX bulk_job_to_tell ON bulk_job (id) WHERE notify = 1;
CREATE INDEX bulk_job_end ON bulk_job (expires_at);
CREATE INDEX bulk_job_at_work ON bulk_job (tenant, turn) WHERE stage > 0;

-- The list as it came, in parts.
CREATE TABLE bulk_part (
    job TEXT NOT NULL REFERENCES bulk_job (id) ON DELETE CASCADE,
    number BIGINT NOT NULL,
    body BYTEA NOT NULL,
    PRIMARY KEY (job, number)
);

CREATE TABLE bulk_chunk (
    job TEXT NOT NULL REFERENCES bulk_job (id) ON DELETE CASCADE,
    number BIGINT NOT NULL,
    first_item BIGINT NOT NULL,
    items BIGINT NOT NULL,
    -- What it has come to, and what it was queued for.
    stage BIGINT NOT NULL,
    sent BIGINT NOT NULL,
    letters BIGINT NOT NULL,
    pages BIGINT NOT NULL,
    no_letter BIGINT NOT NULL,
    invalid BIGINT NOT NULL,
    failed BIGINT NOT NULL,
    protected BIGINT NOT NULL,
    plan BYTEA NOT NULL,
    outcomes BYTEA,
    PRIMARY KEY (job, number)
);
CREATE INDEX bulk_chunk_by_item ON bulk_chunk (job, first_item);
CREATE INDEX bulk_chunk_under_way ON bulk_chunk (job) WHERE sent > stage;

CREATE TABLE bulk_documents (
    job TEXT NOT NULL REFERENCES bulk_job (id) ON DELETE CASCADE,
    number BIGINT NOT NULL,
    documents BYTEA NOT NULL,
    PRIMARY KEY (job, number)
);

-- What is told of the end of a job, and how that went. It holds ids and counts, nothing of people.
CREATE TABLE webhook (
    id TEXT NOT NULL PRIMARY KEY,
    job TEXT NOT NULL REFERENCES bulk_job (id) ON DELETE CASCADE,
    created_at BIGINT NOT NULL,
    state TEXT NOT NULL,
    attempts BIGINT NOT NULL,
    next_at BIGINT,
    body TEXT NOT NULL
);
CREATE INDEX webhook_of_job ON webhook (job, created_at);
CREATE INDEX webhook_waiting ON webhook (next_at) WHERE next_at IS NOT NULL;

CREATE TABLE webhook_attempt (
    webhook TEXT NOT NULL REFERENCES webhook (id) ON DELETE CASCADE,
    number BIGINT NOT NULL,
    at BIGINT NOT NULL,
    status BIGINT,
    failure TEXT,
    PRIMARY KEY (webhook, number)
);

-- Something sealed with the key of the store, so that one with another key is refused.
CREATE TABLE sealed_check (
    id BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    value BYTEA NOT NULL
);
