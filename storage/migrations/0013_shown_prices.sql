-- What a message says that its reactions cost: who reacts has been shown that price, and no other.

ALTER TABLE post ADD COLUMN retake_price INTEGER CHECK (retake_price >= 0);  -- credits
ALTER TABLE post ADD COLUMN extend_price INTEGER CHECK (extend_price >= 0);  -- credits
