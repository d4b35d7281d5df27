// Sends log records and metrics, of GenAI and others, with the stock exporters: node signals.js http|proto|grpc URL compression
const { resourceFromAttributes } = require("@opentelemetry/resources");

const [, , way, address, compression] = process.argv;
const options = (signal) => ({ url: way === "grpc" ? address : `${address}/v1/${signal}`, compression });
const resource = resourceFromAttributes({ "service.name": "js" });

async function logs() {
  const { LoggerProvider, SimpleLogRecordProcessor } = require("@opentelemetry/sdk-logs");
  const { OTLPLogExporter } = require(`@opentelemetry/exporter-logs-otlp-${way}`);
  const exporter = new OTLPLogExporter(options("logs"));
  const provider = new LoggerProvider({ resource, processors: [new SimpleLogRecordProcessor({ exporter })] });
  const logger = provider.getLogger("js", "1");
  const timestamp = new Date();
  logger.emit({
    eventName: "gen_ai.evaluation.result",
    timestamp,
    severityNumber: 9,
    severityText: "INFO",
    body: { index: 0, content: "what was said" },
    attributes: { "gen_ai.evaluation.name": "Relevance", "gen_ai.evaluation.score.value": 0.5, "gen_ai.evaluation.explanation": "what was said" },
  });
  logger.emit({ timestamp, body: "some other log" });
  await provider.forceFlush();
  await provider.shutdown();
}

async function metrics() {
  const { AggregationTemporality, MeterProvider, PeriodicExportingMetricReader } = require("@opentelemetry/sdk-metrics");
  const { OTLPMetricExporter } = require(`@opentelemetry/exporter-metrics-otlp-${way}`);
  const exporter = new OTLPMetricExporter({ ...options("metrics"), temporalityPreference: AggregationTemporality.DELTA });
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3600_000 });
  const provider = new MeterProvider({ resource, readers: [reader] });
  const meter = provider.getMeter("js", "1");
  const tokens = meter.createHistogram("gen_ai.client.token.usage", { unit: "{token}" });
  for (const count of [1200, 8]) tokens.record(count, { "gen_ai.token.type": "input", "gen_ai.request.model": "gpt-4o" });
  meter.createCounter("gen_ai.calls").add(3);
  meter.createObservableGauge("gen_ai.queue").addCallback((result) => result.observe(0.5));
  meter.createCounter("http.requests").add(1);
  await provider.shutdown();
}

require("@opentelemetry/api").diag.setLogger({
  error: (...said) => {
    console.error(...said);
    process.exitCode = 1; // what an exporter says when it was refused
  },
  warn: () => {},
  info: () => {},
  debug: () => {},
  verbose: () => {},
});
Promise.all([logs(), metrics()]).catch((error) => {
  console.error(error);
  process.exit(1);
});
