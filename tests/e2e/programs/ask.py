#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# ask.py WAY SERVER NAME [TYPE]: one DNS question with sockets, in one of the ways that programs have. Prints the address
# in the answer (or how many records it has) and where it came from.
import errno
import ipaddress
import select
import socket
import struct
import sys

way, server, name = sys.argv[1:4]
type_ = int(sys.argv[4]) if len(sys.argv) > 4 else 1
family = socket.AF_INET6 if ":" in server else socket.AF_INET
to = (server, 53)
message = struct.pack("!HHHHHH", 0x1234, 0x100, 1, 0, 0, 0)
message += b"".join(bytes([len(p)]) + p.encode() for p in name.split(".")) + b"\0" + struct.pack("!HH", type_, 1)


def show(answer, source):
    assert answer[:2] == b"\x12\x34" and answer[2] & 0x80, answer
    records = struct.unpack("!H", answer[6:8])[0]
    at = len(message) + 12
    data = answer[at:] if records else b""
    what = str(ipaddress.ip_address(data)) if len(data) in (4, 16) else f"rcode {answer[3] & 15}, {records} records"
    print(what, source[0], source[1])


def datagram():
    s = socket.socket(family, socket.SOCK_DGRAM)
    s.settimeout(5)
    return s


def stream():
    s = socket.socket(family, socket.SOCK_STREAM)
    s.settimeout(5)
    return s


def exactly(s, n):
    data = b""
    while len(data) < n:
        more = s.recv(n - len(data))
        assert more
        data += more
    return data


def from_stream(s):
    show(exactly(s, struct.unpack("!H", exactly(s, 2))[0]), s.getpeername())


def run():
    framed = struct.pack("!H", len(message)) + message
    if way == "unconnected":
        s = datagram()
        s.sendto(message, to)
        show(*s.recvfrom(4096))
    elif way == "connected":
        s = datagram()
        s.connect(to)
        assert s.getpeername()[:2] == to
        s.send(message)
        show(*s.recvfrom(4096))
    elif way == "sendmsg":
        s = datagram()
        s.sendmsg([message[:5], message[5:]], [], 0, to)
        data, _, flags, source = s.recvmsg(4096)
        assert not flags & socket.MSG_TRUNC
        show(data, source)
    elif way == "two-servers":
        s = datagram()
        s.sendto(message, ("192.0.2.250", 53))
        s.sendto(message, to)
        show(*s.recvfrom(4096))
        show(*s.recvfrom(4096))
    elif way == "bound":
        s = datagram()
        s.bind(("", 0))
        s.sendto(message, to)
        show(*s.recvfrom(4096))
    elif way == "epoll":
        s = datagram()
        s.setblocking(False)
        e = select.epoll()
        e.register(s, select.EPOLLIN | select.EPOLLET)
        s.connect(to)
        try:
            s.recv(100)
            print("something before the question")
        except BlockingIOError:
            pass
        s.send(message)
        assert e.poll(5)
        show(s.recv(4096, socket.MSG_PEEK), s.getpeername())
        show(s.recv(4096), s.getpeername())
        try:
            s.recv(100)
            print("two answers")
        except BlockingIOError:
            pass
    elif way == "trunc":
        s = datagram()
        s.connect(to)
        s.send(message)
        data, _, flags, source = s.recvmsg(20)
        print(len(data), bool(flags & socket.MSG_TRUNC), *source[:2])
    elif way == "garbage":
        s = datagram()
        s.connect(to)
        s.send(b"what")
        s.send(message)
        show(*s.recvfrom(4096))
    elif way == "again":
        s = datagram()
        for _ in range(3):
            s.connect(to)
            s.send(message)
            show(*s.recvfrom(4096))
    elif way == "tcp":
        s = stream()
        s.connect(to)
        s.sendall(framed)
        from_stream(s)
    elif way == "tcp-nonblocking":
        s = stream()
        s.setblocking(False)
        error = s.connect_ex(to)
        if error not in (0, errno.EINPROGRESS):
            raise OSError(error, "connect")
        assert select.select([], [s], [], 5)[1]
        assert s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0
        s.sendall(framed)
        assert select.select([s], [], [], 5)[0]
        n = struct.unpack("!H", s.recv(2))[0]
        assert select.select([s], [], [], 5)[0], "the rest cannot be read"
        show(s.recv(n), s.getpeername())
        assert not select.select([s], [], [], 0)[0]
    elif way == "tcp-pieces":
        s = stream()
        s.connect(to)
        s.sendall(framed[:1])
        s.sendall(framed[1:7])
        s.sendall(framed[7:] + framed)
        from_stream(s)
        data = b"".join(exactly(s, 1) for _ in range(2))
        show(exactly(s, struct.unpack("!H", data)[0]), s.getpeername())
        s.shutdown(socket.SHUT_WR)
        assert s.recv(10) == b""


try:
    run()
except OSError as e:
    print(errno.errorcode.get(e.errno, e))
    sys.exit(1)
