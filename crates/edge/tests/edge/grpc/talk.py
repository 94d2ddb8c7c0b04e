"""A client of gRPC that does what its standard input says, line by line: `talk.py ADDRESS AUTHORITY`.

`stream TEXT` sends a message within the one stream, `call TEXT` makes a call beside it, `end` ends the stream. Each
prints what was answered.
"""

import queue
import sys

import grpc

SOON = 60


def main():
    address, authority = sys.argv[1:]
    channel = grpc.insecure_channel(address, options=[("grpc.default_authority", authority)])
    call = channel.unary_unary("/test.Test/Unary")
    messages = queue.Queue()
    stream = channel.stream_stream("/test.Test/BothStream")(iter(messages.get, None))
    for line in sys.stdin:
        order, _, text = line.strip().partition(" ")
        if order == "stream":
            messages.put(text.encode())
            print(next(stream).decode(), flush=True)
        elif order == "call":
            print(call(text.encode(), timeout=SOON, wait_for_ready=True).decode(), flush=True)
        else:
            messages.put(None)
            assert list(stream) == []
            print(stream.code(), flush=True)
            return


main()
