// npm's marathon-event-bus-client: HOST PORT -> one line of JSON for each event.
const Client = require("marathon-event-bus-client");

const eventTypes = [
    "event_stream_attached", "deployment_info", "deployment_step_success", "deployment_success",
    "status_update_event", "instance_health_changed_event", "app_terminated_event",
];
const tell = (type, data) => console.log(JSON.stringify({ type, data }));
const handlers = Object.fromEntries(eventTypes.map((type) => [type, tell]));
const client = new Client({ marathonHost: process.argv[2], marathonPort: process.argv[3], eventTypes, handlers });
client.on("error", () => {});
client.subscribe();
