# SPDX-License-Identifier: MIT
"""report.py CASE: one test of Report. This process is the controller and the proxy; sockshim runs its children.

Prints "ok", or what is wrong. Nothing is judged by time: it waits for what must come.
"""
import atexit
import concurrent.futures
import contextlib
import errno
import ipaddress
import itertools
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

SOCKSHIM = os.environ["BUILD"] + "/sockshim"
PROGRAMS = os.environ["BUILD"] + "/tests/e2e/"
DIR = tempfile.mkdtemp(dir=os.environ["TMPDIR"])
SOCKET = DIR + "/controller"
LIMIT = 20  # seconds, for what must come at once
COOKIE = 57

# What a child does: connects as many times as it is told, one after another or at once.
ONE = """
import os, socket, sys
def one(to=("203.0.113.80", 80)):
    s = socket.socket()
    try:
        s.connect(to)
        said = "%d %d" % (s.getsockname()[1], int.from_bytes(s.getsockopt(socket.SOL_SOCKET, 57, 8), "little"))
    except OSError as e:
        said = str(e.errno)
    os.write(1, said.encode() + b"\\n")
    return s
"""


def check(truth, *words):
    if not truth:
        raise AssertionError(words)


class Proxy:
    """SOCKS5 and its clients' first bytes; a client that got its reply stays connected."""

    def __init__(self, ip="127.0.0.1"):
        self.listener = socket.create_server((ip, 0), family=socket.AF_INET6 if ":" in ip else socket.AF_INET, backlog=512)
        self.url = "socks5://%s:%d" % ("[%s]" % ip if ":" in ip else ip, self.listener.getsockname()[1])
        self.before = None  # called with the peer's port when its first byte is there
        self.users, self.clients = [], []

    def accept(self):
        self.listener.settimeout(LIMIT)
        c, peer = self.listener.accept()
        c.settimeout(LIMIT)
        return c, peer[1]

    @staticmethod
    def need(c, n):
        data = b""
        while len(data) < n:
            piece = c.recv(n - len(data))
            check(piece, "the client is gone")
            data += piece
        return data

    def serve(self, c, port):
        first = self.need(c, 1)
        if self.before:
            self.before(port)
        check(first == b"\5", first)
        methods = self.need(c, self.need(c, 1)[0])
        if 2 in methods:
            c.sendall(b"\5\2")
            self.need(c, 1)
            self.users.append(self.need(c, self.need(c, 1)[0]).decode())
            self.need(c, self.need(c, 1)[0])
            c.sendall(b"\1\0")
        else:
            c.sendall(b"\5\0")
        command, kind = self.need(c, 4)[1::2]
        self.need(c, {1: 4, 4: 16}.get(kind) or self.need(c, 1)[0])
        self.need(c, 2)
        c.sendall(b"\5\0\0\1" + (socket.inet_aton("203.0.113.80") if command == 0xf0 else bytes(4)) + bytes(2))
        self.clients.append(c)

    def run(self, before=None):
        self.before = before

        def loop():
            with contextlib.suppress(OSError):
                while True:
                    c, port = self.accept()
                    threading.Thread(target=self.guarded, args=(c, port), daemon=True).start()
        threading.Thread(target=loop, daemon=True).start()
        return self

    def guarded(self, c, port):
        with contextlib.suppress(OSError, AssertionError):
            self.serve(c, port)


class Connection:
    def __init__(self, sock):
        self.sock, self.data = sock, b""
        sock.settimeout(LIMIT)
        self.pid = struct.unpack("3i", sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0]

    def line(self):
        """The next report; None at the end."""
        while b"\n" not in self.data:
            piece = self.sock.recv(65536)
            if not piece:
                check(not self.data, "a line without its end", self.data)
                return None
            self.data += piece
        line, self.data = self.data.split(b"\n", 1)
        return json.loads(line)

    def event(self, name):
        while (r := self.line()) and r["event"] != name:
            pass
        check(r, "no", name)
        return r

    def rest(self):
        return list(iter(self.line, None))

    def answer(self, seq, **words):
        self.sock.sendall(json.dumps({"seq": seq, **words}).encode() + b"\n")


class Controller:
    def __init__(self, backlog=512, path=SOCKET):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        os.chmod(path, 0o666)
        self.listener.listen(backlog)
        self.listener.settimeout(LIMIT)

    def accept(self):
        return Connection(self.listener.accept()[0])

    def collect(self, child, supervisor=False):
        """All that is reported until the child is gone: {pid: [report, …]} in the order of connections."""
        found, lock = [], threading.Lock()

        def read(c):
            reports = c.rest()
            with lock:
                found.append((c.pid, reports))
        threads = []
        self.listener.settimeout(0.01)
        while True:
            gone = child.poll() is not None
            try:
                c = self.accept()
            except TimeoutError:
                if gone:
                    break
                continue
            threads.append(threading.Thread(target=read, args=(c,), daemon=True))
            threads[-1].start()
        for t in threads:
            t.join(LIMIT)
        self.listener.settimeout(LIMIT)
        return [(pid, reports) for pid, reports in found if supervisor or reports[0]["by"] == "library"]


