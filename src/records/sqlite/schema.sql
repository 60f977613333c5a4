-- Schema 1 of the records. SQLite keeps the comments inside each statement: `.schema` shows them.

CREATE TABLE journal (
    -- What happened, line by line; never changed. All other tables follow from it, except agenda,
    -- foreign_changes, and what later schemas add beside it: alert and upload.
    number INTEGER PRIMARY KEY,   -- from 1, without gaps
    at INTEGER NOT NULL,          -- milliseconds since 1970-01-01T00:00:00Z, like all times here
    entry TEXT NOT NULL,          -- the fact and its postings, as JSON
    hash TEXT NOT NULL,           -- SHA-256 of the hash before it and of this line, in hexadecimal
    -- Read out of the entry:
    kind TEXT GENERATED ALWAYS AS (json_extract(entry, '$.kind')) VIRTUAL,
    tenant TEXT GENERATED ALWAYS AS (json_extract(entry, '$.tenant')) VIRTUAL,
    reservation TEXT GENERATED ALWAYS AS (json_extract(entry, '$.reservation')) VIRTUAL
) STRICT;

CREATE TRIGGER journal_is_not_changed BEFORE UPDATE ON journal
BEGIN SELECT RAISE(ABORT, 'the journal is never changed'); END;

CREATE TRIGGER journal_is_not_shortened BEFORE DELETE ON journal
BEGIN SELECT RAISE(ABORT, 'the journal is never shortened'); END;

CREATE TABLE balance (
    -- What a payer has of a meter in a period.
    payer TEXT NOT NULL,          -- a tenant's id; '' is the account that all tenants share
    meter TEXT NOT NULL,          -- calls:<path>, objects:<kind>, minutes, or granted
    period INTEGER NOT NULL,      -- the month's start; 0 for what has no months
    granted INTEGER NOT NULL,     -- added to the limit
    used INTEGER NOT NULL,        -- booked for good; minutes are in milliseconds of audio
    held INTEGER NOT NULL,        -- reserved by calls that are not closed
    PRIMARY KEY (payer, meter, period)
) STRICT, WITHOUT ROWID;

CREATE TABLE period (
    -- The months of a payer that have begun to count.
    number INTEGER PRIMARY KEY,   -- in the order in which they were opened
    payer TEXT NOT NULL,          -- as in balance
    start INTEGER NOT NULL,       -- its first moment
    "end" INTEGER NOT NULL        -- the first moment of the next one
) STRICT;
CREATE INDEX period_by_payer ON period (payer);

CREATE TABLE reservation (
    -- A call that was forwarded, or was about to be.
    id TEXT NOT NULL PRIMARY KEY, -- a UUID
    opened INTEGER NOT NULL,      -- when
    state TEXT NOT NULL,          -- open, lost, bound, settled, or released
    tenant TEXT NOT NULL,         -- who made the call
    label TEXT,                   -- the tenant's label for charge-back
    key TEXT NOT NULL,            -- the id of the tenant's key
    endpoint TEXT NOT NULL,       -- the path that was called
    request TEXT NOT NULL,        -- x-request-id
    creates TEXT,                 -- the kind of object that the call creates
    minutes INTEGER,              -- milliseconds of audio held at first
    upload INTEGER NOT NULL,      -- 1: the audio comes later, by an upload
    object TEXT,                  -- the id of the object that the call created
    holds TEXT NOT NULL,          -- the postings still held, as JSON
    length INTEGER,               -- milliseconds of audio, as the upstream reports them
    billed INTEGER,               -- milliseconds of audio charged
    closed INTEGER,               -- when it was settled or released
    why TEXT                      -- on which ground
) STRICT, WITHOUT ROWID;
CREATE INDEX reservation_by_state ON reservation (state, opened);
CREATE INDEX reservation_by_opened ON reservation (opened);
CREATE INDEX reservation_by_tenant ON reservation (tenant, opened);

CREATE TABLE object (
    -- What exists upstream, and whose it is.
    id TEXT NOT NULL PRIMARY KEY, -- a UUID
    kind TEXT NOT NULL,           -- as in the contract
    holder TEXT NOT NULL,         -- {"tenant":...}, or {"shared":...}, as JSON
    reservation TEXT,             -- the reservation under which it was created
    tenant TEXT GENERATED ALWAYS AS (json_extract(holder, '$.tenant')) VIRTUAL
) STRICT, WITHOUT ROWID;
CREATE INDEX object_by_kind ON object (kind);
CREATE INDEX object_by_tenant ON object (tenant, kind);

CREATE TABLE issued_key (
    -- Keys made while the gateway ran; never the keys themselves.
    id TEXT NOT NULL PRIMARY KEY,
    tenant TEXT NOT NULL,
    sha256 TEXT NOT NULL,         -- of the key, in hexadecimal
    note TEXT NOT NULL,           -- the operator's words
    created INTEGER NOT NULL,
    expires INTEGER,              -- from when on it is refused
    revoked INTEGER,              -- when it was switched off
    successor TEXT                -- the key that takes its place
) STRICT, WITHOUT ROWID;

CREATE TABLE agenda (
    -- When the upstream is asked about a reservation: a plan, which the journal does not tell.
    reservation TEXT NOT NULL PRIMARY KEY,
    ask_at INTEGER NOT NULL,
    asked INTEGER NOT NULL        -- how often it was asked before
) STRICT, WITHOUT ROWID;
CREATE INDEX agenda_by_time ON agenda (ask_at);

CREATE TABLE foreign_changes (
    -- How often a command beside the gateway has written: the gateway watches it.
    changes INTEGER NOT NULL
) STRICT;
INSERT INTO foreign_changes VALUES (0);

CREATE VIEW journal_readable AS
    -- The journal with times and tenants for people.
    SELECT journal.number,
        strftime('%Y-%m-%dT%H:%M:%SZ', journal.at / 1000, 'unixepoch') AS time,
        journal.kind,
        coalesce(journal.tenant, reservation.tenant, json_extract(journal.entry, '$.payer'))
            AS tenant,
        journal.reservation,
        journal.entry
    FROM journal LEFT JOIN reservation ON reservation.id = journal.reservation;

CREATE VIEW balance_readable AS
    -- Balances with months and minutes for people.
    SELECT CASE payer WHEN '' THEN '(account)' ELSE payer END AS payer,
        meter,
        CASE period WHEN 0 THEN NULL
            ELSE strftime('%Y-%m-%dT%H:%M:%SZ', period / 1000, 'unixepoch') END AS month,
        CASE WHEN meter IN ('minutes', 'granted') THEN 'minutes' ELSE 'number' END AS unit,
        granted / CASE WHEN meter IN ('minutes', 'granted') THEN 60000.0 ELSE 1 END AS granted,
        used / CASE WHEN meter IN ('minutes', 'granted') THEN 60000.0 ELSE 1 END AS used,
        held / CASE WHEN meter IN ('minutes', 'granted') THEN 60000.0 ELSE 1 END AS held
    FROM balance;

CREATE VIEW reservation_readable AS
    -- Reservations with times and minutes for people.
    SELECT id, state, why, tenant, label, endpoint, request, object,
        strftime('%Y-%m-%dT%H:%M:%SZ', opened / 1000, 'unixepoch') AS opened,
        strftime('%Y-%m-%dT%H:%M:%SZ', closed / 1000, 'unixepoch') AS closed,
        minutes / 60000.0 AS held_minutes,
        length / 60000.0 AS audio_minutes,
        billed / 60000.0 AS billed_minutes
    FROM reservation;
