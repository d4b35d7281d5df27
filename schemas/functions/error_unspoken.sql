-- Does the type of a failure not say what kind it was (`unspoken_errors`, or one that no class knows)?
CREATE OR REPLACE FUNCTION spanledger_error_unspoken AS (error_type) -> arrayExists(
    name -> has(@unspoken_errors, name) OR NOT has(@error_types, lower(name)), [arrayElement(splitByChar('.', error_type), -1)])
