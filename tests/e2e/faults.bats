#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Proxies that are down, slow or no proxies: a clear errno, one line that names the proxy, nothing of a wrong reply in
# the program's hands, and no packet past the proxy.

load lib/common

setup_file()
{
	net_up
}

setup()
{
	proxy_use fake
	capture_start
}

teardown()
{
	far_stop fake
}

# gets ERROR WORDS [OPTION…]: the program's connect fails with ERROR, and the one line on stderr names host and proxy
# and matches WORDS.
gets()
{
	local error=$1 words=$2

	shift 2
	check()
	{
		run --separate-stderr shim "$@" "$T/build/tests/e2e/sockets" try
		expect_status 0
		expect_match "$output" "^($error)\$"
		[ "${#stderr_lines[@]}" -eq 1 ] || fail 'not one line'
		expect_match "$stderr" '^sockshim: .*web\.far\.test'
		expect_match "$stderr" "$PROXY_IP:$PROXY_PORT"
		expect_match "$stderr" "$words"
	}
	both check "$@"
	clean
}

# answers FAULT… -- ERROR WORDS [OPTION…]
answers()
{
	local fault=() url

	while [ "$1" != -- ]; do
		fault+=("$1")
		shift
	done
	shift
	url=$PROXY
	proxy_up fake "${fault[@]}"
	PROXY=$url
	gets "$@"
	proxy_down fake
	PROXY=$url
}

@test "the proxy is down: ECONNREFUSED" {
	gets ECONNREFUSED 'cannot reach the proxy'
}

@test "the proxy goes down and comes back" {
	proxy_up fake
	run shim "$T/build/tests/e2e/sockets" try
	expect_output ok
	proxy_down fake
	run shim -q "$T/build/tests/e2e/sockets" try
	expect_output ECONNREFUSED
	proxy_up fake
	run shim "$T/build/tests/e2e/sockets" try
	expect_output ok
}

@test "the proxy cannot be reached: the deadline holds" {
	PROXY=socks5://192.0.2.99:1080 # nobody has this address, and nobody answers for it
	check()
	{
		run --separate-stderr shim -o ConnectTimeout=0.5 "$T/build/tests/e2e/sockets" try
		expect_output ETIMEDOUT
		expect_match "$stderr" '192.0.2.99:1080'
	}
	both check
}

@test "garbage: EPROTO" {
	answers --first "$(printf 'ff%.0s' {1..64})" -- EPROTO 'not SOCKS'
}

@test "an HTTP server: EPROTO" {
	answers --first "$(printf 'HTTP/1.0 501 no\r\n\r\n' | od -An -tx1 | tr -d ' \n')" -- EPROTO HTTP
}

@test "a SOCKS4 server: EPROTO" {
	answers --first 005b000000000000 -- EPROTO 'SOCKS4'
}

@test "an ssh server: EPROTO" {
	answers --first "$(printf 'SSH-2.0-far\r\n' | od -An -tx1 | tr -d ' \n')" -- EPROTO 'not SOCKS'
}

@test "a method that was not offered: EPROTO" {
	answers --method 01 -- EPROTO method
}

@test "no method is good enough" {
	answers --method ff -- EACCES password
}

@test "the user is refused: EACCES" {
	PROXY=socks5://me:secret@$PROXY_IP:$PROXY_PORT
	answers --method 02 --auth-status 01 -- EACCES 'refused'
}

@test "an answer to user and password of SOCKS' own version will do; no answer does not" {
	proxy_up fake --method 02 --auth-version 5
	PROXY=socks5://me:secret@$PROXY_IP:$PROXY_PORT
	run shim "$T/build/tests/e2e/sockets" try
	expect_output ok
	answers --method 02 --auth-version 5 --auth-status 01 -- EACCES 'refused the user name'
	answers --method 02 --auth-version 4 -- EPROTO 'not SOCKS'
	answers --method 02 --close auth -- ECONNREFUSED 'when it had user name and password'
}

@test "an unknown address type in the reply: EPROTO" {
	answers --bound 09000000000000 -- EPROTO 'address type'
}

@test "end of file instead of the greeting" {
	answers --close greeting -- ECONNREFUSED 'closed at once'
}

@test "end of file instead of the reply" {
	answers --close request -- ECONNREFUSED 'closed the connection'
}

@test "a reset instead of an end of file is the same" {
	answers --reset --close greeting -- ECONNREFUSED 'closed at once'
	answers --reset --close request -- ECONNREFUSED 'closed the connection instead'
	answers --reset --cut 4 -- ECONNREFUSED 'in the middle'
	answers --reset --rep 05 -- ECONNREFUSED 'proxy says: connection refused' -v
	answers --reset --first 04 -- EPROTO 'SOCKS4'
	proxy_up fake --reset --close greeting
	run shim --check
	expect_status 1
	expect_match "$output" 'closed at once'
}

@test "end of file in the middle of the reply" {
	local cut

	for cut in 1 4 9; do
		answers --cut "$cut" -- 'ECONNREFUSED|EPROTO' 'closed the connection'
	done
}

@test "no answer to the greeting: ETIMEDOUT after the deadline" {
	answers --hang greeting -- ETIMEDOUT 'does not answer' -o HandshakeTimeout=0.5
}

@test "no answer to the request: ETIMEDOUT after the deadline" {
	answers --hang request -- ETIMEDOUT 'in time' -o HandshakeTimeout=0.5
}

