# SPDX-License-Identifier: MIT
"""The tests of `sockshimctl streams`: streams of wrapped programs over loopback, counted by hand."""
import json
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time

from harness import BINARY, Proxy, Target, echo, equal, many_echo, run_all, test, true

BUILD = os.path.dirname(BINARY)
CLEAN = {k: v for k, v in os.environ.items() if not k.startswith("SOCKSHIM_")}

# Opens a connection for each HOST:PORT, writes COUNT bytes on each and reads as many; then says so and waits.
CLIENT = """
import resource, socket, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
count, held = int(sys.argv[1]), []
for where in sys.argv[2:]:
    host, port = where.rsplit(":", 1)
    s = socket.create_connection((host, int(port)), timeout=20)
    s.sendall(bytes(count))
    got = 0
    while got < count:
        got += len(s.recv(65536))
    held.append(s)
print(*[s.getsockname()[1] for s in held], flush=True)
for line in sys.stdin:
    if line.startswith("more"):
        held[0].sendall(bytes(1000)); held[0].recv(1000); print("done", flush=True)
    elif line.startswith("close"):
        held.pop().close(); print("done", flush=True)
"""


class Client:
    """CLIENT under sockshim; .ports are its streams' local ports."""

    def __init__(self, proxy, count, *targets, options=(), code=CLIENT, url=None):
        self.process = subprocess.Popen(
            [f"{BUILD}/sockshim", "-p", url or f"socks5://127.0.0.1:{proxy.port}", *options,
             "/usr/bin/python3", "-c", code, str(count), *targets],
            text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=CLEAN)
        self.ports = [int(p) for p in self.process.stdout.readline().split()]

    def say(self, word):
        self.process.stdin.write(word + "\n")
        self.process.stdin.flush()
        equal(self.process.stdout.readline(), "done\n")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait(10)
        self.process.stdout.close()


def streams(client, *args):
    done = subprocess.run([BINARY, "streams", "-s", str(client.process.pid), *args], text=True,
                          capture_output=True, timeout=30, check=False, env=CLEAN)
    equal((done.returncode, done.stderr), (0, ""), str(args))
    return done.stdout


def objects(client, *args):
    return [json.loads(line) for line in streams(client, "-j", *args).splitlines()]


@test
def fields():
    """target by name and by address, source port, program, and the program's bytes exactly"""
    with Target(echo) as t, Proxy("--map", "*.test=127.0.0.1") as p:
        targets = [f"a.test:{t.port}", f"b.test:{t.port}"]
        for count in (0, 1, 100000):
            with Client(p, count, *targets) as c:
                found = objects(c)
                equal([o["ip"] for o in found], ["a.test", "b.test"])
                equal([o["l_port"] for o in found], c.ports)
                equal([(o["read"], o["write"]) for o in found], [(count, count)] * 2, "bytes")
                equal({(o["port"], o["program"][:7], o["type_flags"]) for o in found},
                      {(t.port, "python3", "OC")})
                equal(len({o["conn_id"] for o in found} | {o["session"] for o in found}), 3)


@test
def handshakes():
    """the handshake's bytes are taken off, whatever its form: SOCKS4a, credentials, IPv6 and name replies"""
    with Target(echo) as t:
        for proxy_options, url, options in (
                ([], "socks4a://127.0.0.1:{}", []),
                (["--prefer-auth"], "socks5://user:secret@127.0.0.1:{}", []),
                (["--bind-type", "4"], "socks5://127.0.0.1:{}", []),
                (["--bind-type", "3", "--bind-name-len", "200"], "socks5://127.0.0.1:{}", ["-o", "Pipeline=yes"]),
                (["--prefer-auth"], "tor://127.0.0.1:{}", ["-iconnection"])):
            with Proxy("--map", "*.test=127.0.0.1", *proxy_options) as p:
                with Client(p, 77, f"a.test:{t.port}", options=options, url=url.format(p.port)) as c:
                    equal([(o["read"], o["write"]) for o in objects(c)], [(77, 77)], url)


