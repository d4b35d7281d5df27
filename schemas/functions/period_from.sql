-- When did the period begin that a moment lies in? `28d` is rolling, and begins with an hour; the others are calendar periods.
CREATE OR REPLACE FUNCTION spanledger_period_from AS (at, period, time_zone) -> if(
    period = '28d',
    toStartOfHour(toDateTime(at, 'UTC') - INTERVAL 28 DAY + INTERVAL 3599 SECOND),
    spanledger_moment(arrayMap(local -> toDateTime(multiIf(
        period = 'day', toDate(local),
        period = 'week', toMonday(local),
        period = 'month', toStartOfMonth(local),
        period = 'quarter', toStartOfQuarter(local),
        toStartOfYear(local)), 'UTC'), [spanledger_local_time(at, time_zone)])[1], time_zone))
