-- When does the period end that a moment lies in? That moment is no part of it; a rolling one ends now.
CREATE OR REPLACE FUNCTION spanledger_period_to AS (at, period, time_zone) -> if(
    period = '28d',
    toDateTime(at, 'UTC'),
    spanledger_moment(toDateTime(multiIf(
        period = 'day', toDate(spanledger_local_time(at, time_zone)) + INTERVAL 1 DAY,
        period = 'week', toMonday(spanledger_local_time(at, time_zone)) + INTERVAL 7 DAY,
        period = 'month', toStartOfMonth(spanledger_local_time(at, time_zone)) + INTERVAL 1 MONTH,
        period = 'quarter', toStartOfQuarter(spanledger_local_time(at, time_zone)) + INTERVAL 3 MONTH,
        toStartOfYear(spanledger_local_time(at, time_zone)) + INTERVAL 1 YEAR), 'UTC'), time_zone))
