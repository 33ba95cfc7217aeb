# SPDX-License-Identifier: MIT
"""The tests of `sockshimctl proxy`: raw sockets over loopback."""
import hashlib
import os
import re
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

from harness import (
    BINARY, Proxy, Target, address, answer_at_end, code5, connect5, echo, ends_with_reset, equal,
    greeting, many_echo, open5, password, raise_limit, read, read_all, read_reply, request,
    request4, run_all, taken, test, true, unused_port, wait_until, waiting)


def command(*args):
    done = subprocess.run([BINARY, *args], capture_output=True, text=True, timeout=10, check=False)
    return done.returncode, done.stdout, done.stderr


# ---- the command line ----

@test
def help_and_version():
    """--help names every option, --version the version; both exit 0"""
    equal(command("--version")[:2], (0, "sockshimctl 0.1.0\n"))
    status, out, err = command("--help")
    true(status == 0 and " proxy " in out and not err, "the list of commands")
    status, out, err = command("proxy", "--help")
    true(status == 0 and not err, "status of --help")
    for option in ("--listen", "--map", "--delay ", "--fault", "--reset", "-v, --verbose"):
        true(option in out, option)
    true(max(map(len, out.splitlines())) <= 100, "lines that fit")


@test
def bad_options():
    """what it does not understand gets one line and exit status 2"""
    for args in (
            ["--nope"], ["-x"], ["--listen"], ["--listen", "nowhere"], ["--listen", "1.2.3.4:99999"],
            ["--listen", "unix:"], ["--map", "x"], ["--map", "x="], ["--map", "=127.0.0.1"],
            ["--map", "x=y"], ["--delay", "soon"], ["--delay", "-1"], ["--delay", "1x"],
            ["--delay", ""], ["--delay=99999999999999999999"], ["--reply", "256"],
            ["--reply", "0x"], ["--bind-type", "2"], ["--bind-type", "5"],
            ["--bind-name-len", "256"], ["--fault", "nope"], ["--user", "nobody"],
            ["--quiet=yes"], ["extra"]):
        status, out, err = command("proxy", *args)
        equal((status, out), (2, ""), str(args))
        equal(len(err.splitlines()), 1, f"lines for {args}: {err}")
    equal(command()[0], 2)
    equal(command("nope")[0], 2)


@test
def listeners():
    """several listeners, IPv6 and Unix ones too; a stale path is replaced, a live one is not"""
    with tempfile.TemporaryDirectory() as d, Target(echo) as t:
        path = f"{d}/sock"
        stale = socket.socket(socket.AF_UNIX)
        stale.bind(path)
        stale.close()
        with Proxy(listen=("127.0.0.1:0", "[::1]:0", f"unix:{path}")) as p:
            equal(p.addresses[2], f"unix:{path}")
            true(p.addresses[1].startswith("[::1]:"), p.addresses[1])
            for where in (f"unix:{path}", p.addresses[0]):
                status, out, err = command("proxy", "--listen", "127.0.0.1:0", "--listen", where)
                equal((status, out), (1, ""), where)
                equal(err, f"sockshimctl: {where.removeprefix('unix:')}: Address already in use\n")
            six = socket.create_connection(("::1", int(p.addresses[1].rsplit(":", 1)[1])))
            unix = socket.socket(socket.AF_UNIX)
            unix.connect(path)
            for s in (p.connect(), six, unix):
                with s:
                    s.sendall(greeting(0) + request("127.0.0.1", t.port) + b"hello")
                    equal(read(s, 2), b"\5\0")
                    equal(read_reply(s)[0], 0)
                    equal(read(s, 5), b"hello")
            true("source=[::1]:" in p.log(3)[1], "source of IPv6")
            true("source=unix " in p.log(3)[2], "source of a Unix socket")
        true(not os.path.exists(path), "the path is removed")


@test
def ends_at_signals():
    """SIGTERM and SIGINT end it with status 0, whatever is open"""
    for number in (signal.SIGTERM, signal.SIGINT):
        with Target(echo) as t, Proxy("--delay", "200") as p:
            tunnel = connect5(p, "127.0.0.1", t.port)
            half = p.connect()
            half.sendall(b"\5")
            waits = p.connect()
            waits.sendall(greeting(0) + request("127.0.0.1", t.port))
            equal(read(waits, 2), b"\5\0")
            equal(p.end(number), 0, "exit status")
            equal(tunnel.recv(1), b"")


# ---- the protocols ----

@test
def connect_v4():
    """SOCKS5 CONNECT to an IPv4 address: 10 bytes, the bound address is the true one"""
    with Target(echo) as t, Proxy() as p:
        s, reply = open5(p, "127.0.0.1", t.port)
        s.sendall(b"hello")
        equal(read(s, 5), b"hello")
        equal(reply, (0, 1, socket.inet_aton("127.0.0.1"), t.peers[0][1]))


