#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Optimistic yes: a connection counts as made once the request is on its way, and nobody sees the reply.

load lib/common

setup_file()
{
	net_up
	export READ=$T/build/tests/e2e/optimistic
	far_start optimistic-servers "$READ" serve "$WEB_IP4"
	wait_for 10 far_listening 7202
	proxy_up embedded --delay 200
}

# optimistic ARGUMENT…: shim with the setting; a failure after PROXY changed is the proxy's, not the capture's.
optimistic()
{
	shim -q -o Optimistic=yes "$@"
}

# second_up OPTION…: another embedded server, on port 1085
second_up()
{
	far_stop second
	far_start second "$T/build/sockshimctl" proxy --listen "$FAR_IP4:1085" "$@"
	wait_for 10 far_listening 1085
	PROXY=socks5://$FAR_IP4:1085
}

# owing_up WHAT: far/owing.py, on port 1086
owing_up()
{
	far_stop owing
	: >"$T/far/owing.segments"
	far_start owing "$PYTHON" "$T/e2e/far/owing.py" "$FAR_IP4" 1086 "$T/far/owing.segments" "$1"
	wait_for 10 far_listening 1086
}

# all_right COUNT
all_right()
{
	expect_status 0
	expect_output "$1 connections, 0 wrong"
}

@test "the reader sees what the server sent, whatever it reads with: the test itself, without a proxy" {
	run in_far "$READ" read "$WEB_IP4" "${SEED:-1}" 400
	all_right 400
}

@test "the reader sees what the server sent, whatever it reads with, in whatever process" {
	check()
	{
		run optimistic "$@" "$READ" read "$WEB_IP4" "${SEED:-1}" 400
		all_right 400
	}
	both check
	both check -o Pipeline=yes
	check -o Isolate=connection
	check -o Isolate=connection -o Pipeline=yes
	assert_only_proxy_traffic "$PROXY_IP" "$PROXY_PORT"
	PROXY=socks4a://$PROXY_IP:$PROXY_PORT
	check
	assert_no_dns_questions
}

@test "the same with long replies that come together with the server's first words, and byte by byte" {
	second_up --delay 50 --greet-early --bind-type 3 --bind-name-len 255
	run optimistic "$READ" read "$WEB_IP4" "${SEED:-1}" 400
	all_right 400
	second_up --delay 20 --fault byte-by-byte
	run optimistic env MOST=300 "$READ" read "$WEB_IP4" "${SEED:-1}" 100
	all_right 100
}

@test "a refusal is the error of the first read, write or SO_ERROR: each reply code" {
	local code

	# errno: 111 ECONNREFUSED, 13 EACCES, 101 ENETUNREACH, 113 EHOSTUNREACH, 110 ETIMEDOUT
	for code in 1:111 2:13 3:101 4:113 5:111 6:110 7:111 8:101 0xf0:113 0xf4:13 99:111; do
		second_up --delay 20 --reply "${code%:*}"
		run optimistic "$READ" refused "$WEB_IP4" "${code#*:}" "${SEED:-1}" 60
		all_right 60
	done
	run optimistic -o Pipeline=yes "$READ" refused "$WEB_IP4" 111 "${SEED:-1}" 60
	all_right 60
	PROXY=socks4a://$FAR_IP4:1085
	run optimistic "$READ" refused "$WEB_IP4" 111 "${SEED:-1}" 60
	all_right 60
}

@test "a proxy that answers garbage, half a reply or nothing" {
	local fault

	for fault in truncate:111 close:111 close-method:111 garbage:71 http:71 wrong-version:71 bad-method:71 hang:110; do
		second_up --delay 20 --fault "${fault%:*}"
		run optimistic -o Pipeline=yes -o HandshakeTimeout=0.5 \
			"$READ" refused "$WEB_IP4" "${fault#*:}" "${SEED:-1}" 40
		all_right 40
	done
}

# question USER@ OPTION…: asks and gets the answer, blocking and not, of a proxy that waits for the question
question()
{
	PROXY=$1$FAR_IP4:1086
	shift
	run optimistic "$@" "$PYTHON" -c '
import asyncio, socket
async def ask():
    r, w = await asyncio.open_connection("203.0.113.80", 80)
    w.write(b"question")
    print((await r.read()).decode())
    w.close()
for i in range(5):
    s = socket.create_connection(("203.0.113.80", 80))
    s.sendall(b"question")
    print(s.recv(6, socket.MSG_WAITALL).decode())
asyncio.run(ask())'
	[ "$(sort <<<"$output" | uniq -c)" = '      6 answer' ] || fail 'not six answers'
}

# segments N: the clients have sent so many each; on a busy machine the kernel sends one twice
segments()
{
	[ "$(sort -n "$T/far/owing.segments" | head -1)" = "$1" ] || fail "segments: $(tr '\n' ' ' <"$T/far/owing.segments")"
}

@test "the data does not wait for the reply; with Pipeline not for the greeting's either; as few segments as can be" {
	owing_up request
	question socks5://
	segments 3 # greeting, request, question
	owing_up request
	question socks5://me:secret@ -o Pipeline=yes
	segments 3 # greeting, password and request, question
	owing_up request
	question socks4a://
	segments 2
	owing_up greeting
	question socks5:// -o Pipeline=yes
	segments 2 # greeting and request, question
	owing_up greeting
	question tor:// # Pipeline auto
	segments 2
}

