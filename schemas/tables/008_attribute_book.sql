-- The same as a lookup.
CREATE DICTIONARY spanledger.attribute_book
(
    code   UInt32,
    key    String,
    column String,
    type   Int8
)
PRIMARY KEY code
SOURCE(CLICKHOUSE(DB 'spanledger' TABLE 'attribute_codes'))
LIFETIME(0)
LAYOUT(HASHED())
