#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# The supervisor under load, and when it is stopped or killed in the middle of it.

load lib/common

teardown()
{
	in_far kill -CONT "$(<"$T/far/embedded.pid")" # a test that failed may have left it stopped
}

load_()
{
	LIMIT=${LIMIT:-60} shim "$T/build/tests/e2e/static_load" "$@"
}

@test "16 threads, 10,000 connects" {
	check()
	{
		run load_ storm "$WEB_IP4" 80 "$1"
		expect_output "$((16 * $1)) of $((16 * $1))"
	}
	AS=root check 100
	AS=user check 625
	clean
}

@test "8 supervisors at a time, each with 16 threads" {
	check()
	{
		run in_prog bash -c 'for i in {1..8}; do
				"$1/sockshim" -p "$2" "$1/tests/e2e/static_load" storm "$3" 80 25 &
			done; wait' - "$T/build" "$PROXY" "$WEB_IP4"
		[ "$(grep -c '^400 of 400$' <<<"$output")" = 8 ] || fail 'not all of them'
	}
	both check
	clean
}

@test "2000 short processes" {
	check()
	{
		run load_ forks "$WEB_IP4" 80 1000
		expect_output '1000 of 1000'
	}
	both check
	clean
}

@test "a fork bomb of 2000 processes, all with a connection" {
	check()
	{
		run load_ bomb "$WEB_IP4" 80 "$1"
		expect_output "$1 of $1"
	}
	AS=root check 200
	AS=user check 2000
	clean
}

# The kernel looks for each call in a list of all that wait: with 10,000 that takes minutes on a busy machine. The
# supervisor had 3.2 MB resident then.
@test "4,000 calls that wait at a time: 3 MiB at most, and each gets its own answer" {
	local embedded line kb

	[ "$(ulimit -Hn)" = unlimited ] || [ "$(ulimit -Hn)" -ge 9000 ] || skip 'too few descriptors are allowed here'
	embedded=$(<"$T/far/embedded.pid")
	in_far kill -STOP "$embedded"
	mkfifo "$T/tmp/hold.in" "$T/tmp/hold.out"
	chmod 666 "$T"/tmp/hold.*
	exec 8<>"$T/tmp/hold.in"
	AS=user LIMIT=390 shim -o ConnectTimeout=0 -o HandshakeTimeout=0 "$T/build/tests/e2e/static_load" \
		hold "$WEB_IP4" 80 4000 <"$T/tmp/hold.in" >"$T/tmp/hold.out" 8>&- &
	exec 7<"$T/tmp/hold.out"
	read -r -t 190 -u 7 line
	in_far kill -CONT "$embedded"
	echo go >&8
	expect_match "$line" '^all wait, ([0-9]+) kB$'
	kb=${BASH_REMATCH[1]}
	[ "$kb" -le 3072 ] || fail "$kb kB with 4,000 pending calls"
	read -r -t 190 -u 7 line
	exec 7<&- 8>&-
	wait $!
	[ "$line" = '4000 of 4000' ] || fail "answers: $line"
	clean
}

@test "callers that are killed while they wait" {
	check()
	{
		run load_ kills "$WEB_IP4" 80 200
		expect_match "$output" "$WEB_BODY"
	}
	both check
	clean
}

@test "nothing is kept for callers that died" {
	proxy_up fake --hang request
	check()
	{
		run load_ pending "$WEB_IP4" 80 100
		expect_output '100 0'
	}
	both check
	proxy_down fake
	assert_only_proxy_traffic "$PROXY_IP" "$PROXY_PORT"
}

@test "the supervisor is killed in the middle: ENOSYS for all, no packet past the proxy" {
	check()
	{
		run in_prog bash -c '"$1/sockshim" -q -p "$2" "$1/tests/e2e/static_load" murder "$3" 80 200 | cat' - \
			"$T/build" "$PROXY" "$WEB_IP4"
		expect_match "$output" $'16 of 16\nENOSYS$'
	}
	both check
	clean
}