@test
def connect_v6():
    """SOCKS5 CONNECT to an IPv6 address: 22 bytes"""
    with Target(echo, socket.AF_INET6) as t, Proxy() as p:
        s, reply = open5(p, "::1", t.port)
        s.sendall(b"hello")
        equal(read(s, 5), b"hello")
        equal(reply, (0, 4, socket.inet_pton(socket.AF_INET6, "::1"), t.peers[0][1]))


@test
def connect_name():
    """names: mapped, mapped with port, patterns, case, literals, /etc/hosts, unknown"""
    with Target(echo) as t, Target(echo, socket.AF_INET6) as t6:
        with Proxy("--map", "a.test=127.0.0.1", "--map", f"b.test=127.0.0.1:{t.port}", "--map",
                   f"*.c.test=127.0.0.1:{t.port}", "--map", f"192.0.2.1=127.0.0.1:{t.port}", "--map",
                   f"six.test=[::1]:{t6.port}", "--map", "six2.test=::1") as p:
            for host, port in ((b"a.test", t.port), (b"b.test", 1), (b"B.TEST", 1), (b"x.c.test", 1),
                               (b"192.0.2.1", 1), ("192.0.2.1", 1), (b"127.0.0.1", t.port),
                               (b"localhost", t.port), (b"six.test", 1), (b"six2.test", t6.port),
                               (b"::1", t6.port)):
                with connect5(p, host, port) as s:
                    s.sendall(b"hello")
                    equal(read(s, 5), b"hello", str(host))
            equal(code5(p, b"nope.invalid", 80), 4)
        with Proxy("--no-resolve") as p:
            equal(code5(p, b"localhost", t.port), 4)
            equal(code5(p, b"x.c.test", 1), 4)
        with Proxy("--map", f"*=127.0.0.1:{t.port}") as p:
            connect5(p, b"anything.example", 80).close()


@test
def connect_4():
    """SOCKS4 and 4a, with and without user id; 8 bytes; refusals are 5b"""
    with Target(echo) as t, Proxy("--map", f"a.test=127.0.0.1:{t.port}") as p:
        for message in (request4("127.0.0.1", t.port), request4(b"a.test", 80, b"me"),
                        request4(b"a.test", 80, b"u" * 255)):
            with p.connect() as s:
                s.sendall(message + b"early")
                equal(read(s, 2), b"\0\x5a")
                equal(len(read(s, 6)), 6)
                equal(read(s, 5), b"early")
        for message in (request4("127.0.0.1", unused_port()), request4(b"nope.invalid", 80),
                        request4(b"a.test", 80, command=2), request4(b"", 80)):
            with p.connect() as s:
                s.sendall(message)
                data = read_all(s)
                equal((data[:2], len(data)), (b"\0\x5b", 8))
        with p.connect() as s:
            s.sendall(request4(b"a.test", 80, b"u" * 256))
            equal(read_all(s), b"", "a user id of 256 bytes")


@test
def refusals():
    """codes of refusals: refused, command, address type, names that cannot be"""
    with Proxy() as p:
        equal(code5(p, "127.0.0.1", unused_port()), 5)
        equal(code5(p, "127.0.0.1", 1, command=2), 7, "BIND")
        equal(code5(p, "127.0.0.1", 1, command=3), 7, "UDP ASSOCIATE")
        equal(code5(p, b"", 80), 1, "empty name")
        equal(code5(p, b"a\0b", 80), 1, "NUL in the name")
        equal(code5(p, "255.255.255.255", 80) in (1, 2, 3, 4), True, "broadcast")
        with p.connect() as s:
            s.sendall(greeting(0) + b"\5\1\0\2abcdef\0\x50")
            equal(read(s, 2), b"\5\0")
            equal(read_reply(s)[0], 8, "address type 2")


@test
def nonsense():
    """what is no SOCKS is closed without an answer"""
    with Proxy() as p:
        for data in (b"GET / HTTP/1.0\r\n\r\n", b"\0" * 100, b"\6\1\0", b"\xff" * 9):
            with p.connect() as s:
                s.sendall(data)
                equal(read_all(s), b"", str(data))
        with p.connect() as s:
            s.sendall(greeting(0) + b"\4\1\0\1")
            equal(read_all(s), b"\5\0", "a request of version 4")
        for data in (b"", b"\5", b"\5\2\0", greeting(0), greeting(0) + b"\5\1\0\3\x09abc", b"\4\1"):
            with p.connect() as s:
                s.sendall(data)
                s.shutdown(socket.SHUT_WR)
                true(read_all(s) in (b"", b"\5\0"), f"the end after {data!r}")


