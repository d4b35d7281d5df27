-- Of what was posted before these rollups were there. Runs in the background (the engine would wait by itself); until it is done,
-- older parts are read row by row.
ALTER TABLE spanledger.ledger
    MATERIALIZE PROJECTION spend_by_day,
    MATERIALIZE PROJECTION spend_by_customer_and_day,
    MATERIALIZE PROJECTION calls_by_day,
    MATERIALIZE PROJECTION durations_by_day,
    MATERIALIZE PROJECTION durations_by_hour
SETTINGS mutations_sync = 0
