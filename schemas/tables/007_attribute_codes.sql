-- Which attribute a code of `column_attributes` stands for, and which column holds what it said. Codes are made of attribute and
-- column (crc32, in hex), so that they never change their meaning, and are only ever added.
CREATE TABLE spanledger.attribute_codes
(
    code   String,
    key    String,
    column String,
    type   @AttributeType
)
ENGINE = MergeTree
ORDER BY code
