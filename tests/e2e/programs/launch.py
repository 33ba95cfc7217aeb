# SPDX-License-Identifier: MIT
"""Both ends of the launcher's tests.

launch.py status COMMAND…        runs it, prints its exit status, -N for death by signal N
launch.py signal NAME COMMAND…   sends it the signal when it says "ready", prints its words and its exit status
launch.py stop COMMAND…          SIGTSTP, then SIGCONT: "stopped" when launcher and command stand still, "continued"
launch.py murder COMMAND…        SIGKILLs the launcher when the command says "ready", prints what the command says then
launch.py terminal PREFIX        an interactive shell on a terminal of its own, with ^Z, fg and ^C
launch.py jobs SHELL PREFIX FILE bash, dash, or bash in tmux: who owns the terminal, its size, and its end
launch.py catch NAME | ticks | murdered ADDRESS | fds | fds-to FILE | job FILE    the other end
"""
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time


def start(command, **more):
    p = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, **more)
    assert p.stdout.readline() == "ready\n"
    return p


def status(*command):
    print(subprocess.run(command).returncode)


def send_signal(name, *command):
    p = start(command)
    p.send_signal(getattr(signal, name))
    print(p.stdout.read(), end="")
    print(p.wait(10))


def catch(name):
    number = getattr(signal, name)
    signal.pthread_sigmask(signal.SIG_BLOCK, {number})
    print("ready", flush=True)
    if signal.sigtimedwait({number}, 10):
        print("caught", name)
        sys.exit(5)


def state(pid):
    return open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()[0]


def wait_until(what):
    end = time.monotonic() + 10
    while not what():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


def stop(*command):
    p = start(command, process_group=0, stderr=subprocess.DEVNULL)
    child = int(p.stdout.readline())
    p.send_signal(signal.SIGTSTP)
    wait_until(lambda: state(p.pid) == "T" and state(child) == "T")
    print("stopped", flush=True)
    p.send_signal(signal.SIGCONT)
    wait_until(lambda: state(p.pid) != "T" and state(child) != "T")
    print("continued", flush=True)
    os.kill(child, signal.SIGKILL)
    p.wait(10)


def ticks():
    print("ready", flush=True)
    print(os.getpid(), flush=True)
    end = time.monotonic() + 15  # not for ever, if the test fails
    while time.monotonic() < end:
        time.sleep(0.01)


def murder(*command):
    p = start(command, stdin=subprocess.PIPE)
    p.kill()
    p.wait(10)
    try:
        p.stdin.write("go\n")
        p.stdin.close()
    except BrokenPipeError:
        pass
    print(p.stdout.read().strip() or "no page from past the proxy")


def murdered(address):
    """A page is welcome only through the proxy, whose address is the web server's client then."""
    import urllib.request

    print("ready", flush=True)
    sys.stdin.readline()
    try:
        peer = urllib.request.urlopen(f"http://{address}/peer", timeout=5).read().decode().strip()
    except OSError:
        peer = "none"
    print("past the proxy" if peer in ("192.0.2.2", "2001:db8::2") else "no page from past the proxy", flush=True)


def fds(path=None):
    lines = []
    for fd in sorted(map(int, os.listdir("/proc/self/fd"))):
        try:
            target = os.readlink(f"/proc/self/fd/{fd}")
        except FileNotFoundError:
            continue  # the listing's own
        lines.append(f"{fd} {re.sub(r'[0-9]+', 'N', target)}")
    out = open(path, "w") if path else sys.stdout
    print("\n".join(line for line in lines if "/bare" not in line and "/wrapped" not in line), file=out)


SHELLS = {
    "bash": ["bash", "--norc", "--noprofile", "--noediting", "-i"],
    "dash": ["dash", "-i"],
}


class Terminal:
    def __init__(self, shell="bash"):
        self.pid, self.fd = pty.fork()
        if not self.pid:
            os.environ.update(PS1="[prompt] ", TERM="dumb")
            os.execvp(shell, SHELLS[shell])
        self.seen = ""
        self.expect(r"\[prompt\] ")

    def resize(self, rows, columns):
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def hang_up(self):
        os.close(self.fd)
        os.waitpid(self.pid, 0)

    def type(self, text):
        os.write(self.fd, text.encode())

    def expect(self, pattern):
        end = time.monotonic() + 10
        while not (m := re.search(pattern, self.seen)):
            ready, _, _ = select.select([self.fd], [], [], end - time.monotonic())
            if not ready:
                sys.exit(f"no {pattern!r} in {self.seen!r}")
            self.seen += os.read(self.fd, 4096).decode()
        self.seen = self.seen[m.end() :]
        return m


