-- When Dailies did not run, as far as the wall clock told at the start after it.
CREATE TABLE gap (
    began REAL PRIMARY KEY,  -- the mark that the start found
    ended REAL NOT NULL,     -- when it began
    CHECK (began < ended)
) STRICT, WITHOUT ROWID;
