-- How were answers judged? One row a result of an evaluation (event gen_ai.evaluation.result) in a range of time. The reasons that an
-- evaluator gives are content, and not here.
CREATE OR REPLACE VIEW spanledger.evaluations AS
SELECT
    project::String AS project, timestamp, trace_id, span_id, service_name::String AS service_name,
    attributes['gen_ai.evaluation.name'] AS evaluation, toFloat64OrNull(attributes['gen_ai.evaluation.score.value']) AS score,
    attributes['gen_ai.evaluation.score.label'] AS label, attributes['gen_ai.response.id'] AS response_id, attributes['error.type'] AS error_type
FROM spanledger.gen_ai_events
WHERE name = 'gen_ai.evaluation.result' AND timestamp >= {from:DateTime('UTC')} AND timestamp < {to:DateTime('UTC')}
  AND (empty({project:String}) OR project = {project:String})
ORDER BY timestamp, trace_id, span_id, evaluation
