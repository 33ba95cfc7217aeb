# SPDX-License-Identifier: MIT
"""owing.py ADDRESS PORT LOG greeting|request: a SOCKS server that answers the greeting (or, with `request`, all but that
and the SOCKS4a request) only once it has seen the client's data, "question". A client that waits for it waits for ever.
Then come all replies and "answer" at once. LOG gets a line for each client: the number of segments that it sent.
"""
import socket
import struct
import sys
import threading

TCP_INFO, DATA_SEGS_IN = 11, 152
QUESTION = b"question"


def take(c, n):
    data = c.recv(n, socket.MSG_WAITALL)
    if len(data) < n:
        raise EOFError
    return data


def until_nul(c):
    while take(c, 1) != b"\0":
        pass


def request5(c):
    kind = take(c, 4)[3]
    take(c, {1: 4, 3: 0, 4: 16}[kind] or take(c, 1)[0])
    take(c, 2)


def replies(c, early):
    """Takes all that comes before the data; returns what is owed for it."""
    version, methods = take(c, 2)
    if version == 4:
        named = take(c, 6)[2:5] == bytes(3)
        until_nul(c)
        if named:
            until_nul(c)
        return b"\0\x5a" + bytes(6)
    password = 2 in take(c, methods)
    owed = bytes((5, 2 if password else 0))
    if not early:
        c.sendall(owed)
        owed = b""
    if password:
        take(c, take(c, 2)[1])
        take(c, take(c, 1)[0])
        owed += b"\1\0"
    request5(c)
    return owed + b"\5\0\0\1" + bytes(6)


def serve(c, log, early):
    with c:
        try:
            owed = replies(c, early)
            if take(c, len(QUESTION)) != QUESTION:
                return
            info = c.getsockopt(socket.IPPROTO_TCP, TCP_INFO, 256)
            print(struct.unpack_from("I", info, DATA_SEGS_IN)[0], file=log, flush=True)
            c.sendall(owed + b"answer")
        except (EOFError, OSError):
            pass


def main():
    address, port, log, what = sys.argv[1:]
    with socket.create_server((address, int(port))) as listener, open(log, "a") as out:
        while True:
            c, _ = listener.accept()
            threading.Thread(target=serve, args=(c, out, what == "greeting"), daemon=True).start()


main()
