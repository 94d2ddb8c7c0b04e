"""Receives OTLP over HTTP and reads it with the classes that OpenTelemetry generates for Python.

Each line of standard input is a JSON object: how the next request is answered, where it is not simply taken.
  {"status": 503, "retry_after": "1"}    not taken
  {"partial": 3, "message": "too old"}   taken, but for so many
  {"break": true}                        not taken, and no answer: the connection ends
Each line of standard output is one, too: first where it listens, then each request. `taken` says whether it was.
"""

import gzip
import json
import queue
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2 as metrics
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as traces

PATHS = {
    "/v1/metrics": (metrics.ExportMetricsServiceRequest, metrics.ExportMetricsServiceResponse, "rejected_data_points"),
    "/v1/traces": (traces.ExportTraceServiceRequest, traces.ExportTraceServiceResponse, "rejected_spans"),
}
answers = queue.Queue()
printing = threading.Lock()


def tell(what):
    with printing:
        print(json.dumps(what), flush=True)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        packed = self.headers.get("Content-Encoding") == "gzip"
        message, response, rejected = PATHS[self.path]
        request = message.FromString(gzip.decompress(body) if packed else body)
        try:
            answer = answers.get_nowait()
        except queue.Empty:
            answer = {}
        taken = "status" not in answer and "break" not in answer
        headers = {name.lower(): value for name, value in self.headers.items()}
        tell({"path": self.path, "headers": headers, "taken": taken, "request": MessageToDict(request)})
        if "break" in answer:
            self.close_connection = True
            return
        reply = response()
        if "partial" in answer:
            setattr(reply.partial_success, rejected, answer["partial"])
            reply.partial_success.error_message = answer.get("message", "")
        self.send_response(answer.get("status", 200))
        self.send_header("Content-Type", "application/x-protobuf")
        if "retry_after" in answer:
            self.send_header("Retry-After", answer["retry_after"])
        said = reply.SerializeToString() if taken else b""
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, *_):
        pass


def main():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    tell({"port": server.server_port})
    for line in sys.stdin:
        answers.put(json.loads(line))
        tell({"answers": answers.qsize()})


main()
