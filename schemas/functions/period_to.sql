-- When does the period end that a moment lies in? That moment is no part of it; a rolling one ends now.
CREATE OR REPLACE FUNCTION spanledger_period_to AS (at, period, time_zone) -> if(
    period = '28d',
    toDateTime(at, 'UTC'),
    spanledger_moment(arrayMap(local -> toDateTime(multiIf(
        period = 'day', toDate(local) + INTERVAL 1 DAY,
        period = 'week', toMonday(local) + INTERVAL 7 DAY,
        period = 'month', toStartOfMonth(local) + INTERVAL 1 MONTH,
        period = 'quarter', toStartOfQuarter(local) + INTERVAL 3 MONTH,
        toStartOfYear(local) + INTERVAL 1 YEAR), 'UTC'), [spanledger_local_time(at, time_zone)])[1], time_zone))
