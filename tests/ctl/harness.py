# SPDX-License-Identifier: MIT
"""What the tests of `sockshimctl proxy` share: the server, targets, raw SOCKS messages, TAP."""
import contextlib
import fcntl
import os
import resource
import select
import signal
import socket
import struct
import subprocess
import sys
import termios
import threading
import time
import traceback

BINARY = sys.argv[1]
TESTS = []


def test(function):
    TESTS.append(function)
    return function


def equal(got, wanted, what=""):
    if got != wanted:
        raise AssertionError(f"{what or 'value'}: {got!r}, not {wanted!r}")


def true(condition, what):
    if not condition:
        raise AssertionError(what)


def wait_until(condition, seconds=5):
    end = time.monotonic() + seconds
    while not condition():
        true(time.monotonic() < end, "it takes too long")
        time.sleep(0.001)


def waiting(s):
    """Bytes that have come, and wait to be read here."""
    return struct.unpack("i", fcntl.ioctl(s, termios.FIONREAD, bytes(4)))[0]


def taken(s):
    """
    Waits until the other end, on this machine, has read what was sent to it: what follows comes alone.
    Over loopback it is in that end's queue when send(2) returns.
    """
    here, there = (f":{name[1]:04X}" for name in (s.getsockname(), s.getpeername()))

    def unread():
        with open("/proc/net/tcp", encoding="ascii") as table:
            for row in map(str.split, table):
                if row[1].endswith(there) and row[2].endswith(here):
                    return int(row[4].split(":")[1], 16)
        return 0

    wait_until(lambda: not unread())


def run_all(names):
    failed = 0
    chosen = [t for t in TESTS if not names or t.__name__ in names]
    for number, function in enumerate(chosen, 1):
        signal.alarm(90)
        try:
            function()
            print(f"ok {number} - {function.__doc__}", flush=True)
        except BaseException as error:  # pylint: disable=broad-except
            failed += 1
            print(f"not ok {number} - {function.__doc__} ({function.__name__})")
            for line in traceback.format_exc().splitlines():
                print("# " + line)
            sys.stdout.flush()
            if isinstance(error, KeyboardInterrupt):
                break
        signal.alarm(0)
    print(f"1..{len(chosen)}")
    print(f"{len(chosen) - failed} passed, {failed} failed")
    return 1 if failed or not chosen else 0


def too_long(_signal, _frame):
    raise TimeoutError("the test hangs")


signal.signal(signal.SIGALRM, too_long)


# ---- the server ----

