#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Isolation: which user name the proxy hears. The fake proxy says what it was told.

load lib/common

setup_file()
{
	net_up
}

setup()
{
	proxy_up fake --method 02
	capture_start
}

teardown()
{
	far_stop fake
}

# users: the credentials that the proxy heard, one a line
users()
{
	said | grep '^auth '
}

distinct()
{
	users | sort -u | wc -l
}

# three COMMAND…: three streams: two of one process to two names, one of another process
three()
{
	run "$@" sh -c 'curl -sS http://a.far.test/ http://b.far.test/; curl -sS http://a.far.test/'
	expect_status 0
	[ "$(users | wc -l)" -ge 3 ] || fail "not three streams: $(said)"
}

@test "user and password of the proxy's URL, with any bytes" {
	PROXY="socks5://us%3Aer:p%40s%20s%00%ff@$PROXY_IP:$PROXY_PORT"
	run shim curl -sS http://web.far.test/
	expect_output "$WEB_BODY"
	[ "$(users)" = 'auth us%3Aer p%40s%20s%00%FF' ] || fail "$(said)"
}

@test "the password from PasswordFile" {
	printf 'from a file\nmore\n' >"$T/home/user/password"
	chmod 600 "$T/home/user/password"
	chown 65534 "$T/home/user/password"
	PROXY=socks5://me@$PROXY_IP:$PROXY_PORT
	AS=user run shim -o PasswordFile="$T/home/user/password" curl -sS http://web.far.test/
	expect_output "$WEB_BODY"
	[ "$(users)" = 'auth me from%20a%20file' ] || fail "$(said)"
}

@test "a password from the environment is in no process's arguments" {
	PROXY=socks5://me:sesame@$PROXY_IP:$PROXY_PORT
	printf '%s' "$PROXY" >"$T/tmp/url"
	run in_prog bash -c 'export SOCKSHIM_PROXY=$(<$T/tmp/url)
		$BUILD/sockshim ps -eo args'
	expect_match "$output" 'sockshim'
	[[ "$output" != *sesame* ]] || fail 'a password is on show'
}

@test "without credentials in hand only no-authentication is offered" {
	far_stop fake
	proxy_up fake
	run shim curl -sS http://web.far.test/
	expect_output "$WEB_BODY"
	[ "$(said | sed -n 1p)" = 'greeting 050100' ] || fail "$(said)"
}

@test "Isolate none: no user is named" {
	far_stop fake
	proxy_up fake
	run shim -o Isolate=none curl -sS http://web.far.test/
	expect_output "$WEB_BODY"
	[ -z "$(users)" ] || fail "$(said)"
}

@test "Isolate session: one user for all processes, another for the next session" {
	three shim -o Isolate=session
	[ "$(distinct)" -eq 1 ] || fail "$(said)"
	run shim -o Isolate=session curl -sS http://a.far.test/
	[ "$(distinct)" -eq 2 ] || fail "$(said)"
}

@test "Isolate process" {
	three shim -o Isolate=process
	[ "$(distinct)" -eq 2 ] || fail "$(said)"
}

@test "Isolate destination" {
	three shim -o Isolate=destination
	[ "$(distinct)" -eq 2 ] || fail "$(said)"
}

@test "Isolate connection" {
	three shim -o Isolate=connection
	[ "$(distinct)" -eq 3 ] || fail "$(said)"
}

@test "-i isolates, -u names the user" {
	run shim -i curl -sS http://a.far.test/
	expect_output "$WEB_BODY"
	[ "$(distinct)" -eq 1 ] || fail "$(said)"
	three shim -iconnection
	[ "$(distinct)" -eq 4 ] || fail "$(said)"
}

@test "-u gives the same user each time, inherited over fork, exec and env -i" {
	PROXY=tor://$PROXY_IP:$PROXY_PORT
	run shim -u alice sh -c 'curl -sS http://a.far.test/; env -i /usr/bin/curl -sS http://b.far.test/'
	expect_status 0
	run shim -u alice curl -sS http://a.far.test/
	[ "$(distinct)" -eq 1 ] || fail "$(said)"
	expect_match "$(users | head -1)" alice
	run shim -u bob curl -sS http://a.far.test/
	[ "$(distinct)" -eq 2 ] || fail "$(said)"
}

@test "SOCKS4a carries the user id" {
	PROXY=socks4a://carol@$PROXY_IP:$PROXY_PORT
	run shim curl -sS http://web.far.test/
	expect_output "$WEB_BODY"
	[ "$(said)" = 'socks4 1 web.far.test 80 carol' ] || fail "$(said)"
}

@test "no user name begins with Tor's reserved prefix" {
	PROXY=tor://$PROXY_IP:$PROXY_PORT
	run shim -o Isolate=connection curl -sS http://web.far.test/
	expect_output "$WEB_BODY"
	[[ "$(users)" != *'%3CtorS0X%3E'[1-9]* ]] || fail "$(said)"
}