@test "half an answer, and no more: ETIMEDOUT after the deadline, one line for a static program too" {
	answers --cut 6 --hang reply -- ETIMEDOUT 'stopped in the middle' -o HandshakeTimeout=0.5
	proxy_up fake --cut 6 --hang reply
	check()
	{
		run --separate-stderr shim -o HandshakeTimeout=0.5 "$T/build/tests/e2e/static_guard" get
		[ "$status" -ne 0 ] || fail 'it did not fail'
		expect_match "$stderr" 'sockshim: static_guard: .*stopped in the middle'
	}
	both check
	clean
}

@test "the greeting answered twice: EPROTO" {
	answers --twice -- EPROTO 'not SOCKS'
}

@test "each reply code has its errno and its words" {
	answers --rep 01 -- ECONNREFUSED 'general failure' -v
	answers --rep 02 -- EACCES 'not allow' -v
	answers --rep 03 -- ENETUNREACH 'network unreachable' -v
	answers --rep 04 -- EHOSTUNREACH 'host unreachable' -v
	answers --rep 05 -- ECONNREFUSED 'refused' -v
	answers --rep 06 -- ETIMEDOUT 'timed out' -v
	answers --rep 07 -- ECONNREFUSED 'not supported' -v
	answers --rep 08 -- ENETUNREACH 'not supported' -v
	answers --rep 5f -- ECONNREFUSED 'refused' -v
}

@test "Tor's extended errors" {
	answers --rep f0 -- EHOSTUNREACH 'onion service not found' -v
	answers --rep f4 -- EACCES 'authorization' -v
	answers --rep f7 -- ETIMEDOUT 'timed out' -v
}

@test "SOCKS4a refusals" {
	PROXY=socks4a://$PROXY_IP:$PROXY_PORT
	answers --code4 5b -- ECONNREFUSED 'rejected' -v
	answers --code4 5d -- EACCES 'identd' -v
}

@test "a target that the proxy could not reach is the program's to report: no line without -v" {
	proxy_up fake --rep 04
	run --separate-stderr shim curl -s http://web.far.test/
	expect_status 7
	[ -z "$stderr" ] || fail 'a word on stderr'
}

@test "a proxy whose rules forbid the target says so without -v" {
	proxy_up fake --rep 02
	run --separate-stderr shim curl -s http://web.far.test/
	expect_status 7
	expect_match "$stderr" 'its rules do not allow'
	PROXY=tor://$PROXY_IP:$PROXY_PORT # the exits' rules, as likely as not
	run --separate-stderr shim curl -s http://web.far.test/
	expect_status 7
	[ -z "$stderr" ] || fail 'a word on stderr'
}

# Those that look at no command answer a RESOLVE as a CONNECT: with an address of the proxy's own.
@test "Resolve remote, and a proxy that is no Tor: no address, a line that says so, and --check says it too" {
	no_address()
	{
		proxy_up fake "$@"
		PROXY=tor://$PROXY_IP:$PROXY_PORT
		run --separate-stderr shim -o Resolve=remote getent ahosts web.far.test
		[ "$status" -ne 0 ] || fail 'an address'
		expect_match "$stderr" "web.far.test through $PROXY: the proxy.*; set Resolve virtual"
		run shim -o Resolve=remote --check
		expect_status 1
		expect_match "$output" "$PROXY answers no RESOLVE: the proxy.*; set \"Resolve virtual\""
		run shim --check
		expect_status 0
		proxy_down fake
	}
	no_address --rep 07
	no_address --bound 01c0000201a001
	no_address --bound 01c00002010400
	no_address --bound 01000000000000
	proxy_up fake --bound 01cb0071500000
	PROXY=tor://$PROXY_IP:$PROXY_PORT
	run shim -o Resolve=remote --check
	expect_status 0
}

@test "-q is silent" {
	run --separate-stderr shim -q curl -s http://web.far.test/
	expect_status 7
	[ -z "$stderr" ] || fail 'not silent'
}

# granted FAULT…: the page is whole and not a byte more, though the server speaks in the same segment.
granted()
{
	proxy_up fake "$@" --tail '220 hello
'
	check()
	{
		run in_prog bash -c "printf 'GET / HTTP/1.0\r\n\r\n' | $T/build/sockshim -p $PROXY nc web.far.test 80 |
			tr -d '\r'"
		expect_output "$(printf '220 hello\nHTTP/1.0 200 OK\nConnection: close\n\nfar web server')"
	}
	both check
	proxy_down fake
}

@test "every address type in the reply, and data right behind it" {
	granted --bound 01c00002010050
	granted --bound "0420010db80000000000000000000000010050"
	granted --bound 03000050
	granted --bound 03036162630050
	granted --bound "03ff$(printf '61%.0s' {1..255})0050"
	granted --bound 00000000000000
}

@test "replies byte by byte" {
	granted --slow --bound "0420010db80000000000000000000000010050"
	granted --slow --bound 01c00002010050
}

@test "replies byte by byte, with user and password" {
	proxy_up fake --slow --method 02
	PROXY=socks5://me:s%00cret@$PROXY_IP:$PROXY_PORT
	run shim "$T/build/tests/e2e/sockets" try
	expect_output ok
	[ "$(said | sed -n 2p)" = 'auth me s%00cret' ] || fail "$(said)"
}
