-- What lists, search and counts need at a million premises (crates/store/src/reads).

-- Comes with Postgres, and trusted: the database's owner may create it.
CREATE EXTENSION IF NOT EXISTS pg_trgm;

-- One index per order of a list, read in both directions. The order by name is by code point, so
-- that it is the same on every server and serves beginnings, too; `name` itself is in the index
-- because only then can it be read without the table.
CREATE INDEX premises_by_name ON premises (lower(name) COLLATE "C", premise_id) INCLUDE (name, is_tombstone);
CREATE INDEX premises_by_validity ON premises (license_validity, premise_id, is_tombstone);
CREATE INDEX premises_by_change ON premises (changed_at, premise_id, is_tombstone);

-- Names that hold or resemble the words of a search.
CREATE INDEX premises_name_trigrams ON premises USING gin (name gin_trgm_ops);
CREATE INDEX premises_by_registration_no
    ON premises (lower(superintendent_registration_no) COLLATE "C");

-- Every field that is filtered or counted by, so that counts never read the table. Equal entries
-- share one, which keeps it small (23 MB for a million premises) enough to be read whole for a
-- filter that does not begin with the county; all are keys because included columns would prevent that.
CREATE INDEX premises_facets ON premises (
    county, constituency, ward, business_type, ownership, superintendent_cadre, license_validity, is_tombstone);

-- The few that are inactive.
CREATE INDEX premises_tombstones ON premises (premise_id) WHERE is_tombstone;
