# SPDX-License-Identifier: MIT
"""The tests of `sockshimctl tor` against a control port that is written here (e2e/torctl.bats has a real Tor)."""
import base64
import hashlib
import hmac
import os
import subprocess
import sys
import tempfile
import time

from harness import BINARY, Target, equal, run_all, test, true

COOKIE = bytes(range(32))
SAFE = b"Tor safe cookie authentication "


def proof(side, message):
    return hmac.new(SAFE + side + b" hash", message, hashlib.sha256).hexdigest().upper()


class Tor(Target):
    """A control port: `methods` as PROTOCOLINFO has them; `answers` {first words: bytes}; `split` bytes at a time."""

    def __init__(self, methods="NULL", answers=None, password="", cookie_file="/nonexistent", split=0,
                 false_hash=False):
        self.methods, self.answers, self.password = methods, answers or {}, password
        self.cookie_file, self.split, self.false_hash = cookie_file, split, false_hash
        self.heard = []
        self.right = None
        super().__init__(self.talk)

    def say(self, client, data):
        if not self.split:
            client.sendall(data)
            return
        for at in range(0, len(data), self.split):
            client.sendall(data[at:at + self.split])
            time.sleep(0.001)  # a pace: pieces that come together only test less

    def authenticate(self, words):
        given = words[1] if len(words) > 1 else b""
        if self.password:
            return given == b'"' + self.password.encode() + b'"'
        if self.methods == "NULL":
            return given == b""
        return given.lower() == (self.right or COOKIE.hex()).lower().encode()

    def challenge(self, words):
        client_nonce, server_nonce = bytes.fromhex(words[2].decode()), bytes(32)
        message = COOKIE + client_nonce + server_nonce
        self.right = proof(b"controller-to-server", message)
        theirs = "00" * 32 if self.false_hash else proof(b"server-to-controller", message)
        return f"250 AUTHCHALLENGE SERVERHASH={theirs} SERVERNONCE={server_nonce.hex().upper()}\r\n".encode()

    def talk(self, client):
        stream = client.makefile("rb")
        allowed = False
        while line := stream.readline():
            words = line.split(None, 1) if line.startswith(b"AUTHENTICATE") else line.split()
            words = [w.strip() for w in words]
            self.heard.append(line)
            if words[0] == b"PROTOCOLINFO":
                self.say(client, f"250-PROTOCOLINFO 1\r\n250-AUTH METHODS={self.methods} COOKIEFILE="
                         f"\"{self.cookie_file}\"\r\n250-VERSION Tor=\"0.4.9.1\"\r\n250 OK\r\n".encode())
            elif words[0] == b"AUTHCHALLENGE":
                self.say(client, self.challenge(words))
            elif words[0] == b"AUTHENTICATE":
                allowed = self.authenticate(words)
                self.say(client, b"250 OK\r\n" if allowed else b"515 Authentication failed\r\n")
                if not allowed:
                    return
            else:
                true(allowed, "commands come after authentication")
                if line.startswith(b"+"):
                    while (more := stream.readline()) != b".\r\n":
                        self.heard.append(more)
                answer = next((a for k, a in self.answers.items() if line.startswith(k.encode())),
                              b"510 Unrecognized command\r\n")
                if answer is None:
                    return
                self.say(client, answer)


def tor(server, *args, env=None, timeout=15, stdin=""):
    clean = {k: v for k, v in os.environ.items() if k != "TOR_CONTROL_PASSWD"}
    done = subprocess.run([BINARY, "tor", "-C", f"127.0.0.1:{server.port}", *args], text=True,
                          capture_output=True, timeout=timeout, check=False, input=stdin,
                          env={**clean, **(env or {})})
    return done.returncode, done.stdout, done.stderr


VERSION = {"GETINFO version": b"250-version=0.4.9.1\r\n250 OK\r\n"}
WORKS = (0, "version=0.4.9.1\n", "")


# ---- authentication ----

@test
def null():
    """nobody has to authenticate; a port number alone is 127.0.0.1"""
    with Tor(answers=VERSION) as t:
        equal(tor(t, "getinfo", "version"), WORKS)
        equal(t.heard, [b"PROTOCOLINFO 1\r\n", b"AUTHENTICATE\r\n", b"GETINFO version\r\n"])
        equal(tor(t, "-C", str(t.port), "getinfo", "version"), WORKS)
        equal(tor(t, "-C", f"localhost:{t.port}", "getinfo", "version"), WORKS)


