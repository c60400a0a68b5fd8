-- Alarms that nobody was told of yet, and limits that a server took away.

ALTER TABLE alarm ADD COLUMN told INTEGER NOT NULL DEFAULT 1 CHECK (told IN (0, 1));

ALTER TABLE server ADD COLUMN unlimited TEXT;  -- JSON: which of its limits there are none of