class Proxy:
    """A running server; .port of the first listener, .addresses of all, .log() of -v."""

    def __init__(self, *options, listen=("127.0.0.1:0",), env=None, setup=None):
        args = [BINARY, "proxy", "-v"]
        for where in listen:
            args += ["--listen", where]
        self.process = subprocess.Popen(
            args + list(options), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**os.environ, **(env or {})}, preexec_fn=setup)
        self.addresses = []
        for _ in listen:
            line = self.process.stdout.readline()
            true(line.startswith("listening on "), f"says where it listens: {line!r}")
            self.addresses.append(line.split()[2])
        self.port = None
        if not self.addresses[0].startswith("unix:"):
            self.port = int(self.addresses[0].rsplit(":", 1)[1])
        self.lines = []
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.process.stderr:
            self.lines.append(line.rstrip("\n"))

    def log(self, count=1):
        """The log, once it has `count` lines."""
        wait_until(lambda: len(self.lines) >= count)
        return list(self.lines)

    def connect(self):
        s = socket.create_connection(("127.0.0.1", self.port), timeout=10)
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return s

    def memory(self):
        """Resident KiB."""
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))

    def files(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def processor(self):
        """Seconds of processor time."""
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def rests(self):
        """It sleeps, and has not woken up for a while."""
        def looks():
            with open(f"/proc/{self.process.pid}/status", encoding="ascii") as status:
                return [line for line in status if line.startswith(("State", "voluntary_ctxt"))]

        before = looks()
        time.sleep(0.05)  # what is asked about
        return "S (sleeping)" in before[0] and looks() == before

    def end(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        status = self.process.wait(10)
        self.reader.join(5)
        self.process.stdout.close()
        self.process.stderr.close()
        return status

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if self.process.returncode is not None:
            return
        status = self.end()
        if status and not kind:
            raise AssertionError(f"exit status {status}\n" + "\n".join(self.lines))


# ---- targets ----

class Target:
    """A server on loopback that runs `serve(socket)` in a thread for each client."""

    def __init__(self, serve, family=socket.AF_INET):
        self.serve = serve
        self.peers = []
        self.listener = socket.socket(family)
        self.listener.bind(("127.0.0.1" if family == socket.AF_INET else "::1", 0))
        self.listener.listen(512)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, peer = self.listener.accept()
                client.settimeout(20)
                self.peers.append(peer[:2])
                threading.Thread(target=self._one, args=(client,), daemon=True).start()

    def _one(self, client):
        with contextlib.suppress(OSError), client:
            self.serve(client)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


def echo(client):
    while data := client.recv(65536):
        client.sendall(data)


def answer_at_end(client):
    """Reads to the end of file, then answers: needs half-close."""
    data = read_all(client)
    client.sendall(b"got %d" % len(data))


@contextlib.contextmanager
def many_echo(count):
    """An echo server in a process of its own, for `count` clients. Gives its port."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(4096)
    pid = os.fork()
    if not pid:
        signal.alarm(120)
        try:
            echo_loop(listener)
        finally:
            os._exit(0)
    true(count, "somebody comes")
    port = listener.getsockname()[1]
    listener.close()
    try:
        yield port
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def echo_loop(listener):
    poll = select.epoll()
    clients = {}
    poll.register(listener, select.EPOLLIN)
    while True:
        for fd, _ in poll.poll():
            if fd == listener.fileno():
                client, _ = listener.accept()
                clients[client.fileno()] = client
                poll.register(client, select.EPOLLIN)
                continue
            data = b""
            with contextlib.suppress(OSError):
                data = clients[fd].recv(4096)
                clients[fd].sendall(data)
            if not data:
                clients.pop(fd).close()


def unused_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def raise_limit():
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


# ---- messages ----

def greeting(*methods):
    return bytes([5, len(methods), *methods])


def password(user, word):
    return bytes([1, len(user)]) + user + bytes([len(word)]) + word


def address(host):
    """Type and address: v4, v6, or a name (bytes)."""
    if isinstance(host, bytes):
        return bytes([3, len(host)]) + host
    if ":" in host:
        return b"\x04" + socket.inet_pton(socket.AF_INET6, host)
    return b"\x01" + socket.inet_aton(host)


def request(host, port, command=1):
    return bytes([5, command, 0]) + address(host) + struct.pack(">H", port)


def request4(host, port, user=b"", command=1):
    head = bytes([4, command]) + struct.pack(">H", port)
    if isinstance(host, bytes):
        return head + b"\0\0\0\x01" + user + b"\0" + host + b"\0"
    return head + socket.inet_aton(host) + user + b"\0"


def read(s, count):
    data = b""
    while len(data) < count:
        more = s.recv(count - len(data))
        if not more:
            break
        data += more
    return data


def read_all(s):
    data = bytearray()
    while more := s.recv(65536):
        data += more
    return bytes(data)


def read_reply(s):
    """(code, type, address bytes, port) of a SOCKS5 reply; (None,) at the end of file."""
    head = read(s, 4)
    if len(head) < 4:
        return (None, head)
    equal(head[0], 5, "version of the reply")
    length = {0: 4, 1: 4, 4: 16}.get(head[3])
    if length is None:
        length = read(s, 1)[0]
    rest = read(s, length + 2)
    equal(len(rest), length + 2, "length of the reply")
    return (head[1], head[3], rest[:-2], struct.unpack(">H", rest[-2:])[0])


def open5(proxy, host, port, command=1):
    """A SOCKS5 connection without authentication: the socket and its reply."""
    s = proxy.connect()
    s.sendall(greeting(0))
    equal(read(s, 2), b"\5\0", "method")
    s.sendall(request(host, port, command))
    return s, read_reply(s)


def connect5(proxy, host, port):
    s, reply = open5(proxy, host, port)
    equal(reply[0], 0, "code")
    return s


def code5(proxy, host, port, command=1):
    s, reply = open5(proxy, host, port, command)
    with s:
        equal(s.recv(1), b"", "after the refusal")
    return reply[0]


def ends_with_reset(s):
    """Reads to the end: True for a reset, False for an end of file."""
    try:
        read_all(s)
        return False
    except ConnectionResetError:
        return True
