-- When does a clock in a time zone show this? The zone's offset is not known before the moment is, so the first guess, by the
-- offset a day's part off, is looked up once more. (Where the clock skips the time, the moment is the one at which it does.)
CREATE OR REPLACE FUNCTION spanledger_moment AS (local, time_zone) ->
    local - (spanledger_local_time(local - (spanledger_local_time(local, time_zone) - local), time_zone) - (local - (spanledger_local_time(local, time_zone) - local)))
