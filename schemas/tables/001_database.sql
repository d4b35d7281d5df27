-- Atomic, so that the embedded engine (whose default database is an Overlay) and a server behave alike.
CREATE DATABASE IF NOT EXISTS spanledger ENGINE = Atomic
