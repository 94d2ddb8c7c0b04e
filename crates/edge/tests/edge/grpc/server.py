"""A server of gRPC, with gRPC's own library. Messages are bytes, so nothing has to be generated.

It prints its port, and serves until its standard input ends.
"""

import sys
import threading
from concurrent import futures

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

cancelled = 0
lock = threading.Lock()


def unary(request, context):
    metadata = dict(context.invocation_metadata())
    context.send_initial_metadata((("x-head", metadata.get("x-sent", "")),))
    context.set_trailing_metadata((("x-trailer", "1"), ("x-bytes-bin", b"\x00\xff")))
    return request[::-1]


def server_stream(request, context):
    for n in range(int(request)):
        yield str(n).encode()


def client_stream(requests, context):
    return str(sum(int(request) for request in requests)).encode()


def both_stream(requests, context):
    for request in requests:
        yield b"echo " + request


def fail(request, context):
    context.set_trailing_metadata((("x-trailer", "2"),))
    context.abort(grpc.StatusCode.NOT_FOUND, "no such thing: 100 % \u00fc")


def slow(request, context):
    """Is over when its client has given up."""
    over = threading.Event()

    def ended():
        global cancelled
        with lock:
            cancelled += 1
        over.set()

    context.add_callback(ended)
    over.wait(60)
    return b""


def time_left(request, context):
    return str(context.time_remaining()).encode()


def how_many_cancelled(request, context):
    with lock:
        return str(cancelled).encode()


def main():
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=64))
    methods = {
        "Unary": grpc.unary_unary_rpc_method_handler(unary),
        "ServerStream": grpc.unary_stream_rpc_method_handler(server_stream),
        "ClientStream": grpc.stream_unary_rpc_method_handler(client_stream),
        "BothStream": grpc.stream_stream_rpc_method_handler(both_stream),
        "Fail": grpc.unary_unary_rpc_method_handler(fail),
        "Slow": grpc.unary_unary_rpc_method_handler(slow),
        "TimeLeft": grpc.unary_unary_rpc_method_handler(time_left),
        "Cancelled": grpc.unary_unary_rpc_method_handler(how_many_cancelled),
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Test", methods),))
    servicer = health.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)
    for line in sys.stdin:
        serving = getattr(health_pb2.HealthCheckResponse, line.strip())
        servicer.set("", serving)
        print(line.strip(), flush=True)
    server.stop(None)


main()
