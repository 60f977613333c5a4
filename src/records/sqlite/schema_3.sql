-- Schema 3 adds what was told, and is to be told, about limits that are nearly used up.

CREATE TABLE alert (
    -- What a webhook is told once: a plan like agenda, which the journal does not tell.
    webhook TEXT NOT NULL,        -- its name in the configuration
    payer TEXT NOT NULL,          -- as in balance
    meter TEXT NOT NULL,          -- as in balance
    period INTEGER NOT NULL,      -- the month's start; of granted: how much is granted in all
    threshold INTEGER NOT NULL,   -- percent of the limit
    state TEXT NOT NULL,          -- pending, sent, failed, or passed: a higher one was told
    found INTEGER NOT NULL,       -- when it was crossed
    tried INTEGER NOT NULL,       -- attempts that failed
    closed INTEGER,               -- when it was sent or given up
    body TEXT NOT NULL,           -- what is told, as JSON
    PRIMARY KEY (webhook, payer, meter, period, threshold)
) STRICT, WITHOUT ROWID;
CREATE INDEX alert_by_state ON alert (state, webhook, found);
CREATE INDEX alert_by_found ON alert (found);
