# SPDX-License-Identifier: MIT
"""heard.py PORT LOG: servers of TCP and UDP on every local address; a line for what each client sent:
PROTOCOL LOCAL-ADDRESS BYTES. LOG exists when both listen; they die with their parent."""
import ctypes
import select
import signal
import socket
import sys

ctypes.CDLL(None).prctl(1, signal.SIGKILL)
port, log = int(sys.argv[1]), open(sys.argv[2] + ".new", "w")
tcp = socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True)
udp = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
udp.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
udp.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
udp.bind(("", port))
__import__("os").rename(sys.argv[2] + ".new", sys.argv[2])


def heard(protocol, address, data):
    print(protocol, address.removeprefix("::ffff:"), len(data), file=log, flush=True)


clients = []
while True:
    for s in select.select([tcp, udp] + clients, [], [])[0]:
        if s is udp:
            data, control, _, _ = udp.recvmsg(100, 100)
            heard("udp", socket.inet_ntop(socket.AF_INET6, control[0][2][:16]), data)
        elif s is tcp:
            clients.append(tcp.accept()[0])
        else:
            try:
                heard("tcp", s.getsockname()[0], s.recv(100))
            except ConnectionResetError:
                heard("tcp", s.getsockname()[0], b"")
            clients.remove(s)
            s.close()
