"""A client of gRPC, with gRPC's own library: `client.py ADDRESS AUTHORITY`. Fails when anything does."""

import sys
import time

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

SOON = 60


def main():
    address, authority = sys.argv[1:]
    channel = grpc.insecure_channel(address, options=[("grpc.default_authority", authority)])
    name = "/test.Test/"
    unary = channel.unary_unary(name + "Unary")

    # One message each way, with metadata before and after it.
    answer, call = unary.with_call(b"abc", metadata=(("x-sent", "sent"),), timeout=SOON)
    assert answer == b"cba", answer
    assert dict(call.initial_metadata())["x-head"] == "sent", call.initial_metadata()
    trailers = dict(call.trailing_metadata())
    assert trailers["x-trailer"] == "1" and trailers["x-bytes-bin"] == b"\x00\xff", trailers
    assert call.code() == grpc.StatusCode.OK

    # A large one, and many at a time.
    large = bytes(range(256)) * (12 << 10)
    assert unary(large, timeout=SOON) == large[::-1]
    calls = [unary.future(str(n).encode(), timeout=SOON) for n in range(200)]
    for n, call in enumerate(calls):
        assert call.result() == str(n).encode()[::-1]

    # Streams.
    stream = channel.unary_stream(name + "ServerStream")
    assert [int(n) for n in stream(b"1000", timeout=SOON)] == list(range(1000))
    stream = channel.stream_unary(name + "ClientStream")
    assert stream((str(n).encode() for n in range(1000)), timeout=SOON) == b"499500"

    # Each message is sent when the answer to the one before has come.
    answers = []

    def messages():
        for n in range(100):
            while len(answers) < n:
                time.sleep(0.001)
            yield str(n).encode()

    for answer in channel.stream_stream(name + "BothStream")(messages(), timeout=SOON):
        answers.append(answer)
    assert answers == [b"echo %d" % n for n in range(100)], answers

    # An error, with what is told of it.
    try:
        channel.unary_unary(name + "Fail")(b"", timeout=SOON)
        raise AssertionError("it has not failed")
    except grpc.RpcError as error:
        assert error.code() == grpc.StatusCode.NOT_FOUND, error
        assert error.details() == "no such thing: 100 % \u00fc", error
        assert dict(error.trailing_metadata())["x-trailer"] == "2", error
    try:
        channel.unary_unary(name + "Unknown")(b"", timeout=SOON)
        raise AssertionError("it has not failed")
    except grpc.RpcError as error:
        assert error.code() == grpc.StatusCode.UNIMPLEMENTED, error

    # The deadline is known to the server, and holds; what was given up is given up there, too.
    left = float(channel.unary_unary(name + "TimeLeft")(b"", timeout=50))
    assert 0 < left <= 55, left
    slow = channel.unary_unary(name + "Slow")
    try:
        slow(b"", timeout=0.5)
        raise AssertionError("it has not failed")
    except grpc.RpcError as error:
        assert error.code() == grpc.StatusCode.DEADLINE_EXCEEDED, error
    slow.future(b"", timeout=SOON).cancel()
    call = slow.future(b"", timeout=SOON)
    time.sleep(0.2)
    call.cancel()
    until = time.monotonic() + SOON
    cancelled = channel.unary_unary(name + "Cancelled")
    while int(cancelled(b"", timeout=SOON)) < 2:
        assert time.monotonic() < until, "the server does not know that its calls were given up"
        time.sleep(0.05)

    health = health_pb2_grpc.HealthStub(channel)
    answer = health.Check(health_pb2.HealthCheckRequest(), timeout=SOON)
    assert answer.status == health_pb2.HealthCheckResponse.SERVING, answer
    print("all is well")


main()