@test
def password():
    """a password from the environment or a file, quoted; a wrong or missing one is said in words"""
    with Tor("HASHEDPASSWORD", VERSION, password='a \\"b\\\\') as t, tempfile.TemporaryDirectory() as d:
        equal(tor(t, "getinfo", "version", env={"TOR_CONTROL_PASSWD": 'a "b\\'}), WORKS)
        with open(f"{d}/password", "w", encoding="ascii") as f:
            f.write('a "b\\\nmore\n')
        equal(tor(t, "--password-file", f"{d}/password", "getinfo", "version"), WORKS)
        status, out, err = tor(t, "getinfo", "version", env={"TOR_CONTROL_PASSWD": "wrong"})
        equal((status, out), (1, ""))
        true("515 Authentication failed (bad authentication)" in err, err)
        status, out, err = tor(t, "getinfo", "version")
        true(status == 1 and "password" in err, err)
        equal(tor(t, "--password-file", "/nonexistent", "getinfo", "x")[0], 2)


def cookie_file(directory, data=COOKIE):
    with open(f"{directory}/cookie", "wb") as f:
        f.write(data)
    return f"{directory}/cookie"


@test
def cookie():
    """the cookie, where Tor says or where the user says; a file of another length is never sent"""
    with tempfile.TemporaryDirectory() as d:
        path = cookie_file(d)
        with Tor("COOKIE", VERSION, cookie_file=path) as t:
            equal(tor(t, "getinfo", "version"), WORKS)
        with Tor("COOKIE", VERSION) as t:
            equal(tor(t, "--cookie", path, "getinfo", "version"), WORKS)
            status, _, err = tor(t, "getinfo", "version")
            true(status == 1 and "/nonexistent" in err, err)
        for length in (0, 31, 33, 100):
            path = cookie_file(d, bytes(length))
            with Tor("COOKIE", VERSION, cookie_file=path) as t:
                status, _, err = tor(t, "getinfo", "version")
                true(status == 1 and "32 bytes" in err, err)
                true(not any(b"AUTHENTICATE" in line for line in t.heard), "it was not sent")


@test
def safecookie():
    """SAFECOOKIE: both proofs are right; a Tor that does not know the cookie never gets ours"""
    with tempfile.TemporaryDirectory() as d:
        path = cookie_file(d)
        with Tor("COOKIE,SAFECOOKIE,HASHEDPASSWORD", VERSION, cookie_file=path) as t:
            equal(tor(t, "getinfo", "version"), WORKS)
            true(t.heard[1].startswith(b"AUTHCHALLENGE SAFECOOKIE "), t.heard[1])
            true(COOKIE.hex().encode() not in b"".join(t.heard).lower(), "the cookie was not sent")
            equal(tor(t, "--auth", "cookie", "getinfo", "version")[0], 1, "the challenge's proof is wanted")
        with Tor("SAFECOOKIE", VERSION, cookie_file=path, false_hash=True) as t:
            status, _, err = tor(t, "getinfo", "version")
            true(status == 1 and "does not know the cookie" in err, err)
            true(not any(line.startswith(b"AUTHENTICATE") for line in t.heard), "no proof was given")


@test
def who_is_not_tor():
    """no listener, garbage, an early end: one line and status 1"""
    def http(client):
        client.recv(100)
        client.sendall(b"HTTP/1.0 400 Bad\r\n\r\n")
    with Target(http) as t:
        status, out, err = tor(t, "getinfo", "version")
        equal((status, out, err), (1, "", "sockshimctl: control port: it does not speak the control protocol\n"))
    with Target(lambda client: client.recv(1)) as t:
        equal(tor(t, "getinfo", "version")[0], 1)
    port = t.port
    status, _, err = tor(type("x", (), {"port": port}), "getinfo", "version")
    true(status == 1 and "Connection refused" in err, err)
    equal(tor(t, "-C", "nonsense", "getinfo", "version")[0], 2)


# ---- commands ----

@test
def usage():
    """the table of commands is the help; what is not in it, and wrong numbers of arguments, are status 2"""
    done = subprocess.run([BINARY, "tor", "help"], capture_output=True, text=True, check=True)
    for name in ("getconf", "setconf", "resetconf", "saveconf", "getinfo", "signal", "events",
                 "postdescriptor", "mapaddress", "resolve", "extendcircuit", "attachstream",
                 "redirectstream", "closestream", "closecircuit", "circuits", "streams", "via"):
        true(f"\n  {name} " in "\n" + done.stdout, name)
    for args in (["nope"], [], ["getinfo"], ["signal", "a", "b"], ["attachstream", "1"],
                 ["--auth", "magic", "getinfo", "x"], ["via", "x"], ["via", "--exit", "a"],
                 ["via", "-E", "--json", "--junit", "x"], ["via", "-E", "-e", "a", "x"]):
        done = subprocess.run([BINARY, "tor", *args], capture_output=True, text=True, check=False)
        equal((done.returncode, done.stdout, len(done.stderr.splitlines())), (2, "", 1), args)


