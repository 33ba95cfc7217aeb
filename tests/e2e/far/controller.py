# SPDX-License-Identifier: MIT
"""controller.py TASK [ARGUMENT…]: what stem, an independent controller, has to say about the private Tor.

 results READY   reads the JSON of `tor via` from stdin; prints how many there are, how many are ok, how many
                 printed the address of the exit they were for, and how many had all streams known by a report
 junit           reads JUnit from stdin; prints tests, failures, and the names of the failed
 getconf KEY     the value
 watch COMMAND…  runs it; prints how many streams with a user of `via` succeeded, and how many of those on a
                 circuit that ends where the job's record says (the command's JSON)
 circuits N COMMAND…  runs it; prints on how many circuits its N streams were
"""
import json
import subprocess
import sys
import time
import xml.etree.ElementTree as xml


def connect():
    import stem.control
    controller = stem.control.Controller.from_port(port=9051)
    controller.authenticate()
    return controller


def exits(ready):
    with open(ready, encoding="ascii") as f:
        return dict(line.rstrip("\n").removeprefix("exits=").split() for line in f if line.startswith("exits="))


def results(ready):
    address = exits(ready)
    jobs = [json.loads(line) for line in sys.stdin]
    right = [j for j in jobs if j["stdout"].strip() == address[j["exit"]] and not j["strayed"]]
    for j in jobs:
        if j not in right:
            print(j, file=sys.stderr)
    known = [j for j in jobs if j["streams"] and j["reported"] == j["streams"] == j["attached"]]
    print(len(jobs), sum(j["ok"] for j in jobs), len(right), len(known))


def junit():
    suite = xml.fromstring(sys.stdin.read()).find("testsuite")
    failed = [case.get("name").split()[0] for case in suite if case.find("failure") is not None]
    assert suite.get("tests") == str(len(suite)) and suite.get("failures") == str(len(failed)), suite.attrib
    assert all(case.get("name") and case.get("classname") and float(case.get("time")) >= 0 for case in suite)
    print(suite.get("tests"), suite.get("failures"), *sorted(failed))


def watch(controller, command):
    import stem.control
    opened, ends = {}, {}

    def stream(event):
        user = event.keyword_args.get("SOCKS_USERNAME", "").strip('"')
        if event.status == "SUCCEEDED" and user.startswith("via-"):
            opened.setdefault(user, []).append(event.circ_id)

    def circuit(event):
        if event.path:
            ends[event.id] = event.path[-1][0]
    controller.add_event_listener(stream, stem.control.EventType.STREAM)
    controller.add_event_listener(circuit, stem.control.EventType.CIRC)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    jobs = {j["user"]: j["exit"] for j in map(json.loads, done.stdout.splitlines())}
    streams = [(user, circ) for user, circs in opened.items() for circ in circs]
    print(len(streams), sum(ends.get(circ) == jobs[user] for user, circ in streams))


def circuits(controller, count, *command):
    import stem.control
    used, end = [], time.monotonic() + 60

    def stream(event):
        if event.status == "SUCCEEDED":
            used.append(event.circ_id)
    controller.add_event_listener(stream, stem.control.EventType.STREAM)
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    while len(used) < int(count) and time.monotonic() < end:
        time.sleep(0.02)
    print(len(used), len(set(used)))


def main(task, *args):
    if task == "results":
        results(*args)
    elif task == "junit":
        junit()
    else:
        with connect() as controller:
            if task == "getconf":
                print(controller.get_conf(args[0], multiple=False))
            elif task == "watch":
                watch(controller, args)
            elif task == "circuits":
                circuits(controller, *args)


main(*sys.argv[1:])
