-- Why a log record or a data point of this time, as it was received then, is refused: '' where it is not. Unix nanoseconds.
CREATE OR REPLACE FUNCTION spanledger_signal_time_refusal AS (time_ns, received_ns) -> multiIf(
    time_ns = 0, 'missing_time',
    time_ns < received_ns - @limit_old_ns, 'time_too_old',
    time_ns > received_ns + @limit_future_ns, 'time_in_future',
    '')