@test
def manual():
    """the manual has every command of the table, and the options of via"""
    path = os.path.join(os.path.dirname(__file__), "../../man/sockshimctl.1")
    with open(path, encoding="ascii") as f:
        text = f.read()
    done = subprocess.run([BINARY, "tor", "help"], capture_output=True, text=True, check=True)
    for line in done.stdout.splitlines():
        if line.startswith("  "):
            true(f"\n.It Cm {line.split()[0]}" in text, line)
    done = subprocess.run([BINARY, "tor", "via", "--help"], capture_output=True, text=True, check=True)
    options = [w for w in done.stdout.split() if w.startswith("--") and len(w) > 2]
    section = text[text.index("\n.Ss tor via"):]
    for option in {o.strip("[],|") for o in options} - {"--help"}:
        true(f"Fl Fl {option[2:]}" in section, option)


@test
def replies():
    """getinfo prints data as it was meant; errors are told with their code, text and meaning"""
    answers = {
        "GETINFO config-text": b"250+config-text=\r\nLog notice\r\n..\r\n..dot\r\n\r\n.\r\n250 OK\r\n",
        "GETINFO a b": b"250-a=1\r\n250-b=\"2 3\"\r\n250 OK\r\n",
        "GETINFO x": b"552 Unrecognized key \"x\"\r\n",
        "GETCONF SocksPort": b"250-SocksPort=9050\r\n250 SocksPort=9150\r\n",
        "SIGNAL NEWNYM": b"250 OK\r\n",
        "SIGNAL X": b"552 Unrecognized signal code \"X\"\r\n",
        "SAVECONF": b"551 Unable to write configuration to disk.\r\n",
        "EXTENDCIRCUIT 0 $A,$B": b"250 EXTENDED 7\r\n",
    }
    for split in (0, 1, 7):
        with Tor(answers=answers, split=split) as t:
            equal(tor(t, "getinfo", "config-text"), (0, "config-text=\nLog notice\n.\n.dot\n\n", ""))
            equal(tor(t, "getinfo", "a", "b"), (0, 'a=1\nb="2 3"\n', ""))
            equal(tor(t, "getinfo", "x"),
                  (1, "", 'sockshimctl: tor: 552 Unrecognized key "x" (unrecognized entity)\n'))
            equal(tor(t, "getconf", "SocksPort"), (0, "SocksPort=9050\nSocksPort=9150\n", ""))
            equal(tor(t, "signal", "NEWNYM"), (0, "", ""))
            equal(tor(t, "signal", "X")[0], 1)
            true("(internal error)" in tor(t, "saveconf")[2], "551 in words")
            equal(tor(t, "extendcircuit", "0", "$A,$B"), (0, "EXTENDED 7\n", ""))


