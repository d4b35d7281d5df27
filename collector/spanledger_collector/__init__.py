"""The collector: a front door, a spool, a forwarder, and the SQL of `schemas/` behind them."""
