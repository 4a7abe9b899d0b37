DROP INDEX premises_tombstones;
DROP INDEX premises_facets;
DROP INDEX premises_by_registration_no;
DROP INDEX premises_name_trigrams;
DROP INDEX premises_by_change;
DROP INDEX premises_by_validity;
DROP INDEX premises_by_name;
DROP EXTENSION pg_trgm;
