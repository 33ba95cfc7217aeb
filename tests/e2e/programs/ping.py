# SPDX-License-Identifier: MIT
"""ping.py ADDRESS: one ICMP echo request by an unprivileged socket; says what became of it."""
import socket
import sys

six = ":" in sys.argv[1]
family = socket.AF_INET6 if six else socket.AF_INET
proto = socket.IPPROTO_ICMPV6 if six else socket.IPPROTO_ICMP
with socket.socket(family, socket.SOCK_DGRAM, proto) as s:
    s.sendto((b"\x80" if six else b"\x08") + bytes(7) + b"ping", (sys.argv[1], 0))
print("sent")
