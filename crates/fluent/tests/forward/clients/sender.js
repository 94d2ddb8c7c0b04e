// Sends records with @fluent-org/logger as the options in the first argument say, which are JSON.

const { FluentClient, EventTime } = require("@fluent-org/logger");

const { count, client } = JSON.parse(process.argv[2]);
const logger = new FluentClient("node", { ...client, flushInterval: 20 });
logger.socketOn("error", error => {
  console.error(`${error}`);
  process.exit(1);
});

async function main() {
  const sent = [];
  for (let number = 0; number < count; number++) {
    const time = new EventTime(1600000000, 250000000);
    sent.push(logger.emit("test", { number, text: "grüß dich" }, time));
  }
  // With acknowledgements each of these waits for its own.
  await Promise.all(sent);
  await logger.disconnect();
  process.exit(0);
}

main().catch(error => {
  console.error(`${error}`);
  process.exit(1);
});
