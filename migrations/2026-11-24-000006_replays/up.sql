-- Who settled a dead letter, by replay or discard, when and why. One that died again after that is
-- open and still tells of its last settlement.

ALTER TABLE dead_letters
    ADD COLUMN settled_by text,
    ADD COLUMN settled_at timestamptz,
    ADD COLUMN settled_reason text;

CREATE INDEX dead_letters_of_premise ON dead_letters (premise_id);
