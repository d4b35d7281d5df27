-- Which list prices changed in a range of time? One row a model and moment from which the price book, in its edition in force,
-- has another rate for it than just before. Of the models that were called in the range or the 30 days before it.
-- USD per million tokens, of the tokens that are not cached; NULL where the book has no such rate.
CREATE OR REPLACE VIEW spanledger.price_changes AS
SELECT valid_from AS time, provider, model, input_before, input_uncached AS input_now, output_before, output_text AS output_now
FROM
(
    SELECT *,
        lagInFrame(input_uncached) OVER terms AS input_before, lagInFrame(output_text) OVER terms AS output_before,
        row_number() OVER terms AS place
    FROM
    (
        SELECT provider::String AS provider, model, valid_from, input_uncached, output_text
        FROM spanledger.prices
        WHERE price_id != '' AND service_tier = '' AND minute_from = 0 AND input_from = 0
          AND (provider, model, recorded_at) IN (SELECT provider, model, max(recorded_at) FROM spanledger.prices WHERE service_tier = '' GROUP BY provider, model)
          AND (provider, model) IN (
              SELECT provider::String, model::String FROM spanledger.ledger
              WHERE hour >= toStartOfHour({from:DateTime('UTC')}) - INTERVAL 30 DAY AND hour < {to:DateTime('UTC')}
                AND (empty({project:String}) OR project = {project:String})
              GROUP BY provider, model)
    )
    WINDOW terms AS (PARTITION BY provider, model ORDER BY valid_from ROWS BETWEEN 1 PRECEDING AND CURRENT ROW)
)
WHERE place > 1 AND time >= {from:DateTime('UTC')} AND time < {to:DateTime('UTC')}
  AND (input_before IS DISTINCT FROM input_now OR output_before IS DISTINCT FROM output_now)
