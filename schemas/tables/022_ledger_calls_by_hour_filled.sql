-- Of what was posted before this rollup was there. Runs in the background; until it is done, older parts are read row by row.
ALTER TABLE spanledger.ledger MATERIALIZE PROJECTION calls_by_hour
