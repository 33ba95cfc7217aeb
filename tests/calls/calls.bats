#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Every hooked symbol in every frame: the fragments of this folder, in the world of ../e2e/lib.

BATS_TEST_DIRNAME=$(cd "$BATS_TEST_DIRNAME/../e2e" && pwd)
load lib/common

setup_file()
{
	net_up
	proxy_up embedded
	echo 'loopback 127.0.0.0' >"$T/prog/etc/networks"
	sed -i 's/^networks:.*/networks: files dns/' "$T/prog/etc/nsswitch.conf"
}

# Each symbol in a session of its own.
run_fragments()
{
	# shellcheck disable=SC2016 # for the inner shell
	LIMIT=60 run in_prog "--$3" bash -c 'for s in $1; do
		out=$(timeout 10 "$BUILD/sockshim" -q -p "$2" "$BUILD/tests/calls/calls" "$3" "$s" 2>&1) ||
			echo "$s: ends with $?: $out"
	done' - "$1" "$PROXY" "$2"
	[ "$status:$output" = 0: ] || fail "fragments in $2 as $3"
}

# in_frame FRAME: the fragments of all symbols; nothing but SOCKS leaves. May stand before ||.
in_frame()
{
	local symbols

	symbols=$("$REPO/tests/lint/symbols") && [ -n "$symbols" ] &&
		run_fragments "$symbols" "$1" root &&
		run_fragments "$symbols" "$1" user &&
		assert_only_proxy_traffic "$PROXY_IP" "$PROXY_PORT" &&
		assert_no_dns_questions
}

@test "calls of main" {
	in_frame main
}

@test "calls of the constructor of a linked library" {
	in_frame constructor
}

@test "calls of a vfork child" {
	in_frame vfork
}

@test "calls of a signal handler" {
	in_frame handler
}

@test "calls of a second thread" {
	in_frame thread
}

@test "calls of code compiled with _FORTIFY_SOURCE=3" {
	in_frame fortified
}

@test "calls of code compiled with _FILE_OFFSET_BITS=64" {
	in_frame large
}

# The calls pass the library by, so what they say is the guard's answer, or time's: some wait for a name server.
@test "calls of a library opened with RTLD_DEEPBIND: nothing leaves" {
	local symbols

	check()
	{
		in_prog "$T/build/sockshim" -q -p "$PROXY" -o Guard=require true ||
			skip 'RTLD_DEEPBIND passes the library by: a door for the guard to shut, which this kernel has not'
		# shellcheck disable=SC2016 # for the inner shell
		LIMIT=60 run in_prog bash -c 'printf "%s\n" $1 |
			xargs -P 8 -I@ timeout 1 "$BUILD/sockshim" -q -o Guard=require -p "$2" "$BUILD/tests/calls/calls" deepbind @' - "$symbols" "$PROXY"
		[ "$status" -ne 124 ] || fail 'it hangs'
	}
	symbols=$("$REPO/tests/lint/symbols") && [ -n "$symbols" ]
	both check
	assert_only_proxy_traffic "$PROXY_IP" "$PROXY_PORT"
	assert_no_dns_questions
}