@test
def authentication():
    """user and password: required, wrong, not offered; accepted when nothing else is offered"""
    with Target(echo) as t:
        end = request("127.0.0.1", t.port)

        def talk(p, methods, method, auth=None, status=None):
            with p.connect() as s:
                s.sendall(greeting(*methods))
                equal(read(s, 2), bytes([5, method]), f"method for {methods}")
                if auth:
                    s.sendall(auth)
                    equal(read(s, 2), bytes([1, status]), f"status for {auth}")
                if method == 255 or status:
                    equal(s.recv(1), b"")
                    return
                s.sendall(end)
                equal(read_reply(s)[0], 0)

        with Proxy() as p:
            talk(p, (0, 2), 0)
            talk(p, (1, 0), 0)
            talk(p, (2,), 2, password(b"any", b"body"), 0)
            talk(p, (2,), 2, password(b"", b""), 0)
            talk(p, (2,), 2, password(b"u" * 255, b"p" * 255), 0)
            talk(p, (), 255)
            talk(p, (1, 3), 255)
        with Proxy("--prefer-auth") as p:
            talk(p, (0, 2), 2, password(b"any", b"body"), 0)
            talk(p, (0,), 0)
        with Proxy("--user", "me:pass:word", "--user", "you:") as p:
            talk(p, (0, 2), 2, password(b"me", b"pass:word"), 0)
            talk(p, (2,), 2, password(b"you", b""), 0)
            talk(p, (2,), 2, password(b"me", b"pass"), 1)
            talk(p, (2,), 2, password(b"you", b"pass:word"), 1)
            talk(p, (0,), 255)
            for user, code in ((b"me", 0x5a), (b"", 0x5b), (b"them", 0x5b)):
                with p.connect() as s:
                    s.sendall(request4("127.0.0.1", t.port, user))
                    equal(read(s, 8)[1], code, f"SOCKS4 as {user}")


@test
def any_split():
    """a whole conversation, early data included, split at every place, and byte by byte"""
    conversations = (
        (greeting(0, 2) + request(b"a.test", 80), b"\5\0\5\0\0\1"),
        (greeting(2) + password(b"me", b"word") + request("127.0.0.1", 7), b"\5\2\1\0\5\0\0\1"),
        (request4(b"a.test", 80, b"me"), b"\0\x5a"))
    with Target(echo) as t, Proxy("--map", f"a.test=127.0.0.1:{t.port}", "--map",
                                  f"127.0.0.1=127.0.0.1:{t.port}") as p:
        def check(pieces, start):
            with p.connect() as s:
                for piece in pieces:
                    s.sendall(piece)
                    taken(s)
                s.shutdown(socket.SHUT_WR)
                data = read_all(s)
                equal((data[:len(start)], data[-5:]), (start, b"early"), str(pieces))
                equal(len(data), len(start) + 6 + 5, str(pieces))

        for message, start in conversations:
            whole = message + b"early"
            check([whole], start)
            for i in range(1, len(whole)):
                check([whole[:i], whole[i:]], start)
            check([bytes([b]) for b in whole], start)


@test
def resolve():
    """Tor's RESOLVE and RESOLVE_PTR: mapped, /etc/hosts, unknown, over SOCKS4a; then the end"""
    with Proxy("--map", "a.test=192.0.2.7", "--map", "six.test=2001:db8::7", "--map",
               "*.b.test=192.0.2.8:99") as p:
        def ask(host, number=0xf0):
            s, reply = open5(p, host, 0, number)
            with s:
                equal(s.recv(1), b"", "after the answer")
            return reply[:3]

        v4, v6 = socket.inet_aton, lambda a: socket.inet_pton(socket.AF_INET6, a)
        equal(ask(b"a.test"), (0, 1, v4("192.0.2.7")))
        equal(ask(b"six.test"), (0, 4, v6("2001:db8::7")))
        equal(ask(b"x.b.test"), (0, 1, v4("192.0.2.8")))
        equal(ask(b"192.0.2.9"), (0, 1, v4("192.0.2.9")))
        equal(ask("192.0.2.9"), (0, 1, v4("192.0.2.9")))
        equal(ask(b"localhost")[0], 0)
        equal(ask(b"nope.invalid")[0], 4)
        equal(ask("192.0.2.7", 0xf1), (0, 3, b"a.test"))
        equal(ask("2001:db8::7", 0xf1), (0, 3, b"six.test"))
        equal(ask(b"192.0.2.7", 0xf1), (0, 3, b"a.test"))
        equal(ask("127.0.0.1", 0xf1)[:2], (0, 3))
        equal(ask(b"a.test", 0xf1)[0], 4)
        for host, wanted in ((b"a.test", b"\0\x5a\0\0" + v4("192.0.2.7")), (b"six.test", b"\0\x5b")):
            with p.connect() as s:
                s.sendall(request4(host, 0, command=0xf0))
                true(read_all(s).startswith(wanted), f"{host} over SOCKS4a")
    with Proxy("--no-resolve") as p:
        equal(code5(p, "127.0.0.1", 0, 0xf1), 4)


