-- The same as a lookup.
CREATE DICTIONARY spanledger.attribute_book
(
    code   String,
    key    String,
    column String,
    type   Int8
)
PRIMARY KEY code
SOURCE(CLICKHOUSE(DB 'spanledger' TABLE 'attribute_codes'))
LIFETIME(0)
LAYOUT(COMPLEX_KEY_HASHED())
