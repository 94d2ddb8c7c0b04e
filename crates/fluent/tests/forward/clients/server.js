// Receives records with @fluent-org/logger as the options in the first argument say, which are JSON, and
// prints each as a line of JSON, after its port.

const { FluentServer } = require("@fluent-org/logger");

const server = new FluentServer(JSON.parse(process.argv[2]));
server.on("entry", (tag, time, record) => {
  console.log(JSON.stringify({ tag, seconds: time.epoch, nanos: time.nano, record }));
});
server.listen().then(() => console.log(server.port));