@test
def resolver_does_not_block():
    """a name whose answer does not come holds nobody up; its client may go away"""
    with tempfile.TemporaryDirectory() as d, Target(echo) as t:
        with open(f"{d}/slow.c", "w", encoding="ascii") as f:
            f.write("#include <netdb.h>\n#include <stdlib.h>\n#include <unistd.h>\n"
                    "int getaddrinfo(const char *n, const char *s, const struct addrinfo *h,"
                    " struct addrinfo **r) { (void)n, (void)s, (void)h, (void)r;"
                    " while (access(getenv(\"ANSWER\"), F_OK)) usleep(1000); return EAI_AGAIN; }\n")
        subprocess.run(["cc", "-shared", "-fPIC", "-o", f"{d}/slow.so", f"{d}/slow.c"], check=True)
        env = {"LD_PRELOAD": f"{d}/slow.so", "ANSWER": f"{d}/answer", "ASAN_OPTIONS": "verify_asan_link_order=0"}
        with Proxy(env=env) as p:
            slow = [p.connect() for _ in range(12)]
            for s in slow:
                s.sendall(greeting(0) + request(b"slow.test", 80))
                equal(read(s, 2), b"\5\0")
            for s in slow[8:]:
                s.close()
            for _ in range(20):
                with connect5(p, "127.0.0.1", t.port) as s:
                    s.sendall(b"x")
                    equal(read(s, 1), b"x")
            true(not any(map(waiting, slow[:8])), "the others go on")
            with open(f"{d}/answer", "w", encoding="ascii"):
                pass
            for s in slow[:8]:
                equal(read_reply(s)[0], 4)


# ---- the tunnel ----

@test
def half_close():
    """end of file in either direction leaves the other one alone"""
    with Target(answer_at_end) as t, Proxy() as p:
        with connect5(p, "127.0.0.1", t.port) as s:
            s.sendall(b"x" * 100000)
            s.shutdown(socket.SHUT_WR)
            equal(read_all(s), b"got 100000")
        with p.connect() as s:  # all of it, and the end, before any answer
            s.sendall(greeting(0) + request("127.0.0.1", t.port) + b"hello")
            s.shutdown(socket.SHUT_WR)
            equal(read_all(s)[12:], b"got 5")

    got = []

    def close_first(client):
        client.sendall(b"bye")
        client.shutdown(socket.SHUT_WR)
        got.append(read_all(client))

    with Target(close_first) as t, Proxy() as p:
        with connect5(p, "127.0.0.1", t.port) as s:
            equal(read_all(s), b"bye")
            s.sendall(b"still here")
            taken(s)
            s.sendall(b", still")
        wait_until(lambda: got)
        equal(got, [b"still here, still"])
        wait_until(lambda: p.files() == idle_files(p))


def idle_files(p):
    """stdin, stdout, stderr, epoll, eventfd, signalfd and the listeners."""
    return 6 + len(p.addresses)


@test
def resets():
    """a reset on one side resets the other; what came before it arrives"""
    linger = struct.pack("ii", 1, 0)
    seen = []

    def reset(client):
        client.sendall(b"last words")
        read(client, 1)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)

    def watch(client):
        seen.append(read(client, 4))
        seen.append(ends_with_reset(client))

    with Target(reset) as t, Proxy() as p:
        with connect5(p, "127.0.0.1", t.port) as s:
            equal(read(s, 10), b"last words")
            s.sendall(b"x")
            true(ends_with_reset(s), "the client sees a reset")
        wait_until(lambda: p.files() == idle_files(p))
    with Target(watch) as t, Proxy() as p:
        s = connect5(p, "127.0.0.1", t.port)
        s.sendall(b"data")
        wait_until(lambda: seen)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        s.close()
        wait_until(lambda: len(seen) == 2)
        equal(seen, [b"data", True])
        wait_until(lambda: p.files() == idle_files(p))


@test
def refusal_survives_early_data():
    """a refusal arrives although the client has sent a lot that nobody read"""
    with Proxy() as p:
        for _ in range(20):
            with p.connect() as s:
                s.sendall(greeting(0) + request("127.0.0.1", 1) + b"x" * 300000)
                ended = select.poll()
                ended.register(s, select.POLLRDHUP)
                true(ended.poll(10000), "it takes too long")
                equal(read(s, 2), b"\5\0")
                equal(read_reply(s)[0], 5)
                equal(s.recv(1), b"")


