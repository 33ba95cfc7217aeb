# SPDX-License-Identifier: MIT
"""fakesocks.py ADDRESS PORT LOG [OPTION…]: a SOCKS4a and 5 server that reaches nobody, and lies on request.

After a granted request it is itself the web server: the page has the known body. LOG gets a line for each message of
each client: "greeting HEX", "auth USER PASSWORD" (percent-encoded), "request COMMAND DESTINATION PORT",
"socks4 COMMAND DESTINATION PORT USER".
"""
import argparse
import socket
import struct
import sys
import threading
import time
import urllib.parse

quote = urllib.parse.quote_from_bytes


def read_options():
    p = argparse.ArgumentParser()
    p.add_argument("address")
    p.add_argument("port", type=int)
    p.add_argument("log")
    p.add_argument("--method", default="00", help="method chosen, hex")
    p.add_argument("--auth-status", default="00", help="answer to user and password, hex")
    p.add_argument("--auth-version", type=int, default=1, help="version of that answer: 1 by RFC 1929")
    p.add_argument("--rep", default="00", help="SOCKS5 reply code, hex")
    p.add_argument("--bound", default="0100000000" "0000", help="type, address and port of the reply, hex")
    p.add_argument("--code4", default="5a", help="SOCKS4 reply code, hex")
    p.add_argument("--first", help="hex that is sent instead of the first answer, before closing")
    p.add_argument("--cut", type=int, help="only so many bytes of the last reply, then close")
    p.add_argument("--close", help="close instead of answering: greeting, auth or request")
    p.add_argument("--hang", help="never answer: greeting, auth or request; reply: what --cut leaves of it, and no more")
    p.add_argument("--twice", action="store_true", help="answer the greeting twice")
    p.add_argument("--reset", action="store_true", help="close with a reset, always")
    p.add_argument("--slow", action="store_true", help="byte by byte")
    p.add_argument("--tail", default="", help="text of the destination, in the same segment as the reply")
    return p.parse_args()


class Stop(Exception):
    pass


class Client:
    def __init__(self, options, log, c):
        self.o, self.log, self.c = options, log, c
        self.f = c.makefile("rb")

    def need(self, n):
        data = self.f.read(n)
        if len(data) < n:
            raise Stop
        return data

    def until_nul(self):
        data = bytearray()
        while (byte := self.need(1)) != b"\0":
            data += byte
        return bytes(data)

    def say(self, *words):
        print(*words, file=self.log, flush=True)

    def send(self, data):
        if not self.o.slow:
            self.c.sendall(data)
            return
        for i in range(len(data)):
            self.c.sendall(data[i : i + 1])
            time.sleep(0.005)  # what slow means; nothing is judged by it

    def maybe(self, where):
        if self.o.close == where:
            raise Stop
        if self.o.hang == where:
            while self.f.read1(4096):
                pass
            raise Stop

    def finish(self, reply, granted):
        self.maybe("request")
        self.send(reply[: self.o.cut] + (self.o.tail.encode() if granted else b""))
        self.maybe("reply")
        if not granted or self.o.cut is not None:
            raise Stop

    def socks4(self):
        command, port, address = struct.unpack("!BH4s", self.need(7))
        user = self.until_nul()
        if address[:3] == b"\0\0\0" and address[3]:
            to = self.until_nul().decode("latin-1")
        else:
            to = socket.inet_ntoa(address)
        self.say("socks4", command, to, port, quote(user))
        self.finish(b"\0" + bytes.fromhex(self.o.code4) + bytes(6), self.o.code4 == "5a")

    def socks5(self):
        methods = self.need(self.need(1)[0])
        self.say("greeting", "05%02x" % len(methods) + methods.hex())
        self.maybe("greeting")
        self.send((b"\5" + bytes.fromhex(self.o.method)) * (1 + self.o.twice))
        if self.o.method == "02":
            self.need(1)
            user = self.need(self.need(1)[0])
            password = self.need(self.need(1)[0])
            self.say("auth", quote(user), quote(password))
            self.maybe("auth")
            self.send(bytes([self.o.auth_version]) + bytes.fromhex(self.o.auth_status))
        _, command, _, kind = self.need(4)
        if kind == 3:
            to = self.need(self.need(1)[0]).decode("latin-1")
        else:
            to = socket.inet_ntop(*((socket.AF_INET, self.need(4)) if kind == 1 else (socket.AF_INET6, self.need(16))))
        port = struct.unpack("!H", self.need(2))[0]
        self.say("request", command, to, port)
        self.finish(b"\5" + bytes.fromhex(self.o.rep) + b"\0" + bytes.fromhex(self.o.bound), self.o.rep == "00")

    def talk(self):
        version = self.need(1)
        if self.o.first:
            self.send(bytes.fromhex(self.o.first))
            raise Stop
        if version == b"\4":
            self.socks4()
        else:
            self.socks5()
        while self.f.readline().strip():
            pass
        self.c.sendall(b"HTTP/1.0 200 OK\r\nConnection: close\r\n\r\nfar web server\n")

    def run(self):
        try:
            if self.o.reset:
                self.c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            with self.c, self.f:
                self.talk()
        except (Stop, OSError):
            pass


def main():
    options = read_options()
    log = open(options.log, "a")
    s = socket.create_server((options.address, options.port), backlog=256)
    while True:
        c, _ = s.accept()
        c.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=Client(options, log, c).run, daemon=True).start()


sys.exit(main())
