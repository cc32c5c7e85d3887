#!/usr/bin/env python3
"""How long `tekio serve` lets others wait beside thousands of clients that send slowly, and come again when they are cut: the table of docs/serve.md.

    check_slow_clients.py TEKIO [--model MODEL] [--clients 600,3000,6000] [--seconds 5] [--most 1000]

For each way of being slow and each number of clients a process of its own has that many of them. After two seconds, GET /health is asked ten times a second on connections of its own; told are the
longest and the median time in ms. Longer than --most, or another answer than 200: exit code 1. It takes three minutes: have the machine quiet.
"""
import argparse
import http.client
import json
import multiprocessing
import resource
import select
import signal
import socket
import statistics
import subprocess
import sys
import time


def post(name, size, more=""):
    return f"POST /models/{name} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {size}\r\n{more}\r\n".encode()


def ways(name):
    """What a slow client sends at first, and then each half second."""
    return {
        "send a byte of a head each half second": (b"GET /health HTTP/1.1\r\nHost: localhost\r\nA: ", b"a"),
        "send a byte of a body each half second": (post(name, 1_000), b" "),
        "send 16 kB of 500 kB": (post(name, 500_000) + b" " * 16_000, b""),
        "send 48 kB of 500 kB": (post(name, 500_000) + b" " * 48_000, b""),
        "send part of a chunk that seems to be the last": (f"POST /models/{name} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n\r\n0\r\n\r\n".encode(), b""),
        "send 10 kB of chunks, and one more each half second": (f"POST /models/{name} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n".encode() + b"1\r\n \r\n" * 1_700, b"1\r\n \r\n"),
        "wait for `100 Continue`, and then send nothing": (post(name, 3, "Expect: 100-continue\r\n"), b""),
        "send nothing": (b"", b""),
    }


class Client:
    def __init__(self, port, first):
        self.socket = socket.socket()
        self.socket.setblocking(False)
        self.socket.connect_ex(("127.0.0.1", port))
        self.rest = first
        self.send()

    def send(self, more=b""):
        """As much as is taken just now; a broken connection shows when it is read."""
        self.rest += more
        try:
            self.rest = self.rest[self.socket.send(self.rest):] if self.rest else b""
        except OSError:
            pass

    def is_open(self):
        try:
            return self.socket.recv(65536) != b""
        except BlockingIOError:
            return True
        except OSError:
            return False


def be_slow(port, count, first, then):
    """Until the process is ended."""
    poll = select.epoll()
    clients = {}

    def connect():
        client = Client(port, first)
        clients[client.socket.fileno()] = client
        poll.register(client.socket, select.EPOLLIN)

    for _ in range(count):
        connect()
    while True:
        half_second = time.monotonic() + 0.5
        while (left := half_second - time.monotonic()) > 0:
            for descriptor, _ in poll.poll(left):
                if not clients[descriptor].is_open():
                    clients.pop(descriptor).socket.close()  # which the poll forgets with it
                    connect()
        for client in clients.values():
            client.send(then)


def waits(port, seconds):
    """Of requests that begin ten times a second, in ms."""
    found = []
    end = time.monotonic() + seconds
    while (begun := time.monotonic()) < end:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        connection.request("GET", "/health")
        status = connection.getresponse().status
        found.append((time.monotonic() - begun) * 1e3)
        connection.close()
        if status != 200:
            sys.exit(f"GET /health: {status}")
        time.sleep(max(0, begun + 0.1 - time.monotonic()))
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tekio")
    parser.add_argument("--model")
    parser.add_argument("--clients", type=lambda text: list(map(int, text.split(","))), default=[600, 3000, 6000])
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--most", type=float, default=1000, help="ms")
    options = parser.parse_args()
    most_files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most_files, most_files))
    server = subprocess.Popen([options.tekio, "serve", *(["--model", options.model] if options.model else []), "--port", "0", "--json", "--quiet"], stdout=subprocess.PIPE, text=True)
    told = json.loads("".join(iter(server.stdout.readline, "}\n")) + "}")
    port = int(told["url"].rsplit(":", 1)[1])
    longest = 0
    try:
        print("clients |", " | ".join(map(str, options.clients)), flush=True)
        for way, (first, then) in ways(told["models"][0]).items():
            row = []
            for count in options.clients:
                slow = multiprocessing.Process(target=be_slow, args=(port, count, first, then), daemon=True)
                slow.start()
                time.sleep(2)
                found = waits(port, options.seconds)
                slow.terminate()
                slow.join()
                longest = max(longest, *found)
                row.append(f"{max(found):.0f} ({statistics.median(found):.0f})")
            print(way, "|", " | ".join(row), flush=True)
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(60)
    return f"waited {longest:.0f} ms, expected {options.most:.0f} at most" if longest > options.most else 0


if __name__ == "__main__":
    sys.exit(main())
