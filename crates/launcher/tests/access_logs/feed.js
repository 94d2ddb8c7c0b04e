// Sends each line of its input, which is a record as JSON, with @fluent-org/logger as the options in the first
// argument say, and waits for each acknowledgement.

const { FluentClient, EventTime } = require("@fluent-org/logger");

const logger = new FluentClient("nginx", { ...JSON.parse(process.argv[2]), flushInterval: 20 });
const fail = error => {
  console.error(`${error}`);
  process.exit(1);
};
logger.socketOn("error", fail);

async function main() {
  const input = require("fs").readFileSync(0, "utf8");
  const records = input.split("\n").filter(Boolean).map(line => JSON.parse(line));
  await Promise.all(records.map(record => logger.emit("access", record, EventTime.now())));
  await logger.disconnect();
  process.exit(0);
}

main().catch(fail);
