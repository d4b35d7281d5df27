-- Which model is it, whatever its release? A call that failed names the model that was asked for, gpt-4o-mini; one that was answered,
-- the release that answered, gpt-4o-mini-2024-07-18. To set one against the other, the date at the end is left out.
CREATE OR REPLACE FUNCTION spanledger_model_family AS (model) -> replaceRegexpOne(model, '[-@](20[0-9]{2}-?[0-9]{2}-?[0-9]{2}|latest)$', '')
