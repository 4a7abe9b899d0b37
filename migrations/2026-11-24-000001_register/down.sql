DROP FUNCTION changed_fields(jsonb, jsonb);
DROP TABLE floor_exemptions, floors, premise_changes, premises;
