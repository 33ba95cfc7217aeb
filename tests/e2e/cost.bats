#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# What the guard costs a program that the library is loaded in: nothing. Counted, not timed.

load lib/common

# N connections by name, one after the other.
CONNECTS='import socket, sys
for _ in range(int(sys.argv[1])):
    socket.create_connection(("web.far.test", 80)).close()'

setup()
{
	proxy_use embedded
	capture_start
	LIMIT=60
}

# notifications COMMAND…: how many calls were brought before the supervisor
notifications()
{
	local log=$T/tmp/notifications.${AS:-root}

	in_prog strace -f -qq -e trace=ioctl -o "$log" "$T/build/sockshim" -p "$PROXY" "$@" >/dev/null
	grep -c SECCOMP_IOCTL_NOTIF_RECV "$log" || true
}

@test "a preloaded program's connects are not brought before the supervisor" {
	check()
	{
		run notifications python3 -c "$CONNECTS" 20
		expect_output 0
		# so that the count means something
		run notifications "$T/build/tests/e2e/static_guard" get "$WEB_IP4"
		[ "$output" -gt 0 ] || fail "a static program's connect was not counted"
	}
	both check
	assert_only_proxy_traffic "$PROXY_IP" "$PROXY_PORT"
}

# calls N OPTION…: system calls of N connects, by name; how often one waits is chance
calls()
{
	local n=$1 log=$T/tmp/calls.${AS:-root}.$1

	shift
	shim "$@" strace -f -qq -o "$log" python3 -c "$CONNECTS" "$n" >/dev/null
	sed -n 's/^[0-9]* *\([a-z0-9_]*\)(.*/\1/p' "$log" | grep -vxE 'poll|ppoll|recvfrom|futex|restart_syscall' |
		sort | uniq -c
}

# each OPTION…: system calls of 20 connects without those of the start-up
each()
{
	join -j 2 -a 2 <(calls 20 "$@" | sort -k 2) <(calls 40 "$@" | sort -k 2) |
		awk 'NF < 3 { $3 = $2; $2 = 0 } $3 != $2 { print $1, $3 - $2 }'
}

@test "with the guard the library makes no more system calls than without, start-up aside" {
	check()
	{
		run each -o Guard=off
		local without=$output
		expect_match "$without" "connect 20"
		expect_match "$without" "gettid 20"
		[[ $without != *getpid* ]] || fail "the number of the process is asked for"
		run each -o Guard=require
		expect_output "$without"
	}
	both check
	assert_only_proxy_traffic "$PROXY_IP" "$PROXY_PORT"
}

# more A B: what B has more than A, both as `each` prints them
more()
{
	join -a 2 <(sort <<<"$1") <(sort <<<"$2") | awk '{ n = NF < 3 ? $2 : $3 - $2 } n { print $1, n }'
}

@test "an audit adds to a connect who and in which network namespace" {
	check()
	{
		run each
		local without=$output
		run each --audit --audit-file "$T/tmp/audit.${AS:-root}"
		run more "$without" "$output"
		expect_output "$(printf '%s\n' 'getpid 20' 'getsockopt 20')"
	}
	both check
}

# Connect and reply are two reports: a send each, who (getpid, gettid), is the descriptor still ours (getsockopt); and
# once where from (getsockname).
@test "two reports of a connect are two sends, and seven system calls that fill them in" {
	local without

	run each
	without=$output
	in_prog bash -c '"$1" listen "$2" >/dev/null 2>&1 & echo $!' - "$T/build/sockshimctl" "$T/tmp/heard" >"$T/tmp/heard.pid"
	wait_for 10 test -S "$T/tmp/heard"
	run each -o "Report=unix:$T/tmp/heard"
	in_prog kill "$(<"$T/tmp/heard.pid")"
	run more "$without" "$output"
	expect_output "$(printf '%s\n' 'getpid 40' 'getsockname 20' 'getsockopt 40' 'gettid 40' 'sendto 40')"
}
