-- Which premises a list shows. Every statement that has this is planned for the values it was
-- given, so what was not given costs nothing.
($1::text IS NULL OR county = $1)
AND ($2::text IS NULL OR constituency = $2)
AND ($3::text IS NULL OR ward = $3)
AND ($4::text IS NULL OR business_type = $4)
AND ($5::text IS NULL OR ownership = $5)
AND ($6::text IS NULL OR superintendent_cadre = $6)
AND ($7::boolean IS NULL OR is_tombstone = $7)
AND ($8::date IS NULL OR license_validity >= $8)
AND ($9::date IS NULL OR license_validity <= $9)
AND (NOT $10::boolean OR license_validity IS NULL)
