#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# The resolver's own functions (res_query and relatives, getaddrinfo_a), and programs that use them: answered here.

load lib/common

V4='^198\.1[89]\.[0-9]+\.[0-9]+$'
V6='^fd73:6f63:6b73:7368:[0-9a-f:]+$'
FUNCTIONS='res_query res_search res_send res_nquery res_nsearch res_nsend
	__res_query __res_search __res_send __res_nquery __res_nsearch __res_nsend'

setup_file()
{
	net_up
	proxy_up embedded
	printf '10.9.8.7 box.local.test box\n127.0.1.1 prog\n2001:db8::7 ip6-box\n' >>"$T/prog/etc/hosts"
	echo 'search far.test' >>"$T/prog/etc/resolv.conf"
}

query()
{
	run shim "$T/build/tests/e2e/query" "$@"
}

# every FUNCTION of the resolver in one session: NAME TYPE PATTERN
every()
{
	local line

	# shellcheck disable=SC2016 # for the inner shell
	run shim bash -c 'for f in $1; do "$BUILD/tests/e2e/query" $f "$2" "$3"; done; true' - "$FUNCTIONS" "$1" "$2"
	expect_status 0
	[ "${#lines[@]}" -eq 12 ] || fail "not one answer of each function"
	for line in "${lines[@]}"; do
		expect_match "$line" "$3"
	done
}

@test "A and AAAA questions get virtual addresses" {
	check()
	{
		every web.far.test A "$V4"
		every web.far.test AAAA "$V6"
		every web.far.test. A "$V4"
	}
	both check
	quiet
}

@test "res_querydomain puts name and domain together" {
	local f

	for f in res_querydomain res_nquerydomain __res_querydomain __res_nquerydomain; do
		run shim bash -c '"$BUILD/tests/e2e/query" $1 web A far.test; "$BUILD/tests/e2e/resolve" getaddrinfo4 web.far.test' - "$f"
		expect_match "${lines[0]}" "$V4"
		[ "${lines[0]}" = "${lines[1]}" ] || fail 'another name'
		query "$f" web.far.test. A
		expect_match "$output" "$V4"
	done
	quiet
}

@test "the address is getaddrinfo's, and PTR leads back to the name" {
	check()
	{
		# shellcheck disable=SC2016 # for the inner shell
		run shim bash -c 'q=$BUILD/tests/e2e/query
			a=$($q res_query web.far.test A) b=$($BUILD/tests/e2e/resolve getaddrinfo4 web.far.test)
			[ "$a" = "$b" ] && for f in $1; do $q $f $a PTR; $q $f $($q $f web.far.test AAAA) PTR; done' - "$FUNCTIONS"
		expect_status 0
		[ "${#lines[@]}" -eq 24 ]
		[ "$(sort -u <<<"$output")" = web.far.test ] || fail 'not the name'
	}
	both check
	quiet
}

@test "other types: no data; names that are none: not found" {
	local type

	for type in MX TXT SRV SSHFP HTTPS ANY; do
		query res_query web.far.test $type
		expect_output 'h_errno 4'
		query res_send web.far.test $type
		expect_output ''
	done
	query res_query 'a b.far.test' A
	expect_output 'h_errno 1'
	query res_send 'a b.far.test' A
	expect_output 'rcode 3'
	query res_query web..far.test A
	expect_output 'h_errno 3'
	query res_query 203.0.113.80 PTR
	expect_output 'h_errno 1'
	quiet
}

@test "/etc/hosts, localhost and the own name are answered as they are" {
	query res_query box.local.test A
	expect_output 10.9.8.7
	query res_query box A
	expect_output 10.9.8.7
	query res_query box AAAA
	expect_output 'h_errno 4'
	query res_query 10.9.8.7 PTR
	expect_output box.local.test
	query res_query ip6-box AAAA
	expect_output 2001:db8::7
	query res_query localhost A
	expect_output 127.0.0.1
	query res_query prog A
	expect_output 127.0.1.1
	quiet
}

