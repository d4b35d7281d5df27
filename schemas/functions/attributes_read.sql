-- A list of attributes, read: key, text, type, and the number of the field that each feeds (attributes.yaml; 0 for none).
-- Content and delivery stamps are left behind (D12, D13).
CREATE OR REPLACE FUNCTION spanledger_attributes_read AS (attributes) -> arrayFilter(
    a -> a.4 != @left_behind,
    arrayMap(a -> (a.key, spanledger_attribute_text(a.value), a.value.value, @number(a.key)), attributes))
