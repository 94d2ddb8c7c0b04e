"""Sends each line of its input, which is a record as JSON, with fluent-logger to the port in its argument."""

import json
import sys

from fluent import sender

logger = sender.FluentSender("nginx", port=int(sys.argv[1]), nanosecond_precision=True)
for line in sys.stdin:
    if not logger.emit("access", json.loads(line)):
        sys.exit(f"{line} was not sent: {logger.last_error}")
logger.close()