@test "programs that nobody here wrote" {
	check()
	{
		run optimistic "$@"
		expect_status 0
		expect_output "$WEB_BODY"
	}
	check curl -sS --max-time 20 http://web.far.test/
	check wget -q -O - http://web.far.test/
	check "$PYTHON" -c 'import urllib.request as r
print(r.urlopen("http://web.far.test/", timeout=20).read().decode(), end="")'
	check node -e 'require("http").get({host: "web.far.test", agent: false},
		r => r.on("data", d => process.stdout.write(d)))'
	check bash -c 'exec 3<>/dev/tcp/web.far.test/80; printf "GET / HTTP/1.0\r\n\r\n" >&3; tail -1 <&3'
	check bash -c 'exec 3<>/dev/tcp/web.far.test/80; printf "GET / HTTP/1.0\r\n\r\n" >&3; sed -n "\$p" <&3'
	check perl -MIO::Socket::INET -e '$s = IO::Socket::INET->new("web.far.test:80"); print $s "GET / HTTP/1.0\r\n\r\n";
		@l = <$s>; print $l[-1]'
	run optimistic bash -c "printf 'GET / HTTP/1.0\r\n\r\n' | nc -q 5 web.far.test 80 | tail -1"
	expect_output "$WEB_BODY"
	run optimistic bash -c "printf 'GET / HTTP/1.0\r\n\r\n' | socat -t 5 - TCP:web.far.test:80 | tail -1"
	expect_output "$WEB_BODY"
	run optimistic curl --no-progress-meter --parallel --parallel-immediate "http://web.far.test/?[1-8]"
	[ "$(grep -c 'far web server' <<<"$output")" -eq 8 ] || fail 'not eight pages'
	clean
}

@test "a fork waits for the reply on its standard input with as much stack as it has, not with more for each turn" {
	second_up --delay 1000
	run optimistic bash -c 'ulimit -s 256
		exec 3<>/dev/tcp/web.far.test/80; printf "GET / HTTP/1.0\r\n\r\n" >&3; tail -1 <&3'
	expect_status 0
	expect_output "$WEB_BODY"
}

@test "ssh, whose server speaks first; dante and ssh -D as proxies" {
	local kind

	sshd_up
	run in_prog --root "$T/build/sockshim" -q -p "$PROXY" -o Optimistic=yes \
		ssh "${SSH_OPTIONS[@]}" -i "$T/home/root/key" root@web.far.test echo hi
	expect_output hi
	for kind in danted sshd; do
		proxy_up "$kind"
		run optimistic -o Pipeline=yes "$READ" read "$WEB_IP4" "${SEED:-1}" 100
		all_right 100
	done
}

# again: connect once more, while the reply is owed and after it: as on a direct connection
# shellcheck disable=SC2120 # most need none
again()
{
	run optimistic "$@" "$PYTHON" -c '
import select, socket
to = ("203.0.113.80", 7202)
for blocking in (True, False):
    s = socket.socket()
    s.setblocking(blocking)
    said = [s.connect_ex(to)]
    select.select([], [s], [])
    said += [s.connect_ex(to), s.connect_ex(to), s.getpeername() == to]
    s.sendall(b"\0\0\0\0")
    select.select([s], [], [])
    said += [s.connect_ex(to), len(s.recv(1000))]
    print(*said)'
	expect_output $'0 106 106 True 106 64\n115 0 106 True 106 64'
}

@test "connect again; a proxy on a Unix socket" {
	again
	capture_start
	mkdir -p "$T/unix"
	far_start unix-proxy "$T/build/sockshimctl" proxy --listen "unix:$T/unix/socks" --delay 100
	wait_for 10 test -S "$T/unix/socks"
	chmod 777 "$T/unix" "$T/unix/socks"
	PROXY=socks5://unix:$T/unix/socks
	again
	run optimistic -o Pipeline=yes "$READ" read "$WEB_IP4" "${SEED:-1}" 400
	all_right 400
	far_stop unix-proxy
	far_start unix-proxy "$T/build/sockshimctl" proxy --listen "unix:$T/unix/refuses" --delay 20 --reply 2
	wait_for 10 test -S "$T/unix/refuses"
	chmod 777 "$T/unix/refuses"
	PROXY=socks5://unix:$T/unix/refuses
	run optimistic "$READ" refused "$WEB_IP4" 13 "${SEED:-1}" 60
	all_right 60
	assert_no_packets
}

@test "a static program that inherits the socket, and FILEs on it, find no reply" {
	run optimistic "$PYTHON" -c '
import os, socket, subprocess
s = socket.create_connection(("tcp.far.test", 7001))
s.sendall(b"hi\n")
os.dup2(s.fileno(), 0)
os.execv("'"$T/build/tests/e2e/static_cat"'", ["static_cat"])'
	expect_output $'220 server speaks first\nyou said: hi'
	run optimistic "$READ" file "$WEB_IP4"
	expect_output 'the first words'
}

@test "closed before the reply: the number's next user reads its own; Optimistic no in a Match block" {
	run optimistic "$PYTHON" -c '
import socket
for i in range(200):
    s = socket.create_connection(("203.0.113.80", 7201))
    if i % 2:
        s.sendall(b"\0\0\0\0")
    s.close()
a, b = socket.socketpair()
a.send(b"x")
print(b.recv(10), b.fileno() < 10)'
	expect_output "b'x' True"
	printf 'Optimistic yes\nMatch port 7001\n\tOptimistic no\n' >"$T/tmp/match.conf"
	chmod 644 "$T/tmp/match.conf"
	second_up --fault hang
	run shim -q -c "$T/tmp/match.conf" -o HandshakeTimeout=0.2 "$PYTHON" -c '
import socket
s = socket.create_connection(("203.0.113.80", 7201))
print("connected")
socket.create_connection(("203.0.113.80", 7001))'
	expect_match "$output" connected
	expect_match "$output" TimeoutError
}
