-- A list of attributes as it came, less its content (D13).
CREATE OR REPLACE FUNCTION spanledger_attributes_kept AS (attributes) -> arrayFilter(a -> NOT @is_content(a.key), attributes)