@test
def lines_sent():
    """every command of the table sends its own line, its words in the order that they were given in"""
    with tempfile.NamedTemporaryFile(suffix=".txt") as descriptor:
        descriptor.write(b"router y\n")
        descriptor.flush()
        lines = {
            "getinfo a b": "GETINFO a b", "getconf B A": "GETCONF B A", "setconf B=2 A=1 B=1": "SETCONF B=2 A=1 B=1",
            "resetconf B=2 A": "RESETCONF B=2 A", "saveconf": "SAVECONF", "saveconf FORCE": "SAVECONF FORCE",
            "signal NEWNYM": "SIGNAL NEWNYM", "events CIRC BW": "SETEVENTS CIRC BW",
            "mapaddress a.test=b.test c.test=d.test": "MAPADDRESS a.test=b.test c.test=d.test",
            "resolve a.test": "RESOLVE a.test", "resolve mode=reverse 192.0.2.7": "RESOLVE mode=reverse 192.0.2.7",
            "circuits": "GETINFO circuit-status", "streams": "GETINFO stream-status",
            "extendcircuit 0 $A,$B purpose=general": "EXTENDCIRCUIT 0 $A,$B purpose=general",
            "extendcircuit 7 $C": "EXTENDCIRCUIT 7 $C", "closecircuit 7 IfUnused": "CLOSECIRCUIT 7 IfUnused",
            "attachstream 12 7": "ATTACHSTREAM 12 7", "attachstream 12 7 HOP=2": "ATTACHSTREAM 12 7 HOP=2",
            "redirectstream 12 a.test 81": "REDIRECTSTREAM 12 a.test 81", "closestream 12 6": "CLOSESTREAM 12 6",
            "postdescriptor purpose=bridge cache=no " + descriptor.name: "+POSTDESCRIPTOR purpose=bridge cache=no\r\nrouter y",
            "protocolinfo": "PROTOCOLINFO", "protocolinfo 1": "PROTOCOLINFO 1"}
        done = subprocess.run([BINARY, "tor", "help"], capture_output=True, text=True, check=True)
        table = {line.split()[0] for line in done.stdout.splitlines() if line.startswith("  ")}
        equal(table - {"via"}, {line.split()[0] for line in lines}, "the table, and what is tried here")
        for command, line in lines.items():
            with Tor(answers={"SETEVENTS ADDRMAP": b"250 OK\r\n"}) as t:  # and 510 to all else
                status, out, err = tor(t, *command.split())
                true(b"".join(t.heard).endswith(line.encode() + b"\r\n"), f"{command}: {t.heard}")
                if not command.startswith("protocolinfo"):
                    equal((status, out), (1, ""), command)
                    true(err.startswith("sockshimctl: ") and "510 Unrecognized command" in err, f"{command}: {err}")


@test
def errors_in_words():
    """each code that control-spec gives is said with Tor's text and what it means"""
    meanings = {451: "resource exhausted", 500: "syntax error in the protocol", 510: "unrecognized command",
                511: "unimplemented command", 512: "syntax error in an argument", 513: "unrecognized argument",
                514: "authentication required", 515: "bad authentication", 550: "unspecified Tor error",
                551: "internal error", 552: "unrecognized entity", 553: "invalid configuration value",
                554: "invalid descriptor", 555: "unmanaged entity", 599: "a code that control-spec does not know"}
    for code, words in meanings.items():
        with Tor(answers={"SIGNAL X": f"{code} Tor's own words\r\n".encode()}) as t:
            equal(tor(t, "signal", "X"), (1, "", f"sockshimctl: tor: {code} Tor's own words ({words})\n"))


@test
def arguments():
    """several values keep their order and are quoted; nothing can break out of its line"""
    answers = {"SETCONF": b"250 OK\r\n", "RESETCONF": b"250 OK\r\n", "MAPADDRESS": b"250 a=b\r\n",
               "+POSTDESCRIPTOR": b"554 bad\r\n"}
    with Tor(answers=answers) as t:
        equal(tor(t, "setconf", "Log=notice stdout", "Log=warn", "Nickname", "ContactInfo=a \"b\"\r\nQUIT"),
              (0, "", ""))
        equal(t.heard[-1], b'SETCONF Log="notice stdout" Log=warn Nickname '
                           b'ContactInfo="a \\"b\\"\\r\\nQUIT"\r\n')
        equal(tor(t, "resetconf", "Log")[0], 0)
        equal(tor(t, "mapaddress", "0.0.0.0=web.test"), (0, "a=b\n", ""))
        equal(tor(t, "getinfo", "version\r\nSIGNAL HALT")[0], 2)
        status, _, err = tor(t, "postdescriptor", "purpose=general", "-", stdin="router x\n.\nend\n")
        true(status == 1 and "(invalid descriptor)" in err, err)
        equal(b"".join(t.heard[-4:]), b"+POSTDESCRIPTOR purpose=general\r\nrouter x\r\n..\r\nend\r\n")


@test
def events():
    """events: all types that Tor names, or those given; printed live, multi-line ones too; ends with Tor"""
    stream = (b"250 OK\r\n650 STREAM 1 NEW 0 web:80 PURPOSE=USER\r\n650+NS\r\nr x\r\n..\r\n.\r\n650 OK\r\n"
              b"650-CONF_CHANGED\r\n650-Log\r\n650 OK\r\n")
    answers = {"GETINFO events/names": b"250-events/names=CIRC STREAM\r\n250 OK\r\n",
               "SETEVENTS": stream}
    with Tor(answers=answers, split=3) as t:
        child = subprocess.Popen([BINARY, "tor", "-C", str(t.port), "events"], stdout=subprocess.PIPE,
                                 text=True)
        lines = [child.stdout.readline().rstrip("\n") for _ in range(7)]
        equal(lines, ["STREAM 1 NEW 0 web:80 PURPOSE=USER", "NS", "r x", ".", ".", "CONF_CHANGED", "Log"])
        equal(t.heard[-1], b"SETEVENTS CIRC STREAM\r\n")
        child.kill()
        child.wait()
        child.stdout.close()


