-- Schema 2 adds what operators change while the gateway runs.

CREATE TABLE changed_limit (
    -- Limits of tenants that are not what the configuration says.
    tenant TEXT NOT NULL,
    name TEXT NOT NULL,           -- rate:<path>, total, calls:<path>, objects:<kind>, minutes, access
    value TEXT NOT NULL,          -- {"rate":{...}}, {"most":...} or "disabled", as JSON
    until INTEGER,                -- from when on the configuration counts again; NULL: never
    note TEXT NOT NULL,           -- the operator's words
    made INTEGER NOT NULL,
    PRIMARY KEY (tenant, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE audit (
    -- Who changed what, line by line.
    number INTEGER PRIMARY KEY,   -- from 1, without gaps
    at INTEGER NOT NULL,
    who TEXT NOT NULL,            -- token:<name> over the admin API, command:<user> at the command line
    action TEXT NOT NULL,         -- as key.issue
    tenant TEXT,                  -- the tenant that it was done to
    subject TEXT NOT NULL,        -- the key, limit or reservation
    before TEXT NOT NULL,         -- as JSON; null: it was not there
    after TEXT NOT NULL           -- as JSON; null: it is gone
) STRICT;

-- With all that a bill adds up, so that it need not look into the table.
DROP INDEX reservation_by_opened;
CREATE INDEX reservation_by_opened ON reservation (opened, tenant, state, minutes, length, billed);

CREATE INDEX reservation_by_request ON reservation (request);
