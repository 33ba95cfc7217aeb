# SPDX-License-Identifier: MIT
"""The tests of `sockshimctl resolve`, `names`, `check`: over loopback, and in a namespace of their own."""
import ipaddress
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile

from harness import BINARY, Proxy, Target, equal, greeting, read, run_all, test, true, unused_port

BUILD = os.path.dirname(BINARY)
CLEAN = {k: v for k, v in os.environ.items() if not k.startswith("SOCKSHIM_")}


def command(*args, env=None, binary=BINARY, timeout=30):
    done = subprocess.run([binary, *args], capture_output=True, text=True, timeout=timeout,
                          check=False, env={**CLEAN, **(env or {})}, stdin=subprocess.DEVNULL)
    return done.returncode, done.stdout, done.stderr


def wrapped(proxy, *args):
    return command("-p", f"socks5://127.0.0.1:{proxy.port}", *args, binary=f"{BUILD}/sockshim")


def answering(reply, methods=b"\5\0"):
    """A server that answers greeting and request with these bytes."""
    def serve(client):
        read(client, 3)
        client.sendall(methods)
        client.recv(512)
        client.sendall(reply)
    return Target(serve)


# ---- all of them ----

@test
def help_and_manual():
    """each command has --help, and the manual each of its options and no other"""
    path = os.path.join(os.path.dirname(__file__), "../../man/sockshimctl.1")
    with open(path, encoding="ascii") as f:
        manual = f.read()
    commands = re.findall(r"^  ([a-z]+) ", command("--help")[1], re.M)
    equal(command("help"), command("--help"))
    true("resolve" in commands and "proxy" in commands, "the list of commands")
    for name in commands:
        section = re.search(rf"^\.Ss {name}$(.*?)(?=^\.S[sh] )", manual, re.M | re.S)
        true(section, f"{name} has a section in the manual")
        status, out, err = command(name, "--help")
        equal((status, err), (0, ""), name)
        written = set(re.findall(r"^\.It (?:Fl \w , )?Fl Fl ([\w-]+)", section.group(1), re.M))
        known = set(re.findall(r"^  (?:-\w, )?--([\w-]+)", out, re.M)) - {"help"}
        equal(written, known, f"options of {name}")


@test
def wrong_usage():
    """a wrong command line is one line and status 2"""
    for args in (["resolve"], ["resolve", "--nope", "x"], ["resolve", "-p", "nonsense", "x"],
                 ["resolve", "-c", "/nonexistent", "x"], ["names", "x"], ["check", "x"],
                 ["resolve", "-t", "long", "x"], ["resolve", "-p"]):
        status, out, err = command(*args)
        equal((status, out, len(err.splitlines())), (2, "", 1), f"{args}: {err}")


# ---- resolve ----

@test
def resolve_forward_and_back():
    """resolve: IPv4, IPv6, both directions, SOCKS4a; several answers in the order of the arguments"""
    maps = ["--map", "a.test=192.0.2.7", "--map", "b.test=2001:db8::7", "--no-resolve"]
    with Proxy(*maps) as p:
        url = f"socks5://127.0.0.1:{p.port}"
        equal(command("resolve", "-p", url, "a.test"), (0, "192.0.2.7\n", ""))
        equal(command("resolve", "-p", url, "b.test", "a.test", "B.TEST"),
              (0, "b.test 2001:db8::7\na.test 192.0.2.7\nB.TEST 2001:db8::7\n", ""))
        equal(command("resolve", "-p", url, "-x", "192.0.2.7", "2001:db8::7"),
              (0, "192.0.2.7 a.test\n2001:db8::7 b.test\n", ""))
        equal(command("resolve", "-p", url.replace("socks5", "socks4a"), "a.test")[1], "192.0.2.7\n")
        equal(p.log(1)[0].split()[:2], ["RESOLVE", "a.test"])


@test
def resolve_failures():
    """resolve: what cannot be answered is one line for each, the rest is answered, status 1"""
    with Proxy("--map", "a.test=192.0.2.7", "--no-resolve") as p:
        url = f"socks5://127.0.0.1:{p.port}"
        status, out, err = command("resolve", "-p", url, "nope.test", "a.test", "x y", "", "a" * 64)
        equal((status, out), (1, "a.test 192.0.2.7\n"))
        equal(len(err.splitlines()), 4, err)
        true("nope.test: the proxy says: host unreachable, or no such name" in err, err)
        status, out, err = command("resolve", "-p", url, "-x", "a.test", "192.0.2.9")
        equal((status, out, len(err.splitlines())), (1, "", 2), err)
        equal(len([line for line in p.log(3) if "RESOLVE" in line]), 3, "questions that were sent")
    url = f"socks5://127.0.0.1:{unused_port()}"
    status, _, err = command("resolve", "-p", url, "a.test")
    equal((status, err), (1, f"sockshimctl: a.test through {url}: nothing listens at the proxy's address; "
                             "start it, or name another with Proxy\n"))


