"""Takes webhooks, says what came, and whether the signature fits: a line of JSON for each."""

import hashlib
import hmac
import http.server
import json
import sys
import time

SECRET = b"open sesame"
# The answers to the first requests; the ones after them are taken.
refusals = [int(status) for status in sys.argv[1:]]


def signature_fits(headers, body):
    parts = dict(part.split("=", 1) for part in headers["Launcher-Signature"].split(","))
    wanted = hmac.new(SECRET, f"{parts['t']}.".encode() + body, hashlib.sha256).hexdigest()
    fresh = abs(time.time() - int(parts["t"])) < 300
    return fresh and hmac.compare_digest(wanted, parts["v1"])


class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        told = {"path": self.path, "body": json.loads(body), "id": self.headers["Launcher-Event-Id"]}
        if "Launcher-Signature" in self.headers:
            told["fits"] = signature_fits(self.headers, body)
        told["status"] = status = refusals.pop(0) if refusals else 200
        print(json.dumps(told), flush=True)
        self.send_response(status)
        self.send_header("Content-Length", "0")
        if status == 302:
            self.send_header("Location", "/elsewhere")
        self.end_headers()

    def log_message(self, *_):
        pass


server = http.server.HTTPServer(("127.0.0.1", 0), Receiver)
print(json.dumps({"port": server.server_port}), flush=True)
server.serve_forever()