@test "a buffer that is too small, a message that is none" {
	query cut web.far.test
	expect_output "$(printf 'longer TC kept\n-1 Invalid argument')"
	quiet
}

@test "getaddrinfo_a is done at once, and tells of it in every way" {
	local mode

	check()
	{
		for mode in wait poll signal thread; do
			query async $mode web.far.test 'a b' box
			expect_match "$output" "cancel 1"
			[ "${lines[-1]}" = 10.9.8.7 ] || fail "$mode: box"
			[ "${lines[-2]}" = 'EAI -2' ] || fail "$mode: no name"
			expect_match "${lines[-3]}" "$V4"
			case $mode in
			signal | thread) [ "${lines[0]}" = 'told 42' ] || fail "$mode: not told" ;;
			esac
		done
	}
	both check
	quiet
}

@test "with a rule that says Direct the resolver is asked; one that says Refuse: not found" {
	printf 'Match host dir*.far.test\n  Direct\nMatch host no.far.test\n  Refuse\n' >"$T/tmp/rules"
	run in_prog "$T/build/sockshim" -c "$T/tmp/rules" -p "$PROXY" "$T/build/tests/e2e/query" res_query dir.far.test A
	expect_output "$DECOY_IP4"
	run in_prog "$T/build/sockshim" -c "$T/tmp/rules" -p "$PROXY" "$T/build/tests/e2e/query" res_nsearch dir.far.test A
	expect_output "$DECOY_IP4"
	capture_start
	run in_prog "$T/build/sockshim" -q -c "$T/tmp/rules" -p "$PROXY" "$T/build/tests/e2e/query" res_query no.far.test A
	expect_output 'h_errno 1'
	quiet
}

@test "Resolve remote asks the proxy" {
	PROXY=tor://$PROXY_IP:$PROXY_PORT
	run shim -o Resolve=remote "$T/build/tests/e2e/query" res_query web.far.test A
	expect_output "$WEB_IP4"
	run shim -o Resolve=remote "$T/build/tests/e2e/query" res_nsend web.far.test A
	expect_output "$WEB_IP4"
	clean
}

@test "without settings every question is refused" {
	run in_prog env LD_PRELOAD="$T/build/libsockshim.so" SOCKSHIM_SESSION=/nonexistent \
		"$T/build/tests/e2e/query" res_query web.far.test A
	expect_match "${lines[-1]}" '^h_errno 3$'
	quiet
}

@test "ssh with VerifyHostKeyDNS asks nobody" {
	sshd_up
	check()
	{
		run shim ssh "${SSH_OPTIONS[@]}" -o VerifyHostKeyDNS=yes -i "$T/home/$AS/key" root@web.far.test echo there
		expect_status 0
		expect_match "$output" there
	}
	both check
	clean
}

@test "getent, ping, host names of other alphabets" {
	check()
	{
		run shim getent ahosts web.far.test
		expect_status 0
		[ "${#lines[@]}" -eq 3 ] || fail 'not one line a socket type'
		expect_match "${lines[0]}" '^198\.1[89]\.[0-9.]+ +STREAM web.far.test$'
		run shim getent ahostsv6 web.far.test
		expect_match "${lines[0]}" '^fd73:6f63:6b73:7368:[0-9a-f:]+ +STREAM web.far.test$'
		run shim getent hosts web.far.test box.local.test
		expect_match "${lines[1]}" '^10\.9\.8\.7 +box.local.test box$'
		# AI_IDN, AI_CANONIDN: what the proxy will be asked for is the encoded name
		run shim bash -c 'a=$(getent ahostsv4 münchen.test | head -n 1); echo "$a"; getent hosts ${a%% *}'
		expect_match "${lines[0]}" ' münchen.test$'
		expect_match "${lines[1]}" ' xn--mnchen-3ya.test$'
		run shim ping -c 1 -W 1 web.far.test
		[ "$status" -ne 0 ] && [ "$status" -ne 124 ] || fail "not refused"
	}
	both check
	quiet
}