@test
def resolve_strange_replies():
    """resolve: address types 0 and 4, a name, an empty name, garbage, silence, an end of file"""
    for reply, wanted in (
            (b"\5\0\0\4" + bytes(15) + b"\1\0\0", (0, "::1\n")),
            (b"\5\0\0\1\1\2\3\4\0\0", (0, "1.2.3.4\n")),
            (b"\5\0\0\3\5hello\0\0", (0, "hello\n")),
            (b"\5\4\0\0\0\0\0\0\0\0", (1, "")),     # Tor's failure: type 0
            (b"\5\0\0\0\0\0\0\0\0\0", (1, "")),
            (b"\5\0\0\3\0\0\0", (1, "")),
            (b"\5\0\0\2\0\0\0", (1, "")),
            (b"HTTP/1.0 501 No\r\n", (1, "")),
            (b"\5\0\0", (1, "")),
            (b"", (1, ""))):
        with answering(reply) as t:
            status, out, err = command("resolve", "-p", f"socks5://127.0.0.1:{t.port}", "a.test")
            equal((status, out, len(err.splitlines())), (*wanted, wanted[0]), f"{reply}: {err}")
    for reply, wanted in (
            (b"\5\0\0\3\6a.test\0\0", (0, "a.test\n")),
            (b"\5\0\0\4" + bytes(15) + b"\1\0\0", (0, "::1\n")),  # what the proxy has to say
            (b"\5\0\0\1\1\2\3\4\0\0", (0, "1.2.3.4\n")),
            (b"\5\4\0\0\0\0\0\0\0\0", (1, "")),
            (b"\5\0\0\0\0\0\0\0\0\0", (1, ""))):
        for address in "192.0.2.7", "2001:db8::7":
            with answering(reply) as t:
                status, out, err = command("resolve", "-p", f"socks5://127.0.0.1:{t.port}", "-x", address)
                equal((status, out, len(err.splitlines())), (*wanted, wanted[0]), f"-x {reply}: {err}")
    with Proxy("--fault", "hang") as p:
        status, _, err = command("resolve", "-t", "1", "-p", f"socks5://127.0.0.1:{p.port}", "a.test")
        equal(status, 1)
        true("did not answer" in err or "time" in err, err)


@test
def resolve_many():
    """resolve: 100 names, 32 at a time, through a proxy of 100 ms, in a second"""
    names = [f"n{i}.test" for i in range(100)]
    with Proxy("--map", "*.test=192.0.2.7", "--delay", "100") as p:
        status, out, _ = command("resolve", "-p", f"socks5://127.0.0.1:{p.port}", *names, timeout=3)
        equal(status, 0)
        equal(out.splitlines(), [f"{n} 192.0.2.7" for n in names])


@test
def resolve_uses_the_session():
    """resolve: inside of a session its proxy is asked; the environment's setting counts outside"""
    with Proxy("--map", "a.test=192.0.2.7", "--no-resolve") as p:
        equal(wrapped(p, BINARY, "resolve", "a.test"), (0, "192.0.2.7\n", ""))
        env = {"SOCKSHIM_PROXY": f"socks5://localhost:{p.port}"}
        equal(command("resolve", "a.test", env=env), (0, "192.0.2.7\n", ""))


# ---- names ----

LOOK_UP = "import socket, sys\nfor n in sys.argv[1:]: socket.getaddrinfo(n, 80)\n"


@test
def names_of_a_session():
    """names: what the session's programs looked up; as text, and as JSON"""
    with Proxy() as p:
        script = f"/usr/bin/python3 -c '{LOOK_UP}' one.test Two.Test; {BINARY} names; {BINARY} names -j"
        status, out, err = wrapped(p, "sh", "-c", script)
        equal((status, err), (0, ""))
        lines = out.splitlines()
        equal([line.split()[2] for line in lines[:2]], ["one.test", "two.test"])
        objects = [json.loads(line) for line in lines[2:]]
        equal([o["name"] for o in objects], ["one.test", "two.test"])
        first, second = (ipaddress.ip_address(o["address4"]) for o in objects)
        network = ipaddress.ip_network("198.18.0.0/15")
        true(first in network, first)
        true(second in (first + 1, network[0]), second)
        equal(lines[0].split()[0], str(first))
        true(objects[0]["address6"].startswith("fd73:"), objects[0])


