-- The takes that were taken down are found without the others.
CREATE INDEX take_hidden ON take (job_id) WHERE hidden_by IS NOT NULL;
