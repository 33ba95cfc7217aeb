# SPDX-License-Identifier: MIT
"""servers.py WWW LOG DECOY…: the servers of the far side, on every address.

 80    web: / (a known body, whatever its query; "decoy" on a DECOY address), /big (100 MiB), /peer (the client's address), POST /echo,
       and the files below WWW
 7001  speaks first, then repeats one line
 7002  half-close: answers with the number of bytes it read, only after it has seen the end
 7003  never answers
 7004  echo
 7005  closes with a reset as soon as it has read something
 6667  IRC, as much as a client needs to come and go
LOG gets a line for each web request: LOCAL HOST METHOD PATH, and for who leaves IRC: LOCAL irc QUIT :WORDS; it exists as
soon as all sockets listen.
"""
import functools
import hashlib
import http.server
import os
import random
import socket
import struct
import sys
import threading

WWW, LOG, DECOYS = sys.argv[1], sys.argv[2], sys.argv[3:]
BIG, BLOCK = 100 << 20, random.Random(1).randbytes(1 << 20)
log = open(LOG + ".new", "w")


def plain(address):
    return address.removeprefix("::ffff:")


def big():
    """The blocks of /big: all different, so that a lost or a doubled one shows."""
    for i in range(BIG // len(BLOCK)):
        yield struct.pack("!Q", i) + BLOCK[8:]


@functools.cache
def big_sum():
    h = hashlib.sha256()
    for block in big():
        h.update(block)
    return h.hexdigest()


class Web(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "far"

    def __init__(self, *args):
        super().__init__(*args, directory=WWW)

    def log_message(self, format, *args):
        pass

    def log_request(self, code="-", size="-"):
        local = plain(self.connection.getsockname()[0])
        print(local, self.headers.get("Host", "-"), self.command, self.path, file=log, flush=True)

    def reply(self, body):
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        if plain(self.connection.getsockname()[0]) in DECOYS:
            self.reply(b"decoy\n")
        elif self.path.split("?")[0] == "/":
            self.reply(b"far web server\n")
        elif self.path == "/peer":
            self.reply(plain(self.client_address[0]).encode() + b"\n")
        elif self.path == "/big.sha256":
            self.reply(big_sum().encode() + b"\n")
        elif self.path == "/big":
            self.send_response(200)
            self.send_header("Content-Length", str(BIG))
            self.end_headers()
            for block in big():
                self.wfile.write(block)
        else:
            super().do_GET()

    def do_POST(self):
        self.reply(self.rfile.read(int(self.headers["Content-Length"])))


class WebServer(http.server.ThreadingHTTPServer):
    request_queue_size = 1024

    def handle_error(self, request, client_address):
        pass  # a client that went away


def first(c, f):
    c.sendall(b"220 server speaks first\n")
    c.sendall(b"you said: " + f.readline())


def half_close(c, f):
    c.sendall(b"got %d bytes\n" % len(f.read()))


def never(c, f):
    while f.read1(65536):
        pass


def echo(c, f):
    while data := f.read1(65536):
        c.sendall(data)


def reset(c, f):
    f.read1(65536)
    c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def irc(c, f):
    for line in f:
        word, _, rest = line.decode().strip().partition(" ")
        if line.startswith(b"CAP LS"):
            c.sendall(b":far CAP * LS :\r\n")
        elif word == "NICK":
            nick = rest
        elif word == "USER":
            c.sendall(f":far 001 {nick} :welcome\r\n:far 422 {nick} :nothing today\r\n".encode())
        elif word == "PING":
            c.sendall(f":far PONG far {rest}\r\n".encode())
        elif word == "QUIT":
            print(plain(c.getsockname()[0]), "irc", word, rest, file=log, flush=True)
            c.sendall(b"ERROR :bye\r\n")
            return


def talk(c, what):
    try:
        with c, c.makefile("rb") as f:
            what(c, f)
    except OSError:
        pass


def serve(s, what):
    while True:
        c, _ = s.accept()
        threading.Thread(target=talk, args=(c, what), daemon=True).start()


def listen(port):
    return socket.create_server(("::", port), family=socket.AF_INET6, backlog=1024, dualstack_ipv6=True)


def main():
    for port, what in {7001: first, 7002: half_close, 7003: never, 7004: echo, 7005: reset, 6667: irc}.items():
        threading.Thread(target=serve, args=(listen(port), what), daemon=True).start()
    web = WebServer(("", 0), Web, bind_and_activate=False)
    web.socket.close()
    web.socket = listen(80)
    web.server_name, web.server_port = "far", 80
    os.rename(LOG + ".new", LOG)
    web.serve_forever()


main()