@test
def interleaved():
    """an event between the lines of a reply disturbs nothing"""
    with Tor(answers={"GETINFO": b"250-a=1\r\n650 BW 1 2\r\n250+b=\r\n650 not an event\r\n.\r\n650 BW 0 0\r\n"
                                 b"250 OK\r\n"}) as t:
        equal(tor(t, "getinfo", "a", "b"), (0, "a=1\nb=\n650 not an event\n", ""))


@test
def tables():
    """circuits and streams as tables"""
    answers = {
        "GETINFO circuit-status": b"250+circuit-status=\r\n7 BUILT $A~a,$B~b BUILD_FLAGS=IS_INTERNAL "
                                  b"PURPOSE=GENERAL\r\n8 LAUNCHED PURPOSE=CONFLUX_UNLINKED\r\n.\r\n250 OK\r\n",
        "GETINFO stream-status": b"250-stream-status=12 SUCCEEDED 7 web:80\r\n250 OK\r\n"}
    with Tor(answers=answers) as t:
        rows = [line.split() for line in tor(t, "circuits")[1].splitlines()]
        equal(rows[1], ["7", "BUILT", "GENERAL", "IS_INTERNAL", "$A~a,$B~b"])
        equal(rows[2], ["8", "LAUNCHED", "CONFLUX_UNLINKED", "-", "-"])
        rows = [line.split() for line in tor(t, "streams")[1].splitlines()]
        equal(rows[1], ["12", "SUCCEEDED", "7", "web:80"])


@test
def resolve():
    """resolve: the event's answer; an error is one line and status 1"""
    answers = {"SETEVENTS": b"250 OK\r\n",
               "RESOLVE a.test": b"250 OK\r\n650 ADDRMAP other.test 9.9.9.9 NEVER\r\n"
                                 b"650 ADDRMAP a.test 192.0.2.7 \"2026-01-01 00:00:00\" CACHED=\"NO\"\r\n",
               "RESOLVE b.test": b"250 OK\r\n650 ADDRMAP b.test <error> \"x y\" error=yes\r\n",
               "RESOLVE mode=reverse 192.0.2.7": b"250 OK\r\n650 ADDRMAP REVERSE[192.0.2.7] a.test NEVER\r\n"}
    with Tor(answers=answers) as t:
        status, out, err = tor(t, "resolve", "a.test", "b.test")
        equal((status, out, err), (1, "a.test 192.0.2.7\n", "sockshimctl: tor: b.test: cannot be resolved\n"))
        equal(tor(t, "resolve", "mode=reverse", "192.0.2.7"), (0, "192.0.2.7 a.test\n", ""))


@test
def ends_in_the_middle():
    """Tor goes away in the middle of a command"""
    with Tor(answers={"GETINFO": None}) as t:
        status, out, err = tor(t, "getinfo", "version")
        equal((status, out), (1, ""))
        true("closed the connection" in err or "reset" in err, err)


# ---- via, without a network ----

NS = (b"250+ns/all=\r\nr guard " + b"A" * 27 + b" 2026-01-01 00:00:00 127.0.0.1 9001 0\r\n"
      b"s Fast Guard Running Valid\r\nw Bandwidth=10\r\n"
      b"r middle " + b"B" * 27 + b" 2026-01-01 00:00:00 127.0.0.2 9001 0\r\ns Running Valid\r\n"
      b"r way/out " + b"C" * 27 + b" 2026-01-01 00:00:00 127.0.0.3 9001 0\r\ns Exit Running Valid\r\n"
      b"r bad " + b"D" * 27 + b" 2026-01-01 00:00:00 127.0.0.4 9001 0\r\ns BadExit Exit Running Valid\r\n"
      b"r asleep " + b"E" * 27 + b" 2026-01-01 00:00:00 127.0.0.5 9001 0\r\ns Exit Valid\r\n"
      b".\r\n250 OK\r\n")