@test
def names_from_outside():
    """names: all of the user's sessions from outside, one by its id or pid; none is said in one line"""
    with Proxy() as p:
        url = f"socks5://127.0.0.1:{p.port}"
        code = LOOK_UP + "print('ready', flush=True)\nsys.stdin.read()\n"
        children = [subprocess.Popen(
            [f"{BUILD}/sockshim", "-p", url, "/usr/bin/python3", "-c", code, name], text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=CLEAN) for name in ("x.test", "y.test")]
        for child in children:
            equal(child.stdout.readline(), "ready\n")
        found = [json.loads(line) for line in command("names", "-j")[1].splitlines()]
        mine = {o["name"]: o for o in found if o["pid"] in [c.pid for c in children]}
        equal(set(mine), {"x.test", "y.test"})
        one = command("names", "-s", mine["y.test"]["session"])
        equal((one[0], one[1].split()[2:]), (0, ["y.test"]))
        one = command("names", "-s", str(children[0].pid))
        equal((one[0], one[1].split()[2:]), (0, ["x.test"]))
        equal(command("names", "-s", "nope"), (1, "", "sockshimctl: no such session\n"))
        for child in children:
            child.stdin.close()
            child.wait()
            child.stdout.close()
        equal(command("names", "-s", mine["y.test"]["session"])[0], 1, "an ended session")


# ---- check ----

@test
def check_tells_what_the_proxy_is():
    """check: methods, SOCKS4a, extensions; Tor by its page; a proxy that is not there"""
    with Proxy("--no-resolve") as p:
        status, out, _ = command("check", "--no-self-test", "-p", f"socks5://127.0.0.1:{p.port}")
        equal(status, 0, out)
        for line in ("proxy: SOCKS5; methods: no authentication, user and password", "proxy: SOCKS4a: yes",
                     "proxy: extensions: RESOLVE, RESOLVE_PTR, Pipeline yes works", "proxy: Tor: no"):
            true(line in out.splitlines(), f"{line} in {out}")
        true(f"library: {BUILD}/libsockshim.so" in out and "\nguard: " in out, out)
    with Proxy("--fault", "drop-pipelined") as p:
        _, out, _ = command("check", "--no-self-test", "-t", "1", "-p", f"socks5://127.0.0.1:{p.port}")
        true("extensions: RESOLVE, RESOLVE_PTR\n" in out, out)

    def tor_like(client):
        if client.recv(512)[:1] == b"G":
            client.sendall(b"HTTP/1.0 501 Tor is not an HTTP Proxy\r\n\r\n")
        else:
            client.sendall(b"\5\xff")
    with Target(tor_like) as t:
        _, out, _ = command("check", "--no-self-test", "-t", "1", "-p", f"socks5://127.0.0.1:{t.port}")
        true("proxy: Tor: yes" in out, out)
    status, out, _ = command("check", "--no-self-test", "-p", f"socks5://127.0.0.1:{unused_port()}")
    equal(status, 1)
    true("Connection refused" in out, out)


def leaks(out):
    return {line.split("LEAKS: ")[1] for line in out.splitlines() if "LEAKS" in line}


def self_test(directory, launcher):
    """What `check` finds with this script in the launcher's place."""
    shutil.copy2(BINARY, f"{directory}/sockshimctl")
    with open(f"{directory}/sockshim", "w", encoding="ascii") as f:
        f.write("#!/bin/sh\n" + launcher)
    os.chmod(f"{directory}/sockshim", 0o755)
    with Proxy() as p:
        return command("check", "-p", f"socks5://127.0.0.1:{p.port}", binary=f"{directory}/sockshimctl")


@test
def check_sees_leaks():
    """check: without the library each way of leaking is seen and named; with it the library's ways are shut"""
    with tempfile.TemporaryDirectory() as d:
        status, out, _ = self_test(d, '[ "$1" = --check ] || { shift 2; exec "$@"; }\n')
        if "not done" in out:
            print("# " + next(line for line in out.splitlines() if "not done" in line))
            return
        equal(status, 1, out)
        known = leaks(out)
        for way in ("connect", "sendto on a datagram socket", "sendmsg and sendmmsg", "ICMP",
                    "data in the SYN (MSG_FASTOPEN)", "a connected datagram socket",
                    "syscall(SYS_connect)", "connect to a v4-mapped address"):
            true(way in known, f"{way}: {out}")
        true(any(way.startswith("a system call without libc") for way in known), out)
        status, out, _ = self_test(d, f'exec {BUILD}/sockshim "$@"\n')
        stopped = set() if "guard: works here" in out else \
            {"a system call without libc (only the guard stops it)"}
        equal(leaks(out), stopped, out)
        status, out, _ = self_test(d, "exit 9\n")
        true(status == 1 and "ended with 9" in out, out)


if __name__ == "__main__":
    sys.exit(run_all(sys.argv[2:]))
