-- When does a clock in a time zone show this? The zone's offset is not known before the moment is: the first guess takes the offset
-- that UTC's clock would have, the second that of the guess. (Where the clock skips the time: about when it does.)
-- Lambdas hold what is used more than once: spelled out again and again, it would take longer to plan than to work out.
CREATE OR REPLACE FUNCTION spanledger_moment AS (local, time_zone) -> arrayMap(
    shown -> arrayMap(
        guess -> shown - (spanledger_local_time(guess, time_zone) - guess),
        [shown - (spanledger_local_time(shown, time_zone) - shown)])[1],
    [local])[1]
