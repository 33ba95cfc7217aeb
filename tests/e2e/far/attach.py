# SPDX-License-Identifier: MIT
"""attach.py MODE JOBS STREAMS COMMAND: an independent controller (stem) that knows streams by sockshim's reports alone.

Runs JOBS times `sockshim sh -c COMMAND`, all at once; each makes STREAMS streams and prints for each the address of its
exit. Reports come on a Unix socket, Tor's streams by STREAM NEW, and SOURCE_ADDR joins the two. MODE:

 attach   each job has an exit of its own choice: its streams are attached to a circuit that ends there
 free     Tor attaches; each stream must be known by its report. The SOCKS user name is the truth to compare with
 deleted, full, stopped
          as attach; but when half of the jobs are done the report socket is gone, has a full queue, or its controller
          is dead, until all have ended. ReportMode is required
 again    as stopped, but the controller comes back before the second half

Prints: how many jobs were right, refused, wrong; how many of Tor's streams were of a job, and of nobody.
READY (tornet's file), PROXY and SOCKSHIM are in the environment.
"""
import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading

import stem
import stem.control

SETTING = "__LeaveStreamsUnattached"


class Reports:
    """A Unix socket for reports. Nothing reads it but drain(): what was sent before is known after."""

    def __init__(self):
        self.path = tempfile.mkdtemp() + "/reports"
        self.jobs, self.connections = {}, {}
        self.listen(1024)

    def listen(self, backlog):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.setblocking(False)
        self.listener.bind(self.path)
        self.listener.listen(backlog)

    def end(self):
        self.listener.close()
        for c in self.connections:
            c.close()
        self.connections.clear()

    def fill(self):
        """A queue that nobody empties."""
        self.end()
        self.listen(0)
        self.waiting = []
        with contextlib.suppress(BlockingIOError):
            while True:
                self.waiting.append(socket.socket(socket.AF_UNIX))
                self.waiting[-1].setblocking(False)
                self.waiting[-1].connect(self.path)

    def drain(self):
        with contextlib.suppress(BlockingIOError, OSError):
            while True:
                c = self.listener.accept()[0]
                c.setblocking(False)
                self.connections[c] = b""
        for c in list(self.connections):
            with contextlib.suppress(BlockingIOError, ConnectionResetError):
                while piece := c.recv(65536):
                    self.take(c, self.connections[c] + piece)
                del self.connections[c]
                c.close()

    def take(self, c, data):
        *lines, self.connections[c] = data.split(b"\n")
        for report in map(json.loads, lines):
            if report["event"] == "connect":
                self.jobs[report["source"]] = report["tag"]


class Run:
    def __init__(self, controller, mode, jobs, command):
        self.controller, self.mode, self.command = controller, mode, command
        self.reports, self.lock = Reports(), threading.Lock()
        self.heard = threading.Condition(self.lock)
        self.circuits, self.known, self.unknown = {}, 0, 0
        with open(os.environ["READY"], encoding="ascii") as f:
            self.exits = [line.split("=")[1].split() for line in f if line.startswith("exits=")]
        self.names = ["job%d" % n for n in range(jobs)]

    def exit_of(self, name):
        return self.exits[int(name[3:]) % len(self.exits)]

    def build(self):
        """A circuit for each exit, of two relays: a guard and it."""
        guard = next(r.fingerprint for r in self.controller.get_network_statuses() if "Guard" in r.flags)
        for fingerprint, _ in self.exits:
            self.circuits[fingerprint] = self.controller.new_circuit([guard, fingerprint], await_build=True)

    def on_stream(self, event):
        if event.status not in ("NEW", "NEWRESOLVE") or (event.purpose or "").startswith("DIR_"):
            return
        with self.lock:
            self.reports.drain()
            name = self.reports.jobs.pop(event.source_addr, None)
            if name and self.mode == "free":
                user = event.keyword_args.get("SOCKS_USERNAME", "").strip('"')
                name = name if name == user else None
            self.known += bool(name)
            self.unknown += not name
            self.heard.notify()
        if self.mode != "free":
            self.controller.attach_stream(event.id, self.circuits[self.exit_of(name)[0]] if name else 0)

    def start(self, name):
        options = ["Report=unix:" + self.reports.path, "ReportMode=required", "ReportTimeout=0.3"]
        words = [os.environ["SOCKSHIM"], "-q", "-p", os.environ["PROXY"], "-u", name, "--tag", name]
        for o in options:
            words += ["-o", o]
        return subprocess.Popen([*words, "sh", "-c", self.command], stdout=subprocess.PIPE, text=True)

    def half(self, names, streams):
        children = [(name, self.start(name)) for name in names]
        right = refused = 0
        for name, child in children:
            said = child.communicate(timeout=60)[0].split()
            addresses = [a for _, a in self.exits] if self.mode == "free" else [self.exit_of(name)[1]]
            right += len(said) == streams and set(said) <= set(addresses)
            refused += not said and child.returncode != 0
        return right, refused, len(names) - right - refused

    def fault(self):
        with self.lock:
            self.reports.drain()
            if self.mode == "deleted":
                os.unlink(self.reports.path)
            elif self.mode == "full":
                self.reports.fill()
            elif self.mode in ("stopped", "again"):
                self.reports.end()
            if self.mode == "again":
                self.reports.listen(1024)

    def go(self, streams):
        if self.mode != "free":
            self.build()
            self.controller.set_conf(SETTING, "1")
        self.controller.add_event_listener(self.on_stream, stem.control.EventType.STREAM)
        try:
            if self.mode in ("attach", "free"):
                done = self.half(self.names, streams)
                with self.lock: # stem may be behind with Tor's events
                    self.heard.wait_for(lambda: self.known + self.unknown >= len(self.names) * streams, 20)
                return done
            middle = len(self.names) // 2
            first = self.half(self.names[:middle], streams)
            self.fault()
            return [a + b for a, b in zip(first, self.half(self.names[middle:], streams))]
        finally:
            self.controller.reset_conf(SETTING)
            self.controller.remove_event_listener(self.on_stream)
            for circuit in self.circuits.values():
                with contextlib.suppress(stem.ControllerError):
                    self.controller.close_circuit(circuit)


def main(mode, jobs, streams, command):
    with stem.control.Controller.from_port(port=9051) as controller:
        controller.authenticate()
        run = Run(controller, mode, int(jobs), command)
        print(*run.go(int(streams)), run.known, run.unknown)


main(*sys.argv[1:])
