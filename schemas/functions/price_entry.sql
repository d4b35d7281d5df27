-- What the price book holds for a model at a time: a tuple of input_from, minute_from, minute_to, rates (all of them lists
-- of cards), price_id, price_version. The lists are empty where the book knows nothing.
CREATE OR REPLACE FUNCTION spanledger_price_entry AS (provider, model, tier, at) ->
    dictGet('spanledger.price_book', ('input_from', 'minute_from', 'minute_to', 'rates', 'price_id', 'price_version'), (provider, model, tier), at)
