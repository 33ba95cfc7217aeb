#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Connections in progress: what the program is told while the proxy takes its time, and what comes of it.

load lib/common

setup_file()
{
	net_up
	proxy_up fake --hang request
}

# The proxy answers nobody before all have asked: who connects one after the other waits for ever.
@test "asyncio: 20 connections at once" {
	proxy_up embedded --hold 20
	check()
	{
		run shim "$PYTHON" -c '
import asyncio
async def one():
    r, w = await asyncio.open_connection("web.far.test", 80)
    w.write(b"GET / HTTP/1.0\r\nHost: web.far.test\r\n\r\n")
    page = await r.read()
    w.close()
    return page.endswith(b"far web server\n")
async def main():
    print(await asyncio.gather(*[one() for i in range(20)]) == [True] * 20)
asyncio.run(main())'
		expect_output True
	}
	both check
	assert_only_proxy_traffic "$PROXY_IP" "$PROXY_PORT"
}

@test "node: 20 connections at once" {
	proxy_up embedded --hold 20
	run shim node -e '
const http = require("http");
let left = 20;
for (let i = 0; i < 20; i++)
	http.get({host: "web.far.test", agent: false}, r => {
		let page = "";
		r.on("data", d => page += d);
		r.on("end", () => { if (page === "far web server\n" && --left === 0) console.log(true); });
	});'
	expect_output true
	assert_only_proxy_traffic "$PROXY_IP" "$PROXY_PORT"
}

@test "curl --parallel" {
	proxy_up embedded --hold 8
	run shim curl --no-progress-meter --parallel --parallel-immediate "http://web.far.test/?[1-8]"
	expect_status 0
	[ "$(grep -c 'far web server' <<<"$output")" -eq 8 ] || fail 'not eight pages'
	assert_only_proxy_traffic "$PROXY_IP" "$PROXY_PORT"
}

@test "the program's own time limit holds while the proxy says nothing; no thread, descriptor or handler is left" {
	proxy_use fake
	check()
	{
		run shim "$PYTHON" -c '
import os, select, socket, time
def seen():
    status = open("/proc/self/status").read()
    lines = [l for l in status.split("\n") if l.startswith(("Threads", "SigCgt"))]
    return lines, sorted(os.listdir("/proc/self/fd"))
to = socket.getaddrinfo("web.far.test", 80, socket.AF_INET, socket.SOCK_STREAM)[0][4]
s = socket.socket()
s.setblocking(False)
before = seen()
s.connect_ex(to)
poll = select.poll()
poll.register(s, select.POLLIN | select.POLLOUT)
none, took = [], []
while len(took) < 20 and min(took, default=1) >= 0.35: # what a busy machine adds comes and goes
    begin = time.monotonic()
    none += poll.poll(150) + select.select([s], [s], [s], 0.15)[0]
    took.append(time.monotonic() - begin)
print(none, 0.3 <= min(took) < 0.35, seen() == before, s.connect_ex(to))'
		expect_output '[] True True 114'
	}
	both check
}

@test "no thread, descriptor or handler comes of names, waits, and connections that are made, refused or given up" {
	proxy_up embedded --delay 50
	check()
	{
		run shim -q "$PYTHON" -c '
import os, select, socket
def seen():
    status = open("/proc/self/status").read()
    lines = [l for l in status.split("\n") if l.startswith(("Threads", "SigCgt", "SigBlk", "SigIgn"))]
    return lines, sorted((n, os.readlink("/proc/self/fd/" + n)) for n in os.listdir("/proc/self/fd")
                         if os.path.exists("/proc/self/fd/" + n))
def named(port):
    return socket.getaddrinfo("web.far.test", port, socket.AF_INET, socket.SOCK_STREAM)[0][4]
def waiting(s):
    with select.epoll() as ep:
        ep.register(s, select.EPOLLOUT)
        s.connect_ex(named(80))
        ep.poll()
        return s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
def polled(s):
    s.connect_ex(named(9))
    poll = select.poll()
    poll.register(s, select.POLLOUT)
    poll.poll()
    return s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
def given_up(s):
    return s.connect_ex(named(80))
def waited_for(s):
    s.setblocking(True)
    s.connect(named(80))
    s.sendall(b"GET / HTTP/1.0\r\n\r\n")
    while s.recv(4096):
        pass
    return 0
def one(what):
    with socket.socket() as s:
        s.setblocking(False)
        return what(s)
before = seen()
got = [one(what) for what in (waiting, polled, given_up, waited_for) * 3]
print(got == [0, 111, 115, 0] * 3, seen() == before or (before, seen()))'
		expect_output 'True True'
	}
	both check
}

@test "HandshakeTimeout ends a connection in progress: ETIMEDOUT" {
	proxy_use fake
	run shim -q -o HandshakeTimeout=0.3 "$PYTHON" -c '
import select, socket
s = socket.socket()
s.setblocking(False)
s.connect_ex(("203.0.113.80", 80))
ep = select.epoll()
ep.register(s, select.EPOLLOUT | select.EPOLLET)
print(["%x" % e for _, e in ep.poll(5)], s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR), s.getsockopt(1, 4))'
	expect_output "['1c'] 110 0"
}

