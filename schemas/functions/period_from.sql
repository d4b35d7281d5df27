-- When did the period begin that a moment lies in? `28d` is rolling, and begins with an hour; the others are calendar periods.
CREATE OR REPLACE FUNCTION spanledger_period_from AS (at, period, time_zone) -> if(
    period = '28d',
    toStartOfHour(toDateTime(at, 'UTC') - INTERVAL 28 DAY + INTERVAL 3599 SECOND),
    spanledger_moment(toDateTime(multiIf(
        period = 'day', toDate(spanledger_local_time(at, time_zone)),
        period = 'week', toMonday(spanledger_local_time(at, time_zone)),
        period = 'month', toStartOfMonth(spanledger_local_time(at, time_zone)),
        period = 'quarter', toStartOfQuarter(spanledger_local_time(at, time_zone)),
        toStartOfYear(spanledger_local_time(at, time_zone))), 'UTC'), time_zone))