VIA = {"GETINFO ns/all": NS, "GETINFO entry-guards": b"250-entry-guards=\r\n250 OK\r\n",
       "GETINFO net/listeners/socks": b'250-net/listeners/socks="unix:/x" "127.0.0.1:1"\r\n250 OK\r\n',
       "GETINFO stream-status": b"250+stream-status=\r\n4 NEW 0 late.test:80\r\n5 SUCCEEDED 2 x:80\r\n.\r\n250 OK\r\n",
       "SETEVENTS": b"250 OK\r\n", "SETCONF": b"250 OK\r\n", "RESETCONF": b"250 OK\r\n",
       "ATTACHSTREAM": b"250 OK\r\n", "CLOSECIRCUIT": b"250 OK\r\n", "CLOSESTREAM": b"250 OK\r\n",
       "GETCONF __LeaveStreamsUnattached": b"250 __LeaveStreamsUnattached=0\r\n",
       "EXTENDCIRCUIT": b"250 EXTENDED 9\r\n650 CIRC 3 BUILT $X PURPOSE=CONFLUX_LINKED\r\n"
                        b"650 CIRC 9 BUILT $X PURPOSE=GENERAL\r\n"
                        b"650 STREAM 1 NEW 0 dir.test:80 PURPOSE=DIR_FETCH\r\n"
                        b"650 STREAM 2 NEW 0 other.test:80 PURPOSE=USER SOCKS_USERNAME=\"x\"\r\n"}


def lines(server, start):
    return [line.decode().strip() for line in server.heard if line.startswith(start)]


@test
def via_asks_for_what_it_should():
    """via: a path of three, the setting set and reset, others' and late streams given back, Tor's own left alone"""
    with Tor(answers=VIA) as t:
        status, out, err = tor(t, "via", "--each-exit", "--", "sh", "-c", "echo $TOR_EXIT_NICKNAME")
        equal((status, err), (0, ""), out)
        fields = out.split()
        equal((fields[0], fields[1], fields[2], fields[-1]), (base64.b64decode("C" * 27 + "=").hex().upper(), "way/out", "ok", "way/out"))
        path = lines(t, b"EXTENDCIRCUIT")[0].split()[2].split(",")
        equal((len(path), len(set(path)), path[-1]), (3, 3, "$" + fields[0]))
        true(path[0] == "$" + "00" * 20, path)
        equal(lines(t, b"SETCONF"), ["SETCONF __LeaveStreamsUnattached=1"])
        equal(lines(t, b"RESETCONF"), ["RESETCONF __LeaveStreamsUnattached"])
        equal(lines(t, b"ATTACHSTREAM"), ["ATTACHSTREAM 2 0", "ATTACHSTREAM 4 0"])
        equal(lines(t, b"CLOSECIRCUIT"), ["CLOSECIRCUIT 9"])


@test
def via_refuses():
    """via: another controller at work, no exit, no SocksPort, an unknown exit: one line, and nothing is set"""
    for change, args in (({"GETCONF": b"250 __LeaveStreamsUnattached=1\r\n"}, ["--each-exit"]),
                         ({"GETINFO ns/all": b"250+ns/all=\r\n.\r\n250 OK\r\n"}, ["--each-exit"]),
                         ({"GETINFO net": b'250-net/listeners/socks=\r\n250 OK\r\n'}, ["--each-exit"]),
                         ({}, ["--exit", "nobody"])):
        with Tor(answers={**change, **VIA, **change}) as t:
            status, out, err = tor(t, "via", *args, "true")
            equal((status, out, len(err.splitlines())), (1, "", 1), f"{change}: {err}")
            equal(lines(t, b"SETCONF"), [])


@test
def via_circuits_fail():
    """via: a circuit that cannot be built is tried three times; Tor going away ends it soon"""
    answers = {**VIA, "EXTENDCIRCUIT": b"250 EXTENDED 9\r\n650 CIRC 9 FAILED $X REASON=DESTROYED "
                                       b"REMOTE_REASON=CONNECTFAILED\r\n"}
    with Tor(answers=answers) as t:
        status, out, _ = tor(t, "via", "--each-exit", "true")
        equal(status, 1)
        true("circuit: CONNECTFAILED" in out, out)
        equal(len(lines(t, b"EXTENDCIRCUIT")), 3)
        equal(lines(t, b"RESETCONF"), ["RESETCONF __LeaveStreamsUnattached"])
    with Tor(answers={**VIA, "EXTENDCIRCUIT": None}) as t:
        status, out, err = tor(t, "via", "--each-exit", "true")
        equal(status, 1)
        true("control port: " in err, err)
        equal(lines(t, b"RESETCONF"), ["RESETCONF __LeaveStreamsUnattached"])


if __name__ == "__main__":
    sys.exit(run_all(sys.argv[2:]))
