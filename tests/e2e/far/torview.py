# SPDX-License-Identifier: MIT
"""torview.py ADDRESS PORT CONTROL LIE: a SOCKS5 server that reaches nobody, with a Tor's control port on the Unix socket
CONTROL, which tells of its streams: all as they are (none), nothing (missing), another target (target), another source
port (source), one that was never asked for, of a connection that asks for nothing (more); or it hangs up (gone)."""
import os
import socket
import sys
import threading

ADDRESS, PORT, CONTROL, LIE = sys.argv[1:]
controllers, lock, number = [], threading.Lock(), [0]


def control(client):
    for line in client.makefile():
        if line.startswith("PROTOCOLINFO"):
            answer = '250-PROTOCOLINFO 1\r\n250-AUTH METHODS=NULL\r\n250-VERSION Tor="0.4.9.1"\r\n250 OK\r\n'
        elif line.startswith("GETINFO version"):
            answer = "250-version=0.4.9.1\r\n250 OK\r\n"
        else:
            answer = "250 OK\r\n"
        with lock:
            client.sendall(answer.encode())
            if line.startswith("SETEVENTS"):
                controllers.append(client)


def tell(peer, target):
    with lock:
        number[0] += 1
        for c in controllers:
            if LIE == "gone":
                c.shutdown(socket.SHUT_RDWR)
            elif LIE != "missing":
                c.sendall(("650 STREAM %d NEW 0 %s SOURCE_ADDR=%s:%d PURPOSE=USER\r\n" % (
                    number[0], "other.test:1" if LIE == "target" else target, peer[0],
                    peer[1] % 60000 + 1 if LIE == "source" else peer[1])).encode())


def serve(client, peer):
    if LIE == "more":
        tell(peer, "never.asked.test:80")
    f = client.makefile("rb")
    if f.read(1) != b"\5":
        return
    f.read(f.read(1)[0])
    client.sendall(b"\5\0")
    kind = f.read(4)[3]
    host = socket.inet_ntoa(f.read(4)) if kind == 1 else f.read(f.read(1)[0]).decode()
    if LIE != "more":
        tell(peer, "%s:%d" % (host, int.from_bytes(f.read(2), "big")))
    client.sendall(b"\5\0\0\1" + bytes(6))
    f.read()


def accept(listener, each):
    while True:
        client, peer = listener.accept()
        threading.Thread(target=each, args=(client, peer)[:each.__code__.co_argcount], daemon=True).start()


local = socket.socket(socket.AF_UNIX)
local.bind(CONTROL)
os.chmod(CONTROL, 0o666)
local.listen()
threading.Thread(target=accept, args=(local, control), daemon=True).start()
accept(socket.create_server((ADDRESS, int(PORT))), serve)
