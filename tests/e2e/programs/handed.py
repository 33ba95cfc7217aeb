# SPDX-License-Identifier: MIT
"""handed.py ADDRESS WRAP...: hands sockets to a program under WRAP, by inheritance and by message, and prints what the
program can do with them. The connections to ADDRESS are made here, past any proxy."""
import os
import socket
import subprocess
import sys

ASK = b"GET / HTTP/1.0\r\n\r\n"


def page(s):
    s.settimeout(10)
    try:
        s.sendall(ASK)
        data = b""
        while more := s.recv(4096):
            data += more
        return "page" if b"far web server" in data else "no page"
    except OSError as e:
        return f"dead ({e.strerror})"


def files():
    return sorted(os.listdir("/proc/self/fd"))


def child(direct, datagrams, inside, outside, channel):
    """In the session: descriptor numbers of what was inherited."""
    print("inherited connection:", page(socket.socket(fileno=direct)))
    try:
        os.write(datagrams, b"leak")
        print("inherited datagrams: sent")
    except OSError as e:
        print("inherited datagrams:", e.strerror)
    print("inetd:", os.write(inside, b"hello\n"))
    listener = socket.socket(fileno=outside)
    listener.settimeout(10)
    peer, address = listener.accept()
    print("accepted:", address[0], peer.recv(100).decode())
    before = files()
    channel = socket.socket(fileno=channel)
    data, fds, _, _ = socket.recv_fds(channel, 100, 4)
    print("message:", data.decode(), len(fds), "descriptors, more files:", len(files()) - len(before))
    print("received connection:", page(socket.socket(fileno=fds[0])))
    os.write(fds[1], b"over the pipe\n")
    for fd in fds[1:]:
        os.close(fd)
    sys.stdout.flush()


def main(address, *wrap):
    direct = socket.create_connection((address, 80), 10)
    direct2 = socket.create_connection((address, 80), 10)
    datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    datagrams.connect((address, 9))
    server = socket.create_server(("127.0.0.1", 0))
    client = socket.create_connection(server.getsockname())
    inside, _ = server.accept()
    outside = socket.create_server(("", 0))
    port = outside.getsockname()[1]
    stranger = socket.create_connection(("192.0.2.2", port))
    stranger.sendall(b"stranger")
    friend = socket.create_connection(("127.0.0.1", port))
    friend.sendall(b"friend")
    ours, channel = socket.socketpair()
    reader, writer = os.pipe()
    socket.send_fds(ours, [b"two"], [direct2.fileno(), writer])
    given = [direct, datagrams, inside, outside, channel]
    numbers = [s.fileno() for s in given]
    subprocess.run([*wrap, sys.executable, __file__, "child", *map(str, numbers)], pass_fds=numbers, check=True)
    print("heard:", client.recv(100).decode().strip(), "and", os.read(reader, 100).decode().strip())
    stranger.settimeout(10)
    try:
        print("stranger:", "closed" if stranger.recv(100) == b"" else "served")
    except ConnectionResetError:
        print("stranger: closed")
    print("our own ends:", page(direct), page(direct2))


if sys.argv[1] == "child":
    child(*map(int, sys.argv[2:]))
else:
    main(*sys.argv[1:])