class Tmux(Terminal):
    """A pane of a tmux, and what is written to it."""

    def __init__(self):
        path = f"{os.environ['TMPDIR']}/pane.{os.getpid()}"
        self.seen = ""
        os.environ.update(TMUX_TMPDIR=os.environ["TMPDIR"], SHELL="/bin/sh")  # not nologin
        self.tmux("-f", "/dev/null", "new-session", "-d", "-x", "80", "-y", "24",
                  "env 'PS1=[prompt] ' " + " ".join(SHELLS["bash"]))
        os.mkfifo(path)
        self.tmux("pipe-pane", f"cat >{path}")
        self.fd = os.open(path, os.O_RDONLY)
        os.unlink(path)
        self.type("\n")
        self.expect(r"\[prompt\] ")

    def tmux(self, *words):
        subprocess.run(["tmux", "-L", str(os.getpid()), *words], check=True)

    def type(self, text):
        self.tmux("send-keys", "-H", *(f"{byte:x}" for byte in text.encode()))

    def resize(self, rows, columns):
        self.tmux("resize-window", "-x", str(columns), "-y", str(rows))

    def hang_up(self):
        self.tmux("kill-server")


def jobs(shell, prefix, path):
    t = Tmux() if shell == "tmux" else Terminal(shell)
    command = f"{prefix} {sys.executable} {__file__} job {path}\n"
    t.type(command)
    t.expect("job owns the terminal")
    t.type("\x1a")
    t.expect("Stopped")
    t.expect(r"\[prompt\] ")
    print("stopped")
    t.type("bg\n")
    t.expect("job does not own the terminal")
    print("in the background")
    t.type("fg\n")
    t.expect("job owns the terminal")
    print("in the foreground")
    t.resize(33, 77)
    print(t.expect(r"job has \d+ rows of \d+").group())
    t.type("\x03")
    t.expect(r"\[prompt\] ")
    t.type("echo =$?=\n")
    print("interrupted", t.expect(r"\n=(\d+)=").group(1))
    t.type(command)
    t.expect("job owns the terminal")
    t.hang_up()
    wait_until(lambda: os.path.exists(path))
    print("hung up")


def job(path):
    """Says who owns the terminal whenever that changes, and its size when it does."""
    owned = None

    def size(*_):
        os.write(1, "job has {} rows of {}\n".format(*struct.unpack("HH", fcntl.ioctl(0, termios.TIOCGWINSZ, b"....")))
                 .encode())

    def hang_up(*_):
        open(path, "w").close()
        os._exit(0)

    signal.signal(signal.SIGWINCH, size)
    signal.signal(signal.SIGHUP, hang_up)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    end = time.monotonic() + 20  # not for ever, if the test fails
    while time.monotonic() < end:
        owns = os.tcgetpgrp(0) == os.getpgrp()
        if owns != owned:
            os.write(1, b"job owns the terminal\n" if owns else b"job does not own the terminal\n")
        owned = owns
        time.sleep(0.01)


def terminal(prefix):
    t = Terminal()
    t.type(f"{prefix} cat\n")
    t.expect("cat\r\n")
    t.type("one\n")
    t.expect("one\r\none\r\n")
    t.type("\x1a")
    t.expect("Stopped")
    t.expect(r"\[prompt\] ")
    print("stopped")
    t.type("fg\n")
    t.expect("cat\r\n")
    t.type("two\n")
    t.expect("two\r\ntwo\r\n")
    print("back")
    t.type("\x03")
    t.expect(r"\[prompt\] ")
    t.type("echo =$?=\n")
    print("interrupted", t.expect(r"\r\n=(\d+)=").group(1))
    t.type("exit\n")
    os.waitpid(t.pid, 0)


def main():
    ends = {
        "status": status, "signal": send_signal, "stop": stop, "murder": murder, "terminal": terminal,
        "jobs": jobs, "job": job, "catch": catch, "ticks": ticks, "murdered": murdered, "fds": fds, "fds-to": fds,
    }
    ends[sys.argv[1]](*sys.argv[2:])


main()