@test
def back_pressure():
    """who does not read stops the other side; no more than 64 KiB wait in between; no busy loop"""
    sent = []

    def flood(client):
        client.settimeout(1)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
        try:
            while True:
                sent.append(client.send(b"x" * 65536))
        except TimeoutError:
            sent.append(None)
        client.settimeout(20)
        client.sendall(b"y" * 100)

    with Target(flood) as t, Proxy() as p:
        base = p.memory()
        s = socket.socket()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        s.settimeout(20)
        s.connect(("127.0.0.1", p.port))
        with s:
            s.sendall(greeting(0) + request("127.0.0.1", t.port))
            wait_until(lambda: sent and sent[-1] is None, 20)
            wait_until(p.rests)
            true(p.memory() - base < 2048, "memory")
            data = read_all(s)
            equal(len(data), 12 + sum(n or 0 for n in sent) + 100)
            equal(data[-100:], b"y" * 100)


@test
def ends_while_stuck():
    """both ends closed with a full buffer in between: no busy loop, nothing lost"""
    def push(client):
        read(client, 4)  # the client's end of file is on its way
        client.sendall(b"z" * 3000000)

    with Target(push) as t, Proxy() as p:
        s = socket.socket()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        s.settimeout(20)
        s.connect(("127.0.0.1", p.port))
        with s:
            s.sendall(greeting(0) + request("127.0.0.1", t.port) + b"done")
            s.shutdown(socket.SHUT_WR)
            wait_until(lambda: waiting(s) and p.rests())
            equal(len(read_all(s)), 12 + 3000000)


@test
def hundred_mebibytes():
    """100 MiB in both directions at once, checksum"""
    size, block = 100 << 20, os.urandom(1 << 20)
    with Target(echo) as t, Proxy() as p, connect5(p, "127.0.0.1", t.port) as s:
        s.settimeout(60)

        def send():
            for _ in range(size >> 20):
                s.sendall(block)
            s.shutdown(socket.SHUT_WR)

        threading.Thread(target=send, daemon=True).start()
        got, count = hashlib.sha256(), 0
        while data := s.recv(1 << 20):
            got.update(data)
            count += len(data)
    wanted = hashlib.sha256()
    for _ in range(size >> 20):
        wanted.update(block)
    equal((count, got.hexdigest()), (size, wanted.hexdigest()))


# ---- many ----

def connect_many(p, count, message):
    """`count` connections at once, each with `message` on its way."""
    sockets = {}
    for _ in range(count):
        s = socket.socket()
        s.connect(("127.0.0.1", p.port))
        s.sendall(message)
        s.setblocking(False)
        sockets[s.fileno()] = s
    return sockets


def collect(sockets, length):
    """Reads `length` bytes from each; the set of what came."""
    poll = select.epoll()
    got = {fd: b"" for fd in sockets}
    for fd in sockets:
        poll.register(fd, select.EPOLLIN)
    left = len(sockets)
    while left:
        events = poll.poll(30)
        true(events, f"{left} of {len(sockets)} got nothing")
        for fd, _ in events:
            data = sockets[fd].recv(length - len(got[fd]))
            got[fd] += data
            if len(got[fd]) == length or not data:
                poll.unregister(fd)
                left -= 1
    return set(got.values())


