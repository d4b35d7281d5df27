-- What the price book holds for a model at a time: a tuple of limits, rates (both of all its cards), price_id, price_version.
-- The lists are empty where the book knows nothing. Few, because each is looked up by itself.
CREATE OR REPLACE FUNCTION spanledger_price_entry AS (provider, model, tier, at) ->
    dictGet('spanledger.price_book', ('limits', 'rates', 'price_id', 'price_version'), (provider, model, tier), at)
