-- Of what was posted before this index was there. Runs in the background; until it is done, older parts are read row by row.
ALTER TABLE spanledger.ledger MATERIALIZE INDEX by_reason SETTINGS mutations_sync = 0
