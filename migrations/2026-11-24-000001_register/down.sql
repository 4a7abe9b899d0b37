DROP TABLE floor_exemptions, floors, premise_changes, premises;