@test "HandshakeTimeout ends epoll_pwait2(2) of 158 years, too" {
	proxy_use fake
	LIMIT=10 run shim -q -o HandshakeTimeout=0.3 "$PYTHON" -c '
import ctypes, select, socket, struct
libc = ctypes.CDLL(None, use_errno=True)
s = socket.socket()
s.setblocking(False)
s.connect_ex(("203.0.113.80", 80))
ep = select.epoll()
ep.register(s, select.EPOLLOUT)
ep.poll(0.05) # the greeting is on its way
event, t = ctypes.create_string_buffer(12), struct.pack("ll", 5000000000, 0)
print(libc.epoll_pwait2(ep.fileno(), event, 1, t, None), "%x" % struct.unpack_from("I", event))'
	expect_output '1 1c'
}

@test "HandshakeTimeout ends what a thread waits for that slept before another thread connected" {
	proxy_use fake
	run shim -q -o HandshakeTimeout=0.3 "$PYTHON" -c '
import select, socket, threading
s = socket.socket()
s.setblocking(False)
ep = select.epoll()
ep.register(s, select.EPOLLIN | select.EPOLLOUT | select.EPOLLET)
print(["%x" % e for _, e in ep.poll()])
t = threading.Thread(target=lambda: print(["%x" % e for _, e in ep.poll()]))
t.start()
while ") S " not in open("/proc/self/task/%d/stat" % t.native_id).read():
    pass
s.connect_ex(("203.0.113.80", 80))
t.join()
print(s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))'
	expect_output $'[\'14\']\n[\'1d\']\n110'
}

# far COMMAND…: with the far side of conform_far, which lets connections go on when it is told to
far()
{
	local drop=()

	[ "$AS" = root ] || drop=(setpriv --reuid=65534 --regid=65534 --clear-groups)
	LIMIT=120 run in_prog --root unshare -n "$T/build/tests/e2e/conform_far" "${drop[@]}" env HOME=/ "$@"
}

# cases COUNT PROGRAM: bare and wrapped it finds all as it should be
cases()
{
	far "$T/build/tests/e2e/$2"
	expect_output "$1 cases"
	far "$T/build/sockshim" -q -p socks5://10.200.0.2:1080 "$T/build/tests/e2e/$2"
	expect_output "$1 cases"
}

@test "who waits for a connection in progress sleeps: a few system calls, whatever it waits with" {
	proxy_use fake
	check()
	{
		local log=$T/tmp/waits.${AS:-root}

		run shim -q -o Guard=off strace -qq -o "$log" "$PYTHON" -c '
import select, socket, struct
s = socket.socket()
s.setblocking(False)
s.connect_ex(("203.0.113.80", 80))
poll = select.poll()
poll.register(s, select.POLLIN | select.POLLOUT)
poll.poll(100)
select.select([s], [s], [s], 0.1)
inner, edge, outer = [select.epoll() for _ in range(3)]
inner.register(s, select.EPOLLIN | select.EPOLLOUT)
edge.register(s, select.EPOLLIN | select.EPOLLOUT | select.EPOLLET)
outer.register(inner, select.EPOLLIN)
print([len(e.poll(0.1)) for e in (inner, edge, outer)])
s.setblocking(True)
for option in (socket.SO_SNDTIMEO, socket.SO_RCVTIMEO):
    s.setsockopt(socket.SOL_SOCKET, option, struct.pack("ll", 0, 100000))
for call in (lambda: s.send(b"x"), lambda: s.recv(1), lambda: s.connect(("203.0.113.80", 80))):
    try:
        call()
    except OSError as error:
        print(error.errno)'
		expect_output $'[0, 0, 0]\n11\n11\n114'
		[ "$(grep -cE '^(p?poll|p?select6?|epoll_p?wait2?|recvfrom)\(' "$log")" -lt 60 ] || fail "$(cat "$log")"
	}
	both check
}

@test "threads, epolls, signals and a connection in progress" {
	both cases 61 pending
}

@test "rarer calls, odd arguments, copies, and a connection in progress" {
	both cases 84 early
}

@test "processes that have the socket of a connection in progress, from before or after it began" {
	both cases 52 shared
}

@test "whose descriptors they are: a fork that begins with a vfork; the first copy of all made in a vfork child" {
	check()
	{
		run shim "$T/build/tests/e2e/forks" first web.far.test 80
		expect_status 0
		expect_output ''
	}
	proxy_up embedded --hold 2
	both check
	proxy_up embedded
	run in_prog --root strace -f -e trace=newfstatat,getdents64 -o "$T/tmp/calls" \
		"$T/build/sockshim" -q -p "$PROXY" "$T/build/tests/e2e/forks" made web.far.test 80
	expect_status 0
	# each look at all descriptors is one or two
	[ "$(grep -cE 'newfstatat|getdents64' "$T/tmp/calls")" -lt 200 ] || fail "$(tail -n 5 "$T/tmp/calls")"
}

@test "threads that connect in every way, fork, vfork and exec meanwhile, with a signal each millisecond" {
	check()
	{
		run shim -q "$@" "$T/build/tests/e2e/forks" storm web.far.test 80 100 "${SEED:-$RANDOM}"
		expect_status 0
		expect_output '100 right, 0 wrong'
	}
	proxy_up embedded --delay 3
	check
	check -o Optimistic=yes
	check -o Guard=off -o Report=file:/dev/null
}

@test "random sequences of calls: a connection in progress behaves as the kernel's own" {
	check()
	{
		LIMIT=300 run in_prog --root env AS="$AS" "$PYTHON" "$T/e2e/programs/conform.py" "$T/build" \
			"${SEED:-$RANDOM$RANDOM}" "${SEQUENCES:-5000}"
		expect_status 0
	}
	both check
}
