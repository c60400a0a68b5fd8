-- Whether the studio may give a job to another provider, and what that changed.

ALTER TABLE job ADD COLUMN chooser TEXT;
ALTER TABLE job ADD COLUMN note    TEXT;
