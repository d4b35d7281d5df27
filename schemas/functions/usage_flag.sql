-- What is wrong with a reported token count: '' where nothing is, or where none was reported.
CREATE OR REPLACE FUNCTION spanledger_usage_flag AS (name, text, tokens) -> multiIf(
    text = '' OR isNotNull(tokens), '',
    startsWith(text, '-'), concat(name, '_negative'),
    toFloat64OrZero(text) > @limit_tokens, concat(name, '_absurd'),
    concat(name, '_not_a_count'))
