# SPDX-License-Identifier: MIT
"""dns.py LOG ADDRESS=ANSWERS…: a resolver on each ADDRESS, UDP and TCP port 53, that logs every question.

ANSWERS is "A,AAAA", given for every name that is asked, or a file like /etc/hosts.
A line of LOG is: PEER LOCAL NAME TYPE TRANSPORT; LOG exists as soon as all sockets listen.
"""
import ipaddress
import os
import socket
import struct
import sys
import threading

A, PTR, AAAA = 1, 12, 28


def read_hosts(path):
    table = {}
    for line in open(path, encoding="ascii", errors="replace"):
        words = line.split("#")[0].split()
        for name in words[1:]:
            table.setdefault(name.lower(), []).append(ipaddress.ip_address(words[0]))
    return table


def question(message):
    labels, at = [], 12
    while message[at]:
        labels.append(message[at + 1 : at + 1 + message[at]].decode("ascii", "replace"))
        at += 1 + message[at]
    return ".".join(labels), struct.unpack_from("!H", message, at + 1)[0], at + 5


class Resolver:
    def __init__(self, log, local, answers):
        self.log, self.local = log, local
        self.table = read_hosts(answers) if answers.startswith("/") else None
        self.always = [] if self.table is not None else [ipaddress.ip_address(a) for a in answers.split(",")]

    def answer(self, message, peer, transport):
        name, kind, end = question(message)
        print(peer, self.local, name or ".", kind, transport, file=self.log, flush=True)
        found = self.always if self.table is None else self.table.get(name.lower())
        records = []
        for address in found or []:
            if kind == (A if address.version == 4 else AAAA):
                records.append(address.packed)
        if kind == PTR and self.always:
            records.append(b"\x05decoy\x04test\x00")
        code = 0 if found is not None else 3
        header = message[:2] + struct.pack("!HHHHH", 0x8580 | code, 1, len(records), 0, 0)
        body = b"".join(b"\xc0\x0c" + struct.pack("!HHIH", kind, 1, 60, len(r)) + r for r in records)
        return header + message[12:end] + body

    def udp(self, s):
        while True:
            message, peer = s.recvfrom(4096)
            try:
                s.sendto(self.answer(message, peer[0], "udp"), peer)
            except (IndexError, struct.error, OSError) as error:
                print(peer[0], self.local, "?", error, "udp", file=self.log, flush=True)

    def tcp(self, s):
        while True:
            c, peer = s.accept()
            threading.Thread(target=self.talk, args=(c, peer[0]), daemon=True).start()

    def talk(self, c, peer):
        with c, c.makefile("rb") as f:
            while len(head := f.read(2)) == 2:
                reply = self.answer(f.read(int.from_bytes(head, "big")), peer, "tcp")
                c.sendall(len(reply).to_bytes(2, "big") + reply)


def main():
    log = open(sys.argv[1] + ".new", "w")
    threads = []
    for pair in sys.argv[2:]:
        local, answers = pair.split("=", 1)
        resolver = Resolver(log, local, answers)
        u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        u.bind((local, 53))
        t = socket.create_server((local, 53))
        threads += [threading.Thread(target=resolver.udp, args=(u,)), threading.Thread(target=resolver.tcp, args=(t,))]
    for thread in threads:
        thread.start()
    os.rename(sys.argv[1] + ".new", sys.argv[1])


main()
