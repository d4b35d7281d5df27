// Asks the read-only interface with ClickHouse's own client: node ask.js URL [key]; prints what came as JSON.
const { createClient } = require("@clickhouse/client");

const [, , url, password = ""] = process.argv;
const client = createClient({ url, password, database: "spanledger" });

async function main() {
  const found = {};
  const ask = async (query, format, query_params) =>
    (await client.query({ query, format, query_params })).json();
  found.ping = (await client.ping()).success;
  found.rows = await ask("SELECT name, duration_ns FROM spans ORDER BY name", "JSONEachRow");
  found.compact = await ask("SELECT count() FROM spans", "JSONCompactEachRow");
  found.json = (await ask("SELECT count() AS n FROM spans", "JSON")).data;
  found.params = await ask(
    "SELECT name FROM spans WHERE name = {name:String} AND duration_ns >= {least:UInt64}",
    "JSONEachRow",
    { name: "call 1", least: 1 },
  );
  found.errors = [];
  for (const query of ["SELECT nothing FROM spans", "SELECT * FROM url('http://127.0.0.1/', CSV)"]) {
    await ask(query, "JSONEachRow").catch((error) => found.errors.push(error.message));
  }
  await client.command({ query: "DROP TABLE spans" }).catch((error) => found.errors.push(error.message));
  console.log(JSON.stringify(found));
}

main().finally(() => client.close());
