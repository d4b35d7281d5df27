-- What a clock in a time zone shows at a moment, as if it were UTC. The time zone may differ from row to row.
CREATE OR REPLACE FUNCTION spanledger_local_time AS (at, time_zone) -> toDateTime(toString(toDateTime(at, 'UTC'), time_zone), 'UTC')
