# SPDX-License-Identifier: MIT
"""replaced.py: what a program sees of its socket when another one has taken its place, and its epoll registration."""
import fcntl
import os
import select
import signal
import socket
import struct

HOST = "web.far.test"
s = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
s.settimeout(None)
linger = struct.pack("ii", 1, 7)
s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
s.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
fcntl.fcntl(s, fcntl.F_SETOWN, os.getpid())
copy = os.dup(s.fileno())
os.set_inheritable(copy, True)
e = select.epoll()
e.register(s.fileno(), select.EPOLLIN | select.EPOLLET)
e.register(copy, select.EPOLLOUT)
to = socket.getaddrinfo(HOST, 80, socket.AF_INET, socket.SOCK_STREAM)[0][4]
s.connect(to)
assert s.getpeername() == to, s.getpeername()
own = s.getsockname()
assert own[0] == "127.0.0.1" and own[1], own
assert s.getsockopt(socket.SOL_SOCKET, socket.SO_DOMAIN) == socket.AF_INET
assert s.getsockopt(socket.SOL_SOCKET, socket.SO_PROTOCOL) == socket.IPPROTO_TCP
assert s.getsockopt(socket.SOL_SOCKET, socket.SO_TYPE) == socket.SOCK_STREAM
assert s.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8) == linger
assert s.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
assert s.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1
assert s.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 8)[0] == 1
s.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 60)
s.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, 8)
assert fcntl.fcntl(s, fcntl.F_GETOWN) == os.getpid()
assert not os.get_inheritable(s.fileno()) and os.get_inheritable(copy)
events = dict(e.poll(5))
assert events.get(copy, 0) & select.EPOLLOUT, events
e.unregister(copy)
os.write(copy, b"GET / HTTP/1.0\r\n\r\n")
seen = 0
for _ in range(50):
    for fd, what in e.poll(5):
        seen |= what if fd == s.fileno() else 0
    if seen & select.EPOLLIN:
        break
assert seen & select.EPOLLIN, "the registration is lost"
data = b""
while more := s.recv(4096):
    data += more
assert b"far web server" in data
try:
    s.connect(to)
    raise AssertionError("connected twice")
except OSError as error:
    assert error.strerror == "Transport endpoint is already connected", error
print("as ever")