def shim(proxy, *command, report="unix:" + SOCKET, options=(), **popen):
    words = [SOCKSHIM, "-p", proxy.url, "-o", "Report=" + report]
    for o in options:
        words += ["-o", o]
    return subprocess.Popen([*words, *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **popen)


def python(proxy, code, **more):
    return shim(proxy, sys.executable, "-c", ONE + code, **more)


def output(child):
    out, err = child.communicate(timeout=LIMIT)
    return out.split("\n")[:-1], err


def background(*command, **popen):
    """A program that ends when this one does."""
    child = subprocess.Popen(*command, **popen)
    atexit.register(child.kill)
    return child


def refusals(out):
    return [line for line in out if len(line.split()) == 1]


def case_fields():
    controller = Controller()
    proxy = Proxy().run()
    child = shim(proxy, sys.executable, "-c", ONE + "one((socket.gethostbyname('a.example'), 443)); one()",
                 options=("Tag=scan \"7\" ä", "Isolate=process"))
    c = controller.accept()
    reports = c.rest()
    out = output(child)[0]
    check([r["event"] for r in reports] == ["start", "connect", "reply", "connect", "reply"], reports)
    check([r["seq"] for r in reports] == [1, 2, 3, 4, 5], reports)
    times = [r["t"] for r in reports]
    check(times == sorted(times) and all(r["v"] == 1 and r["tag"] == 'scan "7" ä' for r in reports), reports)
    _, first, reply, second, _ = reports
    check(all(r["pid"] == r["tid"] == c.pid and r["by"] == "library" for r in reports), reports, c.pid)
    check(first["ppid"] == child.pid and first["started"] > 0, first)
    check(os.path.samefile(first["exe"], sys.executable), first)
    for line, r in zip(out, (first, second), strict=True):
        port, cookie = map(int, line.split())
        check(r["source_port"] == port and r["source"] == "127.0.0.1:%d" % port and r["cookie"] == cookie, line, r)
    check(first["host"] == "a.example" and first["port"] == 443 and first["how"] == "name", first)
    check(ipaddress.ip_address(first["address"]) in ipaddress.ip_network("198.18.0.0/15"), first)
    check(first["proxy"] == proxy.url and first["hop"] == 1, first)
    check(first["protocol"] == "socks5" and first["command"] == "connect", first)
    check(first["socks_user"] == proxy.users[0] and "password" not in json.dumps(reports), first)
    check(second["how"] == "literal" and second["address"] == "203.0.113.80" and "host" not in second, second)
    check(reply["cookie"] == first["cookie"] and reply["code"] == 0 and reply["ms"] >= 0, reply)


def case_bytes():
    """Names that are not UTF-8 come back as they were: of programs (library and guard), of a host, a tag."""
    controller = Controller()
    proxy = Proxy().run()
    odd = os.fsencode(DIR) + b"/\xff \xc3(\"\n"
    os.mkdir(odd)
    os.chmod(odd, 0o755)
    for name in "static_connect", "report_vfork":
        shutil.copy(PROGRAMS + name, odd + b"/" + name.encode())
    child = shim(proxy, "sh", "-c", '"$0"/static_connect >/dev/null; "$0"/report_vfork >/dev/null; "$1" -c "$2"',
                 odd, sys.executable, "import socket; socket.create_connection((b'b\\xffr.example', 80))",
                 options=(b"Tag=t\xffg",))
    found = controller.collect(child, True)
    out, err = output(child)
    told = [r for _, reports in found for r in reports if r["event"] == "connect"]
    exes = {os.fsencode(r["exe"]) for r in told}
    check({odd + b"/static_connect", odd + b"/report_vfork"} < exes, exes, out, err)
    check({os.fsencode(r["tag"]) for r in told} == {b"t\xffg"}, told)
    check([os.fsencode(r["host"]) for r in told if "host" in r] == [b"b\xffr.example"], told, err)


def case_kinds():
    """IPv6 to the proxy; RESOLVE and RESOLVE_PTR; process start time and thread."""
    controller = Controller()
    proxy = Proxy("::1").run()
    proxy.url = proxy.url.replace("socks5", "tor")
    child = shim(proxy, sys.executable, "-c", ONE + """
one()
print(open("/proc/self/stat").read().rsplit(")", 1)[1].split()[19], flush=True)
try: socket.gethostbyname("a.example"); socket.gethostbyaddr("192.0.2.7")
except OSError: pass
""", options=("Resolve=remote",))
    reports = controller.accept().rest()
    (line, started), err = output(child)
    told = [r for r in reports if r["event"] == "connect"]
    check([r["command"] for r in told] == ["connect", "resolve", "ptr"], told, err)
    connect, resolve, ptr = told
    check(connect["source"] == "[::1]:" + line.split()[0] and connect["proxy"] == proxy.url, connect, line)
    check(all(r["started"] == int(started) and r["tid"] == r["pid"] for r in told), told, started)
    check(resolve["host"] == "a.example" and "port" not in resolve and resolve["how"] == "lookup", resolve)
    check(ptr["address"] == "192.0.2.7" and "port" not in ptr and "host" not in ptr, ptr)


def case_order():
    """When the proxy has the first byte of a stream, the controller has its report."""
    controller = Controller()
    wrong = []
    connections = {}

    def before(port):
        controller.listener.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                c = controller.accept()
                connections[c.pid] = c
        for c in connections.values():
            c.sock.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                c.data += c.sock.recv(1 << 20)
        if not any(b'"source_port":%d,' % port in c.data for c in connections.values()):
            wrong.append(port)
    proxy = Proxy()
    proxy.before = before
    child = python(proxy, "for i in range(20):\n one()\n if i == 9: os.fork()")
    for _ in range(30):
        proxy.serve(*proxy.accept())
    out, _ = output(child)
    check(not wrong and len(out) == 30 and not refusals(out), wrong, out)


def case_unreachable():
    """No controller, a dead one, one whose queue is full: optional goes on, required refuses with one line."""
    proxy = Proxy().run()

    def try_both(path):
        out, err = output(python(proxy, "one(); one()", report=path))
        check(len(out) == 2 and not refusals(out) and not err, path, out, err)
        out, err = output(python(proxy, "one(); one()", report=path,
                                 options=("ReportMode=required", "ReportTimeout=0.2")))
        check(out == [str(errno.ECONNREFUSED)] * 2 and "cannot be reported to " + path in err, path, out, err)
        check(len(err.split("\n")) == 3, err)

    try_both("unix:" + DIR + "/none")
    controller = Controller(0)
    with socket.socket(socket.AF_UNIX) as filler:
        filler.connect(SOCKET)
        try_both("unix:" + SOCKET)
    controller.listener.close()
    try_both("unix:" + SOCKET)
    with socket.create_server(("127.0.0.1", 0)) as s:
        port = s.getsockname()[1]
    try_both("tcp:127.0.0.1:%d" % port)
    try_both("fd:77")
    try_both("file:" + DIR + "/none/file")
    check(not proxy.users, proxy.users)


def case_full():
    """A controller that stops reading: optional drops, counts and says so; required refuses."""
    for mode in "optional", "required":
        controller = Controller()
        proxy = Proxy().run()
        r, w = os.pipe()
        child = python(proxy, "for i in range(200): one().close()\n"
                       "os.write(1, b'done\\n'); os.read(%d, 1); one()" % r, pass_fds=(r,),
                       options=("ReportMode=" + mode, "ReportTimeout=0.01", "Log=error"))
        c = controller.accept()
        out = [line.strip() for line in iter(child.stdout.readline, "done\n")]
        reports = [c.line() for _ in range(5)]
        refused = refusals(out)
        check(len(out) == 200 and bool(refused) == (mode == "required"), mode, len(out), len(refused))
        check(set(refused) <= {str(errno.ECONNREFUSED)}, set(refused))
        c.sock.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                c.data += c.sock.recv(1 << 20)
        c.sock.settimeout(LIMIT)
        os.write(w, b"x")
        reports += c.rest()
        child.wait(LIMIT)
        lost = sum(r["count"] for r in reports if r["event"] == "lost")
        seqs = [r["seq"] for r in reports]
        check(lost and seqs[-1] - len(seqs) == lost, mode, lost, seqs[-1], len(seqs))
        check(reports[-1]["event"] == "reply" and reports[-3]["event"] == "lost", reports[-3:])
        if mode == "required":
            told = {str(r["source_port"]) for r in reports if r["event"] == "connect"}
            check(all(line.split()[0] in told for line in out if line not in refused))


NONBLOCKING = """
import asyncio
async def go():
    try:
        r, w = await asyncio.open_connection("203.0.113.80", 80)
        print(w.get_extra_info("sockname")[1], 0, flush=True)
    except OSError as e:
        print(e.errno, flush=True)
asyncio.run(go())
"""
STATIC = "%sstatic_connect >/dev/null && echo open || echo %d" % (PROGRAMS, errno.ECONNREFUSED)
KINDS = [sys.executable, "-c", ONE + "one()"], [sys.executable, "-c", NONBLOCKING], ["sh", "-c", STATIC]
CONTROLLERS = "absent", "dead", "queue", "mute", "garbage", "flood", "slow", "hangs up"


def start_controller(how, path):
    """What the program finds at `path`."""
    if how == "absent":
        return
    controller = Controller(0 if how == "queue" else 512, path)
    if how == "dead":
        controller.listener.close()
    if how == "queue":
        controller.filler = socket.socket(socket.AF_UNIX)
        controller.filler.connect(path)
    if how in ("dead", "queue"):
        return controller

    def speak(c):
        with contextlib.suppress(OSError):
            if how == "garbage":
                c.sock.sendall(b"HTTP/1.1 400 Bad Request\r\n{\"seq\":2}\n\0\xff{\n[[[[\n")
            while how == "flood":
                c.sock.sendall(b"\xff" * 4096)
            while (report := c.line()):
                if how == "slow" and report["event"] == "connect":
                    time.sleep(0.05)  # what slow means; nothing is judged by it
                    c.answer(report["seq"], go=True)

    def listen():
        with contextlib.suppress(OSError):
            while True:
                c = controller.accept()
                if how == "hangs up":
                    c.sock.close()
                else:
                    threading.Thread(target=speak, args=(c,), daemon=True).start()
    threading.Thread(target=listen, daemon=True).start()
    return controller


def case_controllers():
    """Each sort of controller, in each mode: a blocking, a non-blocking connection, one of a static program."""
    proxy = Proxy().run()
    wrong = []

    def session(number, how, mode, ack):
        path = "%s.%d" % (SOCKET, number)
        controller = start_controller(how, path)
        child = shim(proxy, "sh", "-c", '"$0" -c "$1"; ' + STATIC, sys.executable, ONE + "one()" + NONBLOCKING,
                     report="unix:" + path, options=("ReportMode=" + mode, "ReportAck=" + ack,
                                                     "ReportTimeout=" + ("15" if how == "slow" else "0.2")))
        out, err = output(child)
        refused = [line for line in out if line == str(errno.ECONNREFUSED)]
        wanted = 3 * (mode == "required" and (how in ("absent", "dead", "queue") or (ack == "yes" and how != "slow")))
        if how == "hangs up" and mode == "required" and ack == "no":
            wanted = len(refused)  # it may have hung up before the report, or after
        if len(refused) != wanted or len(out) != 3 or err.count("cannot be reported") != wanted or err.count("\n") != wanted:
            wrong.append((how, mode, ack, out, err))
        if controller:
            controller.listener.close()
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        ways = itertools.product(CONTROLLERS, ("optional", "required"), ("no", "yes"))
        for run in [pool.submit(session, i, *way) for i, way in enumerate(ways)]:
            run.result()
    check(not wrong, *wrong)


def case_anew():
    """Required waits for a controller that is started anew: it was never there, has died, hangs up at first."""
    proxy = Proxy()
    for ack, how, kind in itertools.product(("no", "yes"), ("absent", "dead", "hangs up"), KINDS):
        controller = Controller()
        if how == "absent":
            os.unlink(SOCKET)
        if how != "hangs up":
            controller.listener.close()
        child = shim(proxy, *kind, options=("ReportMode=required", "ReportAck=" + ack, "ReportTimeout=15"))
        p, port = proxy.accept()
        if how != "hangs up":
            controller = Controller()
        elif ack == "yes":  # without, what was sent was told
            for _ in range(3):
                controller.accept().sock.close()
        c = controller.accept()
        r = c.event("connect")
        check(r["source_port"] == port, r, port)
        if ack == "yes":
            c.answer(r["seq"], go=True)
        proxy.serve(p, port)
        out, err = output(child)
        check(str(errno.ECONNREFUSED) not in out and len(out) == 1 and not err, ack, how, kind, out, err)
        controller.listener.close()


def case_hang_up():
    """Between two connects the controller hangs up: one that still listens gets a new connection, else none goes on."""
    proxy = Proxy().run()
    for ack, listens in ("no", True), ("yes", True), ("no", False):
        controller = Controller()
        r, w = os.pipe()
        child = python(proxy, "a = one(); os.read(%d, 1); b = one(); os.read(%d, 1); c = one()" % (r, r), pass_fds=(r,),
                       options=("ReportMode=required", "ReportAck=" + ack, "ReportTimeout=" + ("15" if listens else "0.2")))

        def told(c, lost=0, ack=ack, child=child):
            first = [c.line()["event"], c.event("lost")["count"] if lost else 0]
            report = c.event("connect")
            check(first == ["start", lost] and report["seq"] == 2 + bool(lost), first, report)
            if ack == "yes":
                c.answer(report["seq"], go=True)
            check(c.event("reply")["seq"] == report["seq"] + 1, report)
            check(child.stdout.readline().split()[0] == str(report["source_port"]), report)
        c = controller.accept()
        told(c)
        c.sock.close()
        if not listens:
            controller.listener.close()
        os.write(w, b"x")
        if not listens:
            check(child.stdout.readline() == "%d\n" % errno.ECONNREFUSED)
            controller = Controller()  # started anew
            os.write(w, b"x")
        told(controller.accept(), 0 if listens else 1)
        err = child.communicate(timeout=LIMIT)[1] if not listens else ""
        check(err.count("\n") == (not listens) and err.count("cannot be reported") == (not listens), err)
        child.kill()
        child.wait()


def case_proven():
    """Who sent a report need not be believed: SO_PASSCRED tells, also after fork, and of a line that lies."""
    controller = Controller()
    controller.listener.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
    proxy = Proxy().run()
    child = python(proxy, """
one()
pid = os.fork()
if not pid:
    one()
    os._exit(0)
os.waitpid(pid, 0)
s = socket.socket(socket.AF_UNIX)
s.connect(%r)
s.sendall(b'{"event":"connect","pid":1}\\n')
""" % SOCKET)
    told, liars = [], 0
    for _ in range(3):
        c = controller.listener.accept()[0]
        c.settimeout(LIMIT)
        while True:
            data, notes = c.recvmsg(65536, 256)[:2]
            if not data:
                break
            pid = struct.unpack("3i", notes[0][2])[0]
            for report in map(json.loads, data.splitlines()):
                told.append((pid, report["pid"]))
                liars += pid != report["pid"]
    out, err = output(child)
    check(len({sender for sender, _ in told}) == 2 and liars == 1 and told[-1][1] == 1, told, out, err)
    check(len(told) == 7 and told[-1][0] == told[0][0], told)


def case_answers():
    """go, deny, user; the proxy hears nothing before."""
    controller = Controller()
    proxy = Proxy()
    child = python(proxy, "for i in range(4): one()", options=("ReportAck=yes", "ReportMode=required"))
    c = controller.accept()
    for words, result in (({"go": True}, 0), ({"deny": "EACCES"}, errno.EACCES), ({"user": "job7 ä"}, 0),
                          ({"go": False}, errno.ECONNREFUSED)):
        r = c.event("connect")
        check(r["ack"] is True, r)
        p, port = proxy.accept()
        check(port == r["source_port"], port, r)
        p.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            check(p.recv(1) is None, "a byte before the answer")
        p.settimeout(LIMIT)
        c.answer(r["seq"] + 1000, deny="EPERM")  # of nobody
        c.answer(r["seq"], **words)
        if result == 0:
            proxy.serve(p, port)
        line = child.stdout.readline().split()
        check(line == [str(result)] if result else int(line[0]) == port, words, line)
        reply = c.event("reply")
        check(("errno" in reply) == bool(result), reply)
    check(proxy.users == ["job7 ä"], proxy.users)
    out, err = output(child)
    check(err.count("\n") <= 2, err)


def case_no_answer():
    """Optional waits once for a controller that says nothing, and again once it has spoken."""
    controller = Controller()
    proxy = Proxy().run()
    child = python(proxy, "for i in range(3): one(); sys.stdin.readline()", stdin=subprocess.PIPE,
                   options=("ReportAck=yes", "ReportTimeout=0.2"))
    c = controller.accept()
    first = c.event("connect")
    check(first["ack"] and len(child.stdout.readline().split()) == 2)
    child.stdin.write("\n")
    child.stdin.flush()
    second = c.event("connect")
    check("ack" not in second and len(child.stdout.readline().split()) == 2, second)
    c.answer(first["seq"], go=True)  # too late, and yet a sign of life: heard at the next report
    child.stdin.write("\n")
    child.stdin.flush()
    check(len(child.stdout.readline().split()) == 2)
    child.communicate("\n", timeout=LIMIT)


NONBLOCK = """
import asyncio, select
async def go(n):
    ticks = 0
    async def tick():
        nonlocal ticks
        while True:
            ticks += 1
            if ticks == 20: print("ticked", flush=True)
            await asyncio.sleep(0.001)
    t = asyncio.create_task(tick())
    async def open_one(i):
        try:
            r, w = await asyncio.open_connection("203.0.113.80", 80)
            return w.get_extra_info("sockname")[1]
        except OSError as e:
            return -(e.errno or 0)
    print(*await asyncio.gather(*[open_one(i) for i in range(n)]), flush=True)
    t.cancel()
"""
WAITS = {
    "poll": "p = select.poll(); p.register(s, select.POLLOUT); ready = p.poll",
    "select": "ready = lambda ms: select.select([], [s], [], ms / 1000)[1]",
    "epoll": "e = select.epoll(); e.register(s, select.EPOLLOUT | select.EPOLLET); ready = lambda ms: e.poll(ms / 1000)",
}


def case_nonblock():
    """The program's loop goes on while the controller thinks; each answer finds its stream, in any order."""
    proxy = Proxy().run()
    for denied in False, True:
        controller = Controller()
        child = python(proxy, NONBLOCK + "asyncio.run(go(30))",
                       options=("ReportAck=yes", "ReportMode=required", "ReportTimeout=15", "Log=error"))
        c = controller.accept()
        reports = [c.event("connect") for _ in range(30)]
        check(child.stdout.readline() == "ticked\n")
        for r in reversed(reports):
            if denied and r["seq"] % 2:
                c.answer(r["seq"], deny="EPERM")
            else:
                c.answer(r["seq"], go=True)
        got = [int(n) for n in child.stdout.readline().split()]
        want = {r["source_port"] if not (denied and r["seq"] % 2) else -errno.EPERM for r in reports}
        check(len(got) == 30 and set(got) == want, got, want, child.stderr.read())
        child.wait(LIMIT)
    for name, code in WAITS.items():
        controller = Controller()
        child = python(proxy, """
import select
s = socket.socket(); s.setblocking(False)
print(s.connect_ex(("203.0.113.80", 80)))
%s
print(len(ready(30)), flush=True)
print(len(ready(10000)), s.getsockopt(1, 4), s.getpeername()[1])""" % code,
                       options=("ReportAck=yes", "ReportTimeout=15"))
        c = controller.accept()
        r = c.event("connect")
        first = [child.stdout.readline().strip() for _ in range(2)]
        check(first == ["115", "0"], name, first)
        c.answer(r["seq"], go=True)
        out, err = output(child)
        check(out == ["1 0 80"], name, out, err)


def case_nonblock_slow():
    """Without an answer a non-blocking connect fails after ReportTimeout, or goes on."""
    proxy = Proxy().run()
    for mode, want in ("required", [-errno.ECONNREFUSED]), ("optional", None):
        controller = Controller()
        child = python(proxy, NONBLOCK + "asyncio.run(go(1))",
                       options=("ReportAck=yes", "ReportMode=" + mode, "ReportTimeout=0.2"))
        c = controller.accept()
        r = c.event("connect")
        out, err = output(child)
        got = [int(n) for n in out[-1].split()]
        check(got == (want or [r["source_port"]]), mode, got, err)
        check(err.count("cannot be reported") == (mode == "required"), err)


def case_processes():
    """Forks, children of children, threads, spawned programs: all is reported, by a connection each."""
    controller = Controller()
    proxy = Proxy().run()
    child = python(proxy, """
import subprocess, threading
one()
pids = []
for i in range(3):
    pid = os.fork()
    if not pid:
        one()
        if not os.fork():
            one()
            os._exit(0)
        os.wait()
        one()
        os._exit(0)
    pids.append(pid)
for p in pids: os.waitpid(p, 0)
subprocess.run([sys.executable, "-c", "import socket; s = socket.create_connection(('203.0.113.80', 80)); print(s.getsockname()[1], 0, flush=True)"])
ts = [threading.Thread(target=lambda: [one() for i in range(10)]) for t in range(8)]
for t in ts: t.start()
for t in ts: t.join()
one()
""")
    found = controller.collect(child)
    out, err = output(child)
    ports = sorted(int(line.split()[0]) for line in out)
    told = sorted(r["source_port"] for _, reports in found for r in reports if r["event"] == "connect")
    check(ports == told and len(ports) == 1 + 3 * 3 + 1 + 80 + 1, len(ports), len(told), out, err)
    for pid, reports in found:
        check(reports[0]["event"] == "start" and all(r["pid"] == pid for r in reports), pid, reports)
        check([r["seq"] for r in reports] == list(range(1, len(reports) + 1)), reports)
    check(len({pid for pid, _ in found}) == 8, [pid for pid, _ in found])
    main = [reports for _, reports in found if len(reports) > 100]
    check(len({r["tid"] for r in main[0]}) == 9, main)


def case_descriptors():
    """The program closes all, or puts a file of its own over our number: nothing goes there, all is reported."""
    controller = Controller()
    proxy = Proxy().run()
    child = python(proxy, """
one()
fds = {int(n): os.readlink("/proc/self/fd/" + n) for n in os.listdir("/proc/self/fd") if int(n) > 2 and os.path.exists("/proc/self/fd/" + n) or n in "012"}
ours = [n for n in range(900, 1024) if not os.system("test -e /proc/%d/fd/%d" % (os.getpid(), n))]
print("ours", *ours, file=sys.stderr)
assert len(ours) == 1 and os.get_inheritable(ours[0]) is False
f = open(sys.argv[1], "w")
os.dup2(f.fileno(), ours[0])
one()
a, b = socket.socketpair()
b.setblocking(False)
for n in range(900, 1024): 
    if n in ours: os.dup2(a.fileno(), n)
one()
try: print("stranger got", b.recv(100), file=sys.stderr)
except BlockingIOError: pass
os.closerange(3, 65536)
one()
os.closerange(3, 65536)
import resource
resource.setrlimit(resource.RLIMIT_NOFILE, (32, 32))
one().close()
one().close()
print(sorted(int(n) for n in os.listdir("/proc/self/fd"))[-1] < 32, file=sys.stderr)
""".replace("sys.argv[1]", repr(DIR + "/stranger")))
    found = controller.collect(child)
    out, err = output(child)
    told = [r["source_port"] for _, reports in found for r in reports if r["event"] == "connect"]
    check(sorted(told) == sorted(int(line.split()[0]) for line in out) and len(out) == 6, out, told, err)
    check("stranger" not in err and "True" in err and not os.path.getsize(DIR + "/stranger"), err)


def case_inherited():
    """fd:N: a pipe and a socket, of many processes; a file."""
    proxy = Proxy().run()
    many = "one()\nfor i in range(20):\n if not os.fork():\n  for i in range(5): one().close()\n  os._exit(0)\nfor i in range(20): os.wait()"

    def verify(text, out):
        reports = [json.loads(line) for line in text.split("\n")[:-1]]
        told = sorted(r["source_port"] for r in reports if r["event"] == "connect")
        check(len(out) == 101 and told == sorted(int(line.split()[0]) for line in out), len(told), len(out))
        check(len({r["pid"] for r in reports if r["event"] == "start" and r["by"] == "library"}) == 21)

    def drain(read, child):
        text = []
        t = threading.Thread(target=lambda: text.extend(iter(read, b"")))
        t.start()
        out, err = output(child)
        t.join(LIMIT)
        check(not err, err)
        verify(b"".join(text).decode(), out)
    r, w = os.pipe()
    child = python(proxy, many, report="fd:%d" % w, pass_fds=(w,))
    os.close(w)
    drain(lambda: os.read(r, 65536), child)
    a, b = socket.socketpair()
    child = python(proxy, many, report="fd:%d" % b.fileno(), pass_fds=(b.fileno(),))
    b.close()
    drain(lambda: a.recv(65536), child)
    out, err = output(python(proxy, many, report="file:" + DIR + "/file"))
    check(not err, err)
    with open(DIR + "/file", encoding="utf-8") as f:
        verify(f.read(), out)
    # another file under the number is not ours
    r, w = os.pipe()
    child = python(proxy, "os.dup2(os.open(%r, os.O_WRONLY | os.O_CREAT), %d); one()" % (DIR + "/other", w),
                   report="fd:%d" % w, pass_fds=(w,), options=("ReportMode=required",))
    os.close(w)
    out, err = output(child)
    check(out == [str(errno.ECONNREFUSED)] and not os.path.getsize(DIR + "/other"), out, err)
    # nobody reads: SIGPIPE is not the program's
    r, w = os.pipe()
    child = python(proxy, "import signal; signal.signal(signal.SIGPIPE, signal.SIG_DFL); one()", report="fd:%d" % w,
                   pass_fds=(w,))
    os.close(w)
    os.close(r)
    out, _ = output(child)
    check(child.returncode == 0 and len(out) == 1 and not refusals(out), child.returncode, out)


def case_tcp():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        proxy = Proxy().run()
        child = python(proxy, "one()", report="tcp:localhost:%d" % listener.getsockname()[1],
                       options=("ReportAck=yes", "ReportMode=required"))
        listener.settimeout(LIMIT)
        s, _ = listener.accept()
        s.settimeout(LIMIT)
        f = s.makefile("r")
        r = next(r for r in map(json.loads, f) if r["event"] == "connect")
        s.sendall(b'{"seq":%d,"go":true}\n' % r["seq"])
        out, err = output(child)
        check(out[0].split()[0] == str(r["source_port"]), out, err)


def case_guard():
    """Programs without the library: reported by the supervisor, on its one connection, before the first byte."""
    controller = Controller()
    proxy = Proxy()
    child = shim(proxy, "sh", "-c", "%sstatic_connect; echo $?; %sstatic_connect; echo $?" % (PROGRAMS, PROGRAMS),
                 options=("ReportAck=yes", "ReportMode=required"))
    c = None
    for words, status in ({"user": "static"}, "0"), ({"deny": "EPERM"}, "1"):
        p, port = proxy.accept()
        c = c or controller.accept()
        r = c.event("connect")
        check(r["source_port"] == port and r["by"] == "supervisor" and r["exe"].endswith("static_connect"), r)
        check(r["pid"] != child.pid == c.pid and r["ppid"] and r["address"] == "203.0.113.80", r, child.pid)
        c.answer(r["seq"], **words)
        if status == "0":
            proxy.serve(p, port)
        check(child.stdout.readline() == "ran\n" and child.stdout.readline() == status + "\n", words)
    check(proxy.users == ["static"], proxy.users)
    child.wait(LIMIT)
    # many at once, answered in reverse
    proxy.run()
    child = shim(proxy, "sh", "-c", "for i in $(seq 40); do %sstatic_connect & done; wait" % PROGRAMS,
                 options=("ReportAck=yes", "ReportMode=required", "ReportTimeout=15"))
    c = controller.accept()
    reports = [c.event("connect") for _ in range(40)]
    check(len({r["pid"] for r in reports}) == len({r["source_port"] for r in reports}) == 40)
    for r in reversed(reports):
        c.answer(r["seq"], go=True)
    out, err = output(child)
    check(out == ["ran"] * 40 and not err, out, err)
    # no controller
    controller.listener.close()
    for mode, want in ("optional", "0"), ("required", "1"):
        child = shim(proxy, "sh", "-c", "%sstatic_connect; echo $?" % PROGRAMS,
                     options=("ReportMode=" + mode, "ReportTimeout=0.2"))
        out, err = output(child)
        check(out == ["ran", want] and err.count("cannot be reported") == (mode == "required"), mode, out, err)


def case_attempts():
    controller = Controller()
    child = shim(Proxy(), "sh", "-c", "%s -c \"%s\"; %sstatic_leak udp-sendto; true" % (
        sys.executable, "import socket; s = socket.socket(2, 2)\ntry: s.sendto(b'x', ('192.0.2.9', 53))\nexcept OSError: pass",
        PROGRAMS), options=("Log=silent",))
    found = controller.collect(child, True)
    child.communicate(timeout=LIMIT)
    attempts = [r for _, reports in found for r in reports if r["event"] == "attempt"]
    mine = [r for r in attempts if r["by"] == "library"]
    check(len(mine) == 1 and mine[0]["call"] == "send" and mine[0]["target"] == "192.0.2.9:53", attempts)
    check(mine[0]["reason"] in ("udp", "dns") and "python" in mine[0]["exe"] and "+0x" in mine[0]["from"], mine)
    theirs = [r for r in attempts if r["by"] == "supervisor"]
    check(theirs and all(r["exe"].endswith("static_leak") and r["call"] and r["reason"] for r in theirs), attempts)


def case_vfork():
    """A vfork child's report leaves its parent's connection alone."""
    controller = Controller()
    proxy = Proxy().run()
    child = shim(proxy, PROGRAMS + "report_vfork", options=("ReportMode=required",))
    found = controller.collect(child)
    out, err = output(child)
    check(child.returncode == 0, child.returncode, out, err)
    events = sorted([r["event"] for r in reports] for _, reports in found)
    check(len(found) >= 2, found)
    parent = max((reports for _, reports in found), key=len)
    check([r["event"] for r in parent].count("connect") == 2, events)
    check(sum(r["event"] == "connect" for _, reports in found for r in reports) == 3, events)


def case_close():
    """A socket that is closed, of a program that lives on, and the last one's."""
    controller = Controller()
    proxy = Proxy().run()
    r, w = os.pipe()
    child = python(proxy, "one().close(); os.read(%d, 1); s = one()" % r, pass_fds=(r,))
    program = controller.accept()
    first = program.event("connect")
    supervisor = controller.accept()
    closed = supervisor.event("close")
    check(closed["cookie"] == first["cookie"] and closed["pid"] == first["pid"] and closed["ms"] >= 0, closed, first)
    check(closed["by"] == "supervisor" and closed["address"] == "203.0.113.80" and closed["port"] == 80, closed)
    os.write(w, b"x")
    second = program.event("connect")
    check(supervisor.event("close")["cookie"] == second["cookie"] != first["cookie"], second)
    output(child)


def case_manual():
    """The controller of sockshim-report.7, as it stands there."""
    with open(os.environ["T"] + "/tmp/sockshim-report.7", encoding="utf-8") as f:
        text = f.read().split("\n.Sh EXAMPLES\n")[1].split(".Bd -literal\n")[1].split(".Ed\n")[0]
    code = text.replace("\\e", "\\")
    check(len(code.strip().split("\n")) <= 30, code)
    controller = background([sys.executable, "-c", code, SOCKET], stdout=subprocess.PIPE, text=True)
    check(controller.stdout.readline() == "ready\n")
    proxy = Proxy().run()
    out, err = output(python(proxy, "one()", options=("ReportAck=yes", "ReportMode=required")))
    port = out[0].split()[0]
    name = os.path.basename(os.path.realpath(sys.executable))
    said = [controller.stdout.readline() for _ in range(2)]
    check(said == ["127.0.0.1:%s %s to 203.0.113.80\n" % (port, name), "127.0.0.1:%s open\n" % port], said, name)
    check(proxy.users == [name] and not err, proxy.users, err)


def main(name):
    signal.alarm(100)
    globals()["case_" + name]()
    print("ok")


main(*sys.argv[1:])