@test
def many_connections():
    """10,000 connections at once (fewer if the limit of descriptors is low), each echoes"""
    count = min(10000, (raise_limit() - 100) // 2)
    with many_echo(count) as port, Proxy("--reply", "0") as p:
        sockets = connect_many(p, count, request4("127.0.0.1", port))
        answers = collect(sockets, 8)
        equal({a[:2] for a in answers}, {b"\0\x5a"})
        for fd, s in sockets.items():
            s.send(struct.pack(">Q", fd))
        equal(len(collect(sockets, 8)), count, "different echoes")
        true(p.memory() < 120 * 1024, f"memory: {p.memory()} KiB")
        for s in sockets.values():
            s.close()
        wait_until(lambda: p.files() == idle_files(p), 20)


@test
def many_pending():
    """10,000 requests that all wait for a second: none waits much longer"""
    count = min(10000, raise_limit() - 100)
    with Proxy("--delay", "1000", "--reply", "5") as p:
        start = time.monotonic()
        sockets = connect_many(p, count, request4("127.0.0.1", 1))
        sent = time.monotonic()
        collect(sockets, 8)
        last = time.monotonic() - sent
        true(last > 0.9, f"not early: {last:.2f} s")
        # A busy machine makes both slow.
        true(last < 1.5 + (sent - start) * 2, f"the last one after {last:.2f} s, sent in {sent - start:.2f} s")
        for s in sockets.values():
            s.close()


@test
def out_of_descriptors():
    """when descriptors run out, clients wait for their turn; nobody is refused"""
    import resource  # pylint: disable=import-outside-toplevel

    def low():
        resource.setrlimit(resource.RLIMIT_NOFILE, (24, 24))

    with Target(echo) as t, Proxy(setup=low) as p:
        failed = []

        def client():
            try:
                s = socket.create_connection(("127.0.0.1", p.port), timeout=20)
                with s:
                    s.sendall(greeting(0) + request("127.0.0.1", t.port) + b"hello")
                    equal(read(s, 2), b"\5\0")
                    equal(read_reply(s)[0], 0)
                    equal(read(s, 5), b"hello")
            except (AssertionError, OSError) as error:
                failed.append(error)

        threads = [threading.Thread(target=client) for _ in range(100)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        equal(failed, [])
        true(p.processor() < 2, "no busy loop")


# ---- delays ----

@test
def delays():
    """--delay, --delay-method and --delay-data; early data costs no delay of its own"""
    def timed(p, port, early):
        """Seconds to method, reply, first byte."""
        start = time.monotonic()
        times = []
        with p.connect() as s:
            s.sendall(greeting(0) + (request("127.0.0.1", port) + b"hello" if early else b""))
            read(s, 2)
            times.append(time.monotonic() - start)
            if not early:
                s.sendall(request("127.0.0.1", port))
            equal(read_reply(s)[0], 0)
            times.append(time.monotonic() - start)
            if not early:
                s.sendall(b"hello")
            equal(read(s, 5), b"hello")
            times.append(time.monotonic() - start)
        return times

    def near(p, early, *wanted):
        """Never sooner; and once of many no later: what a busy machine adds comes and goes, a wrong delay does not."""
        seen = []
        for _ in range(20):
            seen.append(timed(p, t.port, early))
            for got, want in zip(seen[-1], wanted):
                true(got >= want - 0.002, f"{seen[-1]}, not {wanted}")
            if all(got < want + 0.1 for got, want in zip(seen[-1], wanted)):
                return
        true(False, f"{seen}, not {wanted}")

    with Target(echo) as t:
        with Proxy("--delay", "200") as p:
            near(p, False, 0, 0.2, 0.2)
            near(p, True, 0, 0.2, 0.2)
        with Proxy("--delay-method", "150", "--delay", "100") as p:
            near(p, False, 0.15, 0.25, 0.25)
        with Proxy("--delay", "200", "--delay-data", "200") as p:
            near(p, False, 0, 0.2, 0.4)
            near(p, True, 0, 0.2, 0.2)
        with Proxy("--delay", "5000") as p:
            s = p.connect()  # a client that gives up
            s.sendall(greeting(0) + request("127.0.0.1", t.port))
            read(s, 2)
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            s.close()
            wait_until(lambda: p.files() == idle_files(p))


@test
def hold():
    """--hold: nobody is answered before so many wait, round by round; one that went away does not count"""
    with Target(echo) as t, Proxy("--hold", "3") as p:
        def asks(*versions):
            streams = []
            for version in versions:
                s = p.connect()
                s.settimeout(10)
                s.sendall(request4("127.0.0.1", t.port) if version == 4
                          else greeting(0) + request("127.0.0.1", t.port))
                if version == 5:
                    read(s, 2)
                streams.append((version, s))
            return streams

        def answered(streams):
            for version, s in streams:
                equal(read(s, 8)[1] if version == 4 else read_reply(s)[0], 90 if version == 4 else 0)
                s.sendall(b"hello")
                equal(read(s, 5), b"hello")

        for _ in range(2):
            (_, gone), one = asks(5, 5)
            wait_until(lambda: p.files() == idle_files(p) + 2)
            gone.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            gone.close()
            wait_until(lambda: p.files() == idle_files(p) + 1)
            two = asks(4)
            wait_until(lambda: p.files() == idle_files(p) + 2)
            equal(select.select([one[1], two[0][1]], [], [], 0.1)[0], [], "answered too early")
            all_three = [one, *two, *asks(5)]
            answered(all_three)
            for _, s in all_three:
                s.close()
            wait_until(lambda: p.files() == idle_files(p))


# ---- replies and faults ----

@test
def reply_codes():
    """--reply: every code, over SOCKS5 and SOCKS4"""
    for code in (*range(1, 10), 0x5b, 0x5d, 0xf0, 0xf7, 0xff):
        with Proxy("--reply", hex(code) if code % 2 else str(code)) as p:
            equal(code5(p, b"anything", 80), code)
            with p.connect() as s:
                s.sendall(request4(b"anything", 80))
                equal(read_all(s)[1], code if code in (0x5b, 0x5d) else 0x5b)


@test
def bind_types():
    """--bind-type and --bind-name-len: 0, 1, 3 (0 to 255 bytes) and 4, granted and refused"""
    def server_first(client):
        client.sendall(b"welcome")

    with Target(server_first) as t:
        for args, kind, length in (
                (["0"], 0, 4), (["1"], 1, 4), (["4"], 4, 16), (["3"], 3, 9),
                (["3", "--bind-name-len", "0"], 3, 0), (["3", "--bind-name-len", "255"], 3, 255)):
            with Proxy("--bind-type", *args) as p:
                s, reply = open5(p, "127.0.0.1", t.port)
                equal((reply[0], reply[1], len(reply[2])), (0, kind, length), str(args))
                equal(read_all(s), b"welcome")
                s, reply = open5(p, "127.0.0.1", 1)
                equal((reply[0], reply[1], len(reply[2])), (5, kind, length), str(args))


@test
def greets_early():
    """--greet-early: the target's first bytes share the reply's segment"""
    def server_first(client):
        client.sendall(b"welcome")
        client.recv(1)

    with Target(server_first) as t, Target(echo) as quiet, Proxy("--greet-early") as p:
        with p.connect() as s:
            s.sendall(greeting(0))
            read(s, 2)
            s.sendall(request("127.0.0.1", t.port))
            equal(s.recv(1000)[10:], b"welcome")
        start = time.monotonic()
        connect5(p, "127.0.0.1", quiet.port).close()
        true(0.4 < time.monotonic() - start, "a silent target")


def fault(kind, send, *options):
    """What comes back until the end of file (or the server sleeps), and how it ended."""
    with Target(echo) as t, Proxy("--fault", kind, "--map", f"t=127.0.0.1:{t.port}", *options) as p:
        with p.connect() as s:
            data = b""
            try:
                for message in send:
                    s.sendall(message)
                    if message is not send[-1]:
                        taken(s)
                while not p.rests() or select.select([s], [], [], 0)[0]:
                    if select.select([s], [], [], 0)[0]:
                        if not (more := s.recv(1000)):
                            return data, "end"
                        data += more
                return data, "silence"
            except (ConnectionResetError, BrokenPipeError):
                return data, "reset"


@test
def faults():
    """each --fault does what its name says"""
    five = [greeting(0), request(b"t", 1)]
    four = [request4(b"t", 1)]
    for kind, data, how, data4, how4 in (
            ("close", b"\5\0", "end", b"", "end"),
            ("close-method", b"", "end", b"", "end"),
            ("close-after-method", b"\5\0", "end", b"", "end"),
            ("hang", b"\5\0", "silence", b"", "silence"),
            ("hang-method", b"", "silence", b"", "silence"),
            ("truncate", b"\5\0\5\0\0\1", "end", b"\0\x5a\0\0", "end"),
            ("wrong-version", b"\5\0\4\0\0\1" + bytes(6), "silence", b"\5\x5a" + bytes(6), "silence"),
            ("bad-method", b"\5\7", "silence", None, None),
            ("no-method", b"\5\xff", "end", None, None)):
        equal(fault(kind, five[:1] if kind.endswith("method") else five), (data, how), kind)
        if how4:
            equal(fault(kind, four), (data4, how4), kind + " over SOCKS4")
    equal(fault("wrong-method-version", five[:1]), (b"\4\0", "silence"))
    equal(fault("auth-fail", [greeting(2), password(b"a", b"b")]), (b"\5\2\1\1", "end"))
    equal(fault("truncate", five, "--truncate-at", "9")[0][2:11], b"\5\0\0\1" + bytes(5))
    equal(fault("truncate", five, "--truncate-at", "0"), (b"\5\0", "end"))
    for send in (five[:1], four):
        data, how = fault("garbage", send)
        equal((len(data), min(data) > 127, how), (64, True, "end"), "garbage")
        data, how = fault("http", send)
        true(data.startswith(b"HTTP/1.0 501 ") and how == "end", f"http: {data}")
    data, how = fault("long-reply", five)
    equal((len(data), data[2:7], how), (2 + 262, b"\5\0\0\3\xff", "silence"), "long-reply")
    equal(fault("drop-pipelined", [b"".join(five)]), (b"\5\0", "silence"), "all in one")
    equal(len(fault("drop-pipelined", five)[0]), 12, "one by one")


@test
def resets_instead():
    """--reset: where a fault closes, and alone instead of the reply"""
    five = [greeting(0), request(b"t", 1)]
    equal(fault("close", five, "--reset"), (b"\5\0", "reset"))
    equal(fault("truncate", five, "--reset"), (b"\5\0\5\0\0\1", "reset"))
    equal(fault("http", five[:1], "--reset")[1], "reset")
    with Proxy("--reset") as p, p.connect() as s:
        s.sendall(b"".join(five))
        true(ends_with_reset(s), "reset alone")


@test
def byte_by_byte():
    """--fault byte-by-byte: each byte is a segment, and they are all there"""
    with Target(echo) as t, Proxy("--fault", "byte-by-byte") as p, p.connect() as s:
        sizes = []
        s.sendall(greeting(0) + request("127.0.0.1", t.port) + b"hello")
        while sum(sizes) < 17:
            sizes.append(len(s.recv(100)))
        true(len(sizes) > 10, f"segments: {sizes}")


@test
def no_half_close():
    """--fault no-half-close: the client's end of file ends all, as in Tor"""
    with Target(answer_at_end) as t, Proxy("--fault", "no-half-close") as p:
        with connect5(p, "127.0.0.1", t.port) as s:
            s.sendall(b"hello")
            s.shutdown(socket.SHUT_WR)
            true(b"got" not in read_all(s), "the answer is lost")


@test
def fault_count():
    """--fault-count: only the first N connections are faulty"""
    with Target(echo) as t, Proxy("--fault", "close", "--fault-count", "2") as p:
        for wanted in (None, None, 0, 0):
            s, reply = open5(p, "127.0.0.1", t.port)
            s.close()
            equal(reply[0], wanted)
    with Target(echo) as t, Proxy("--reply", "4", "--fault-count", "1") as p:
        equal([open5(p, "127.0.0.1", t.port)[1][0] for _ in range(3)], [4, 0, 0])


# ---- the log ----

@test
def log_lines():
    """one line a request: what, who, from where, how it ended; nothing that is not printable"""
    with tempfile.TemporaryDirectory() as d, Target(echo) as t:
        path = f"{d}/log"
        with Proxy("--map", f"a.test=127.0.0.1:{t.port}", "--log", path) as p:
            s = connect5(p, b"a.test", 80)
            source = "%s:%d" % s.getsockname()
            code5(p, b"a\nb\xff\\", 80)
            open5(p, "::1", 1)
            open5(p, b"a.test", 0, 0xf0)
            open5(p, "127.0.0.1", 0, 0xf1)
            code5(p, "127.0.0.1", 1, 3)
            with p.connect() as other:
                other.sendall(request4(b"a.test", 80, b"me"))
                read(other, 8)
            with p.connect() as other:
                other.sendall(b"nonsense")
                read_all(other)
            with p.connect() as other:
                other.sendall(greeting(2) + password(b"u ser", b"word") + request(b"a.test", 80))
                read(other, 14)
            lines = p.log(9)
            wanted = [
                "CONNECT a.test:80 user=- source=% -> 00",
                "CONNECT a\\x0ab\\xff\\x5c:80 user=- source=% -> 04",
                "CONNECT [::1]:1 user=- source=% -> 05",
                "RESOLVE a.test user=- source=% -> 00",
                "RESOLVE_PTR 127.0.0.1 user=- source=% -> 00",
                "COMMAND-3 127.0.0.1:1 user=- source=% -> 07",
                "CONNECT a.test:80 user=me source=% -> 5a",
                "BAD user=- source=% -> closed",
                "CONNECT a.test:80 user=u\\x20ser source=% -> 00"]
            equal([re.sub(r"source=127\.0\.0\.1:\d+", "source=%", line) for line in lines], wanted)
            true(source in lines[0], "the source port")
        with open(path, encoding="ascii") as f:
            equal(f.read().splitlines(), lines, "the file")
        with Proxy("--log-passwords") as p:
            with p.connect() as other:
                other.sendall(greeting(2) + password(b"me", b"word") + request("127.0.0.1", t.port))
                read(other, 14)
            true(" user=me password=word source=" in p.log()[0], "the password")


@test
def curl():
    """curl: SOCKS4, 4a, 5, 5 with names, user and password, a Unix socket"""
    def web(client):
        data = b""
        while b"\r\n\r\n" not in data:
            data += client.recv(1000)
        client.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: 6\r\n\r\nhello\n")

    with tempfile.TemporaryDirectory() as d, Target(web) as t:
        listen = ("127.0.0.1:0", f"unix:{d}/sock")
        with Proxy("--map", f"a.test=127.0.0.1:{t.port}", "--prefer-auth", listen=listen) as p:
            def get(scheme, host, where=f"127.0.0.1:{p.port}"):
                return subprocess.run(
                    ["curl", "-sS", "-q", "-m", "10", "--noproxy", "", "-x", f"{scheme}://{where}",
                     f"http://{host}/"], capture_output=True, text=True, check=False).stdout

            equal(get("socks4", f"127.0.0.1:{t.port}"), "hello\n")
            equal(get("socks4a", "a.test"), "hello\n")
            equal(get("socks5", f"127.0.0.1:{t.port}"), "hello\n")
            equal(get("socks5h", "a.test"), "hello\n")
            equal(get("socks5h", "a.test", f"me:word@127.0.0.1:{p.port}"), "hello\n")
            true("user=me " in p.log(5)[4], "the user")
            equal(get("socks5h", "a.test", f"localhost{d}/sock"), "hello\n")


if __name__ == "__main__":
    sys.exit(run_all(sys.argv[2:]))
