-- What kind of failure was it (error_classes.yaml)? '' where the call did not fail, 'unknown' where nothing says how.
CREATE OR REPLACE FUNCTION spanledger_error_class AS (status, error_type) ->
    if(status = 'error', transform(lower(arrayElement(splitByChar('.', error_type::String), -1)), @error_types, @classes_of_error_types, 'unknown'), '')
