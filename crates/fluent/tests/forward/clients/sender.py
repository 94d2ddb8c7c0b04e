"""Sends records with fluent-logger as the options in the first argument say, which are JSON."""

import json
import sys

from fluent import asyncsender, sender

options = json.loads(sys.argv[1])
kind = asyncsender.FluentSender if options["async"] else sender.FluentSender
logger = kind(
    "python",
    host="127.0.0.1",
    port=options["port"],
    nanosecond_precision=options["nanoseconds"],
)
time = 1600000000.25 if options["nanoseconds"] else 1600000000
for number in range(options["count"]):
    fields = {"number": number, "text": "grüß dich", "nested": {"list": [1, 2.5, None, True]}}
    if not logger.emit_with_time("test", time, fields) and not options["async"]:
        sys.exit(f"{number} was not sent: {logger.last_error}")
logger.close()
