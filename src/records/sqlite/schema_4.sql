-- Schema 4 adds uploads that clients were promised.

CREATE TABLE upload (
    -- Where one file may be put, once: a plan like agenda, which the journal does not tell.
    token TEXT NOT NULL PRIMARY KEY, -- the SHA-256 of the client's token, in hexadecimal
    tenant TEXT NOT NULL,            -- who asked for it
    reservation TEXT NOT NULL,       -- what the call has reserved that asked for it
    expires INTEGER NOT NULL,        -- until when the file may be begun
    address BLOB NOT NULL,           -- where it goes, encrypted with a key that follows from the token
    state TEXT NOT NULL              -- waiting, sent, done, or ended
) STRICT, WITHOUT ROWID;
CREATE INDEX upload_by_expiry ON upload (expires, state);
