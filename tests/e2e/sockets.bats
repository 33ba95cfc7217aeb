#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# A stream is a socket, not a descriptor: programs/sockets.c does to it what programs do. Every case passes on the bare
# kernel, too.

load lib/common

setup()
{
	proxy_use embedded
	QUIET=()
	capture_start
}

# works CASE [HOST [PORT]]
works()
{
	check()
	{
		run shim "${QUIET[@]}" "$T/build/tests/e2e/sockets" "$@"
		expect_status 0
		expect_output ''
	}
	both check "$@"
	clean
}

@test "what the cases expect is what the kernel does" {
	local case

	for case in plain dup dup2 dup-before reuse close-range unspec twice again again-same-socket refused peer \
		options nonblocking nonblocking-refused pass-fd vfork errno-kept bad-arguments unix threads; do
		run in_prog --user "$T/build/tests/e2e/sockets" "$case" "$WEB_IP4"
		[ "$status" -eq 0 ] || fail "$case"
	done
	run in_prog --user "$T/build/tests/e2e/sockets" v6 "$WEB_IP6"
	expect_status 0
	run in_prog --user "$T/build/tests/e2e/sockets" v6 "::ffff:$WEB_IP4"
	expect_status 0
}

@test "a UDP socket that takes the number of a TCP socket is refused as one, however it took it" {
	local case

	check()
	{
		run shim -q -o Guard="$1" "$T/build/tests/e2e/kinds" "$2" "$WEB_IP4"
		expect_status 0
		expect_output 'Network is unreachable'
	}
	for case in dup2 dup3 fcntl socket thread message vfork; do
		both check off "$case"
		check auto "$case"
	done
	quiet
}

@test "one that took it by inline system calls is told nothing but what the proxy is told" {
	local guard

	for guard in off auto; do
		run shim -q -o Guard="$guard" -o HandshakeTimeout=0.5 "$T/build/tests/e2e/kinds" unseen "$WEB_IP4"
		expect_status 0
		[[ "$output" != connected* ]] || fail "$output"
	done
	_packets | grep ' out ' | grep -v " $PROXY_IP\.$PROXY_PORT " && fail 'more than that'
	assert_no_dns_questions
}

@test "a plain stream by name" {
	works plain
}

@test "a copy by dup is the same stream" {
	works dup
}

@test "copies by dup2, dup3 and F_DUPFD" {
	works dup2
}

@test "a copy made before the connection" {
	works dup-before
}

@test "numbers that are used again after close, close_range, closefrom, fclose and dup2" {
	works reuse
}

@test "close_range over live streams" {
	works close-range
}

@test "connect to AF_UNSPEC, and again" {
	works unspec
}

@test "a second connect on a live stream says EISCONN" {
	works twice
}

@test "connect again after a refusal, with a new socket of the same number" {
	works again
}

@test "connect again after a refusal, with the same socket" {
	works again-same-socket
}

@test "after a refusal the socket is unusable and SO_ERROR is read" {
	works refused
}

@test "getpeername, getsockname and SO_ERROR" {
	works peer
	works peer "$WEB_IP4"
}

@test "IPv6 sockets over an IPv4 proxy: by name, by address, and v4-mapped" {
	works v6 dual.far.test
	works v6 "$WEB_IP6"
	works v6 "::ffff:$WEB_IP4"
}

@test "options and flags survive" {
	works options
}

@test "a non-blocking connect ends well" {
	works nonblocking
}

@test "a non-blocking connect that is refused says so" {
	works nonblocking-refused
}

@test "a stream passed to another process" {
	works pass-fd
}

@test "descriptors that are peeked at and received, or not: none too many, none too few" {
	check()
	{
		run shim -q "$PYTHON" -c '
import array, os, socket
a, b = socket.socketpair()
s = socket.socket()
def sent():
    a.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [s.fileno(), 1]))])
def received(flags):
    fds = array.array("i")
    for c in b.recvmsg(1, 100, flags)[1]:
        fds.frombytes(c[2])
    for fd in fds:
        os.close(fd)
    return len(fds)
before = os.listdir("/proc/self/fd")
sent()
print([received(f) for f in (socket.MSG_PEEK, socket.MSG_PEEK, 0)], os.listdir("/proc/self/fd") == before)
sent()
print(b.recv(1, socket.MSG_PEEK), b.recv(1), os.listdir("/proc/self/fd") == before)'
		expect_output $'[2, 2, 2] True\nb\'x\' b\'x\' True'
	}
	both check
}

@test "names and streams across fork" {
	works fork
}

@test "a vfork child that closes the descriptor" {
	works vfork
}

@test "errno stays as it was on success" {
	works errno-kept
}

@test "bad pointers, lengths and descriptors get what the kernel says" {
	QUIET=(-q)
	works bad-arguments
}

@test "AF_UNIX passes" {
	check()
	{
		run shim "$T/build/tests/e2e/sockets" unix
		expect_status 0
	}
	both check
	assert_no_packets
}

# never_answers CASE: with a proxy that takes the request and says nothing.
never_answers()
{
	proxy_up fake --hang request
	works "$@"
	proxy_down fake
}

@test "SO_SNDTIMEO bounds the whole connect" {
	never_answers sndtimeo
}

@test "a signal interrupts connect with EINTR" {
	never_answers eintr
}

@test "siglongjmp out of a handler during connect" {
	never_answers siglongjmp
}

@test "as little stack as a coroutine, a thread or a signal handler may have: what is enough bare is enough" {
	local kind

	# stacks SHIM KIND BYTES NAME OPTION…: look up, connect, poll, ask, read, close; blocking and not, by poll, select and epoll; a datagram that is refused
	stacks()
	{
		run "$1" "${@:5}" "$T/build/tests/e2e/stacks" run "$2" "$3" "$4" 80
		expect_status 0
		expect_output '4 pages read'
	}
	for kind in 'coroutine 8192' 'thread 16384' 'signal 8192'; do
		# shellcheck disable=SC2086 # kind and size
		{
			stacks in_far $kind "$WEB_IP4"
			stacks shim $kind web.far.test -q
			stacks shim $kind web.far.test -q -o Optimistic=yes
			stacks shim $kind web.far.test -q -o Report=file:/dev/null
		}
	done
}
