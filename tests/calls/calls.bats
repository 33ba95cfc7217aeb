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

all_symbols()
{
	symbols=$("$REPO/tests/lint/symbols")
	[ -n "$symbols" ]
}

# in_frame FRAME [OPTION…]: the fragments of all symbols, each in a session of its own, started with these options;
# nothing but SOCKS leaves.
in_frame()
{
	local symbols

	check()
	{
		# shellcheck disable=SC2016 # for the inner shell
		LIMIT=60 run in_prog bash -c 'symbols=$1 frame=$2; shift 2; for s in $symbols; do
			out=$(timeout 10 "$BUILD/sockshim" -q "$@" "$BUILD/tests/calls/calls" "$frame" "$s" 2>&1) ||
				echo "$s: ends with $?: $out"
		done' - "$symbols" "$1" -p "$PROXY" "${@:2}"
		[ "$status:$output" = 0: ] || fail "fragments in $1"
	}
	all_symbols
	both check "$@"
	assert_only_proxy_traffic "$PROXY_IP" "$PROXY_PORT"
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

@test "calls of a library opened with RTLD_DEEPBIND: without the guard dlopen(3) takes the flag away" {
	in_frame deepbind -o Guard=off
}

# The calls pass the library by, so what they say is the guard's answer, or time's: some wait for a name server.
@test "calls of a library opened with RTLD_DEEPBIND: with the guard nothing leaves" {
	local symbols

	check()
	{
		# shellcheck disable=SC2016 # for the inner shell
		LIMIT=60 run in_prog bash -c 'printf "%s\n" $1 |
			xargs -P 8 -I@ timeout 1 "$BUILD/sockshim" -q -o Guard=require -p "$2" "$BUILD/tests/calls/calls" deepbind @' - "$symbols" "$PROXY"
		[ "$status" -ne 124 ] || fail 'it hangs'
	}
	all_symbols
	both check
	assert_only_proxy_traffic "$PROXY_IP" "$PROXY_PORT"
	assert_no_dns_questions
}
