-- Made from attributes.yaml by `make generate`; edit that file, not this one.
-- Does this error mean that the provider refused the call, and so did not bill it?
CREATE OR REPLACE FUNCTION spanledger_is_refusal AS (error_type) ->
    has(['RateLimitError', 'BadRequestError', 'AuthenticationError', 'PermissionDeniedError', 'NotFoundError', 'ConflictError', 'UnprocessableEntityError', 'InternalServerError', 'OverloadedError', 'ServiceUnavailableError', 'DeadlineExceededError', 'RequestTooLargeError', 'APIConnectionError', 'rate_limit_error', 'invalid_request_error', 'authentication_error', 'permission_error', 'not_found_error', 'request_too_large', 'api_error', 'overloaded_error', 'billing_error'], arrayElement(splitByChar('.', error_type), -1))
