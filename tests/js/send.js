// Sends the spans of a JSON file with one of the stock exporters: node send.js http|proto|grpc URL FILE [key]
const { readFileSync } = require("node:fs");
const { SpanStatusCode } = require("@opentelemetry/api");
const { resourceFromAttributes } = require("@opentelemetry/resources");

const [, , way, url, file, compression] = process.argv;
const { OTLPTraceExporter } = require(`@opentelemetry/exporter-trace-otlp-${way}`);

const hrTime = (nanos) => [Number(BigInt(nanos) / 1000000000n), Number(BigInt(nanos) % 1000000000n)];
const resource = resourceFromAttributes({ "service.name": "js", "process.pid": 7 });
const spans = JSON.parse(readFileSync(file)).map((span) => ({
  name: span.name,
  kind: 2,
  spanContext: () => ({ traceId: span.traceId, spanId: span.spanId, traceFlags: 1 }),
  parentSpanContext: span.parentSpanId
    ? { traceId: span.traceId, spanId: span.parentSpanId, traceFlags: 1 }
    : undefined,
  startTime: hrTime(span.start),
  endTime: hrTime(span.end),
  status: { code: SpanStatusCode.OK },
  attributes: span.attributes,
  links: [],
  events: [{ time: hrTime(span.start), name: "begun", attributes: { n: 1, half: 0.5 } }],
  duration: [0, 0],
  ended: true,
  resource,
  instrumentationScope: { name: "js", version: "1" },
  droppedAttributesCount: 0,
  droppedEventsCount: 0,
  droppedLinksCount: 0,
}));

const exporter = new OTLPTraceExporter({ url, compression });
exporter.export(spans, async (result) => {
  await exporter.shutdown();
  if (result.code !== 0) {
    console.error(result.error);
    process.exit(1);
  }
});