@test
def through_the_guard():
    """a static program's streams: the supervisor's handshake is taken off too"""
    busybox = shutil.which("busybox")
    with Target(echo) as t, Proxy("--map", "192.0.2.9=127.0.0.1") as p:
        child = subprocess.Popen(
            [f"{BUILD}/sockshim", "-p", f"socks5://127.0.0.1:{p.port}", busybox, "nc", "192.0.2.9", str(t.port)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=CLEAN)
        child.stdin.write(bytes(500))
        child.stdin.flush()
        equal(len(child.stdout.read(500)), 500)
        found = objects(type("session", (), {"process": child}))
        equal([(o["ip"], o["read"], o["write"], o["program"]) for o in found], [("192.0.2.9", 500, 500, "busybox")])
        child.stdin.close()
        child.wait(10)
        child.stdout.close()


@test
def closed_streams_go():
    """what is closed is listed no more, at once; a dup or a child that has it keeps it"""
    with Target(echo) as t, Proxy("--map", "*.test=127.0.0.1") as p:
        with Client(p, 1, *[f"{x}.test:{t.port}" for x in "abc"]) as c:
            equal(len(objects(c)), 3)
            c.say("close")
            equal([o["ip"] for o in objects(c)], ["a.test", "b.test"])
            c.say("close")
            c.say("close")
            equal(objects(c), [])


@test
def formats():
    """the table, and the lines of GETINFO conn/all"""
    with Target(echo) as t, Proxy("--map", "*.test=127.0.0.1") as p:
        with Client(p, 5000, f"a.test:{t.port}") as c:
            head, line = streams(c).splitlines()
            equal(head.split(), ["CONN_ID", "CIRC_ID", "L_PORT", "FLAGS", "READ", "WRITE", "UPTIME", "PID",
                                 "PROGRAM", "IP:PORT"])
            row = line.split()
            equal(row[1:6] + row[-1:], ["-", str(c.ports[0]), "OC", "4.9K", "4.9K", f"a.test:{t.port}"])
            head, line = streams(c, "--getinfo").splitlines()
            equal(head, "conn/all=")
            true(re.fullmatch(rf"CONN_ID=\d+ CIRC_ID= OR_ID= IP=a\.test PORT={t.port} L_PORT={c.ports[0]} "
                              r"TYPE_FLAGS=OC READ=5000 WRITE=5000 UPTIME=\d+", line), line)


@test
def watch():
    """--watch: rates between two looks, totals, streams that come and go"""
    with Target(echo) as t, Proxy("--map", "*.test=127.0.0.1") as p:
        with Client(p, 10, f"a.test:{t.port}") as c:
            start = time.monotonic()
            child = subprocess.Popen([BINARY, "streams", "-w", "-j", "-n", "2", "-s", str(c.process.pid)],
                                     stdout=subprocess.PIPE, text=True, env=CLEAN)
            first = json.loads(child.stdout.readline())
            c.say("more")
            second = json.loads(child.stdout.readline())
            least = 1000 / (time.monotonic() - start) - 1  # the looks were no further apart than that
            child.stdout.close()
            equal(child.wait(5), 0)
            equal((first["read"], first["read_rate"], second["read"]), (10, 0, 1010))
            true(least <= second["read_rate"] <= 1001 and least <= second["write_rate"] <= 1001, second)
            out = streams(c, "-w", "-n", "1")
            true("1 streams, " in out and "READ/s" in out, out)


def seconds_of_children():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@test
def many():
    """10,000 open streams are listed in 100 ms of processor time; those that the library could not list are in its log"""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    count = min(10000, (hard - 200) // 2)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    code = CLIENT.replace("sys.argv[2:]", "[sys.argv[2]] * int(sys.argv[3])")
    with many_echo(count) as port, Proxy("--map", "*.test=127.0.0.1") as p, \
            tempfile.TemporaryDirectory() as d:
        options = ("-o", "Log=info", "-o", f"LogFile={d}/log")
        with Client(p, 1, f"a.test:{port}", str(count), code=code, options=options) as c:
            times = []
            for _ in range(5):
                begin = seconds_of_children()
                out = streams(c, "-j")
                times.append(seconds_of_children() - begin)
            with open(f"{d}/log", encoding="ascii") as log:
                unlisted = log.read().count("goes unlisted")
            equal(out.count("\n") + unlisted, count)
            print(f"# {count} streams ({unlisted} unlisted) in {min(times) * 1000:.0f} ms")
            true(min(times) < 0.1, f"{times}")


@test
def nothing_there():
    """no session: one line, status 1"""
    done = subprocess.run([BINARY, "streams", "-s", "nope"], capture_output=True, text=True, check=False)
    equal((done.returncode, done.stdout, done.stderr), (1, "", "sockshimctl: no such session\n"))
    done = subprocess.run([BINARY, "streams", "-j", "-g"], capture_output=True, text=True, check=False)
    equal(done.returncode, 2)


class Control(Target):
    """A control port without authentication, that knows one circuit and some streams."""

    def __init__(self, streams_status):
        self.status = streams_status
        super().__init__(self.talk)

    def talk(self, client):
        for line in client.makefile("rb"):
            if line.startswith(b"PROTOCOLINFO"):
                client.sendall(b"250-PROTOCOLINFO 1\r\n250-AUTH METHODS=NULL\r\n250 OK\r\n")
            elif b"stream-status" in line:
                client.sendall(b"250+stream-status=\r\n" + self.status + b".\r\n250 OK\r\n")
            elif b"circuit-status" in line:
                client.sendall(b"250-circuit-status=7 BUILT $" + b"A" * 40 + b"~guard,$" + b"B" * 40 +
                               b"~exit PURPOSE=GENERAL\r\n250 OK\r\n")
            else:
                client.sendall(b"250 OK\r\n")


@test
def circuits():
    """with a control port: circuit and first relay; streams that cannot be told apart have none"""
    with Target(echo) as t, Proxy("--map", "*.test=127.0.0.1") as p:
        status = (f"1 SUCCEEDED 7 a.test:{t.port}\r\n2 SUCCEEDED 7 b.test:{t.port}\r\n"
                  f"3 SUCCEEDED 8 b.test:{t.port}\r\n").encode()
        with Control(status) as tor, Client(p, 1, f"a.test:{t.port}", f"b.test:{t.port}") as c:
            found = objects(c, "-C", f"127.0.0.1:{tor.port}")
            equal([(o["circ_id"], o["or_id"]) for o in found], [("7", "A" * 40), (None, None)])


if __name__ == "__main__":
    sys.exit(run_all(sys.argv[2:]))
