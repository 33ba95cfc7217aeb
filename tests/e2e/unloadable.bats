#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Without the guard, where the library cannot be loaded, nothing runs: ld.so would say "ignored" and go on, past the proxy.

load lib/common

setup_file()
{
	net_up
	proxy_up embedded
	privileged_copies
	in_prog bash -e <<-'END'
		cd $T/tmp/bin
		printf '#!%s/static_connect\n' $PWD >script; chmod 755 script
		printf '#!/bin/sh\n%s/static_connect\necho "$?"\n' $PWD >calls-static; chmod 755 calls-static
		printf '#!/bin/sh\n%s/setuid plain\necho "$?"\n' $PWD >calls-setuid; chmod 755 calls-setuid
	END
}

# refuses WORD FILE: exit 126, nothing ran, one line with the file and WORD
refuses()
{
	run --separate-stderr shim -o Guard=off "$2" plain "$WEB_IP4"
	expect_status 126
	[ -z "$output" ] || fail 'it ran'
	[ "${#stderr_lines[@]}" -eq 1 ] || fail 'not one line'
	expect_match "$stderr" "^sockshim: .*$(basename "$2").*$1"
}

@test "the dynamic one of the same programs runs" {
	check()
	{
		run shim "$T/tmp/bin/sockets" plain
		expect_status 0
	}
	both check
}

@test "a static program is refused" {
	both refuses static "$T/tmp/bin/static_connect"
	assert_no_packets
}

@test "a script with a static interpreter is refused" {
	both refuses static "$T/tmp/bin/script"
	assert_no_packets
}

@test "a setuid and a setgid program are refused" {
	AS=user refuses setuid "$T/tmp/bin/setuid"
	AS=user refuses setgid "$T/tmp/bin/setgid"
	assert_no_packets
}

@test "a program with file capabilities is refused" {
	AS=user refuses 'setcap|capabilit' "$T/tmp/bin/setcap"
	assert_no_packets
}

@test "a program that cannot be read is refused" {
	AS=user refuses '' "$T/tmp/bin/hidden"
	assert_no_packets
}

@test "an i386 program is refused" {
	both refuses '' "$T/build/tests/e2e/i386_connect"
	assert_no_packets
}

@test "the library is missing: refused" {
	mkdir "$T/tmp/alone"
	cp "$T/build/sockshim" "$T/tmp/alone/"
	check()
	{
		run --separate-stderr in_prog "$T/tmp/alone/sockshim" -p "$PROXY" curl -sS "http://$WEB_IP4/"
		expect_status 126
		[ -z "$output" ]
		[ "${#stderr_lines[@]}" -eq 1 ] || fail 'not one line'
		expect_match "$stderr" libsockshim.so
	}
	both check
	assert_no_packets
}

@test "a library that is no library: refused" {
	mkdir "$T/tmp/broken"
	cp "$T/build/sockshim" "$T/tmp/broken/"
	echo 'not a library' >"$T/tmp/broken/libsockshim.so"
	check()
	{
		run --separate-stderr in_prog "$T/tmp/broken/sockshim" -p "$PROXY" curl -sS "http://$WEB_IP4/"
		expect_status 126
		[ -z "$output" ]
		expect_match "$stderr" libsockshim.so
	}
	both check
	assert_no_packets
}

@test "installed under a PREFIX: the library is found beside bin" {
	in_prog bash -e <<-'END'
		mkdir -p $T/tmp/prefix/bin $T/tmp/prefix/lib/sockshim
		cp $BUILD/sockshim $T/tmp/prefix/bin/
		cp $BUILD/libsockshim.so $T/tmp/prefix/lib/sockshim/
		mkdir -p $T/tmp/elsewhere
		ln -s $T/tmp/prefix/bin/sockshim $T/tmp/elsewhere/
	END
	check()
	{
		run in_prog "$T/tmp/prefix/bin/sockshim" -p "$PROXY" curl -sS http://web.far.test/
		expect_output "$WEB_BODY"
		run in_prog "$T/tmp/elsewhere/sockshim" -p "$PROXY" curl -sS http://web.far.test/
		expect_output "$WEB_BODY"
	}
	both check
}

@test "a wrapped program cannot start a static one" {
	check()
	{
		run shim -q -o Guard=off "$T/tmp/bin/calls-static"
		expect_match "$output" '126|127|1$'
		[[ "$output" != *ran* ]] || fail 'it ran'
	}
	both check
	assert_no_packets
}

@test "a wrapped program cannot start a setuid one" {
	AS=user
	run shim -q -o Guard=off "$T/tmp/bin/calls-setuid"
	[[ "$output" != 0 ]] || fail 'it ran'
	assert_no_packets
}

@test "Unwrappable allow is the user's own decision" {
	run shim -o Guard=off -o Unwrappable=allow "$T/tmp/bin/static_connect"
	expect_match "$output" ran
}
