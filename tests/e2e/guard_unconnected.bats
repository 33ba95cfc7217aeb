#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Programs that ask name servers from a socket that is not connected, as musl's resolver: another socket takes its place.

load lib/common

setup_file()
{
	net_up
	proxy_up embedded
	mkdir "$T/tmp/bin"
	musl-gcc -static -O1 -o "$T/tmp/bin/musl" "$E2E/programs/musl_fetch.c"
	musl-gcc -O1 -o "$T/tmp/bin/musl_dynamic" "$E2E/programs/musl_fetch.c"
	musl-gcc -o "$T/tmp/bin/musl_preload" -x c - <<-'END'
		#include <stdio.h>
		#include <stdlib.h>
		int main(void) { const char *p = getenv("LD_PRELOAD"); puts(p ? p : "none"); }
	END
	cp "$T/prog/etc/resolv.conf" "$T/resolv.conf"
}

teardown()
{
	servers <"$T/resolv.conf"
}

# servers: what the program's side has in resolv.conf from now on.
servers()
{
	in_prog --root tee /etc/resolv.conf >/dev/null
}

# page NAME [4|6]
page()
{
	run --separate-stderr shim "$T/tmp/bin/musl" "$@"
	expect_output "$WEB_BODY"
	[ -z "$stderr" ] || fail 'it was not quiet'
}

# ask WAY [ADDRESS [COUNT]]
ask()
{
	LIMIT=60 run --separate-stderr shim "$T/build/tests/e2e/static_ask" "$1" "${2:-$PROG_DNS}" 53 "${3-}"
}

# expect_answers LINE…: of static_ask
expect_answers()
{
	local v4='198\.1[89]\.[0-9.]+' v6='fd73:[0-9a-f:]+' all

	all=$(printf '%s\n' "$@")
	all=${all//V4/$v4}
	[[ $output =~ ^${all//V6/$v6}$ ]] || fail "not: $*"
}

maker()
{
	in_prog --root pgrep -x sockshim-names
}

@test "a static musl program fetches a page by a name that only the proxy knows" {
	check()
	{
		page web.far.test
		page web.far.test 4
		page web.far.test 6
		page "$WEB_IP4"
	}
	both check
	clean
}

@test "one that musl's own loader starts, which cannot load the library" {
	check()
	{
		run --separate-stderr shim "$T/tmp/bin/musl_dynamic" web.far.test
		expect_output "$WEB_BODY"
		[ -z "$stderr" ] || fail 'it was not quiet'
		run in_prog env LD_PRELOAD=/nobody/libother.so "$T/build/sockshim" -p "$PROXY" "$T/tmp/bin/musl_preload"
		expect_output /nobody/libother.so
		run shim "$T/build/sockshim" -p "$PROXY" "$T/tmp/bin/musl_preload"
		expect_output none
		run shim sh -c "$T/build/sockshim -p $PROXY $T/tmp/bin/musl_dynamic web.far.test"
		expect_output "$WEB_BODY"
	}
	both check
	run shim -o Guard=off "$T/tmp/bin/musl_dynamic" web.far.test
	expect_status 126
	clean
}

@test "two name servers, IPv6, both, link-local, and none at all" {
	check()
	{
		page web.far.test
	}
	printf 'nameserver %s\n' "$PROG_DNS" 203.0.113.99 | servers
	both check
	printf 'nameserver %s\n' 2001:db8::53 | servers
	both check
	printf 'nameserver %s\n' 2001:db8::53 "$PROG_DNS" ::1 | servers
	both check
	servers </dev/null
	both check
	clean
	# no other machine's cable has that device: refused, as it was
	printf 'nameserver fe80::1%%cable\noptions timeout:1 attempts:1\n' | servers
	check()
	{
		LIMIT=20 run shim -q "$T/tmp/bin/musl" web.far.test
		expect_status 3
	}
	AS=user check
	clean
}

@test "the names are the session's" {
	check()
	{
		shim_start sh -c "$T/tmp/bin/musl web.far.test; $T/tmp/bin/musl nobody.far.test; echo up; read x"
		run in_prog "$T/build/sockshimctl" names
		expect_match "$output" 'web\.far\.test'
		expect_match "$output" 'nobody\.far\.test'
		echo go >&8
		shim_end
		expect_output "$WEB_BODY"$'\nno connection\nup'
	}
	both check
	clean
}

@test "answers come from the server that was asked; sendto, sendmsg, sendmmsg" {
	check()
	{
		ask once "$@"
		expect_answers V4
		ask both-types "$@"
		expect_answers V4 V6
		ask messages "$@"
		expect_answers V4 V6 V4
	}
	both check "$PROG_DNS"
	both check 127.0.0.53
	both check 2001:db8::53
	both check "::ffff:$PROG_DNS"
	quiet
}

@test "a name server on loopback is not asked, even where loopback is open" {
	check()
	{
		run shim -o Localhost=direct "$T/build/tests/e2e/static_ask" once 127.0.0.53 53
		expect_answers V4
	}
	both check
	assert_no_packets
}

@test "what Match blocks say of port 53 holds" {
	printf 'Match host 203.0.113.0/24 port 53\n\tRefuse\nMatch host 192.0.2.1/32 port 53\n\tDirect\n' >"$T/tmp/rules.conf"
	check()
	{
		run --separate-stderr shim -c "$T/tmp/rules.conf" "$T/build/tests/e2e/static_ask" once "$FAR_DNS" 53
		expect_output EHOSTUNREACH
	}
	both check
	run --separate-stderr shim -c "$T/tmp/rules.conf" "$T/build/tests/e2e/static_ask" once "$PROG_DNS" 53
	expect_answers V4
	quiet
}

@test "address, flags, options, copies and epolls of the socket are as they were" {
	check()
	{
		ask stays
		expect_answers V4 EAGAIN 'bound nonblocking cloexec 8 1'
		ask copies
		expect_answers V4 inherited
		ask epoll
		expect_answers '1 1 V4' '0 1 V6' '0 0'
	}
	both check
	quiet
}

@test "such a socket leads nowhere else" {
	check()
	{
		ask elsewhere
		expect_answers V4 'web ENETUNREACH' 'loopback ECONNREFUSED' 'connect ENETUNREACH' 'write EDESTADDRREQ' V4
		run shim -q -o Localhost=direct "$T/build/tests/e2e/static_ask" elsewhere "$PROG_DNS" 53
		expect_match "$output" $'\nloopback ENETUNREACH\n'
	}
	both check
	quiet
}

# ask_often WAY COUNT OUTPUT
ask_often()
{
	LIMIT=60 run shim -q "$T/build/tests/e2e/static_ask" "$1" "$PROG_DNS" 53 "$2"
	expect_output "$3"
}

@test "the address in memory changes while it is judged" {
	AS=root ask_often race 2000 'both ways'
	AS=user ask_often race 20000 'both ways'
	quiet
}

@test "the descriptor is another socket by the time it is replaced" {
	AS=root ask_often swapped 500 '0 past it'
	AS=user ask_often swapped 10000 '0 past it'
	quiet
}

@test "a thousand processes at once" {
	check()
	{
		ask storm "$PROG_DNS" "$1"
		expect_output "$1 of $1"
	}
	AS=root check 100
	AS=user check 1000
	quiet
}

# What it holds, in words; as an ordinary user who is not allowed to look.
look_at_maker()
{
	in_prog --root bash -e <<-'END'
		at=/proc/$(pgrep -x sockshim-names)
		sed -n 's/^CapEff:\t//p' $at/status
		readlink $at/cwd
		ls -l $at/fd | awk '!/socket|total/ { n++ } END { print n + 0 }'
		cut -d ' ' -f 6,7 $at/stat
		[ "$(readlink $at/ns/net)" = "$(readlink /proc/self/ns/net)" ] || echo elsewhere
		setpriv --reuid 65534 --regid 65534 --clear-groups readlink $at/ns/net || echo closed
	END
}

@test "the process that makes the sockets: only where it is needed, with nothing of the program's, and to the end" {
	check()
	{
		shim_start sh -c "curl -sS http://web.far.test/; echo up; read x; $T/tmp/bin/musl web.far.test; echo asked; read x"
		run maker
		expect_output ''
		echo go >&8
		wait_for 10 grep -qx asked "$T/tmp/session.out"
		run look_at_maker
		expect_match "$output" $'^0000000000000000\n/\n0\n[0-9]+ 0\nelsewhere\nclosed$'
		echo go >&8
		shim_end
		run maker
		expect_output ''
	}
	both check
	clean
}

@test "nobody who waits for children sees it" {
	check()
	{
		run shim sh -c "$T/tmp/bin/musl web.far.test; wait"
		expect_output "$WEB_BODY"
		run in_prog "$PYTHON" "$T/e2e/programs/subreaper.py" "$T/build/sockshim" -p "$PROXY" "$T/tmp/bin/musl" web.far.test
		expect_output "$WEB_BODY"$'\nnone'
	}
	both check
	clean
}

@test "that process is killed, stopped, and the supervisor killed" {
	check()
	{
		shim_start sh -c "$T/tmp/bin/musl web.far.test; echo up; read x; $T/build/tests/e2e/static_ask storm $PROG_DNS 53 9
			echo next; read x; $T/build/tests/e2e/static_ask storm $PROG_DNS 53 9; echo last; read x"
		in_prog --root kill -KILL "$(maker)"
		echo go >&8
		wait_for 10 grep -qx next "$T/tmp/session.out"
		[ "$1" != stopped ] || in_prog --root kill -STOP "$(maker)"
		echo go >&8
		wait_for 20 grep -qx last "$T/tmp/session.out"
		shim_signal KILL
		wait_for 10 in_prog --root bash -c '! pgrep -x sockshim-names'
		echo go >&8
		shim_end
		expect_match "$output" $'9 of 9\nnext\n9 of 9\nlast'
	}
	AS=root check stopped
	AS=user check not
	clean
}

@test "a daemon that outlives the command has names still, and nothing stays behind it" {
	check()
	{
		rm -f "$T/tmp/page" "$T/tmp/go"
		mkfifo -m 666 "$T/tmp/go"
		run shim sh -c "$T/tmp/bin/musl web.far.test; (read x <$T/tmp/go; $T/tmp/bin/musl web.far.test >$T/tmp/page
			$T/build/tests/e2e/static_ask storm $PROG_DNS 53 9 >>$T/tmp/page) >/dev/null 2>&1 &"
		expect_output "$WEB_BODY"
		echo go >"$T/tmp/go"
		wait_for 10 grep -q '9 of 9' "$T/tmp/page"
		wait_for 10 in_prog --root bash -c '! pgrep sockshim'
	}
	both check
	clean
}

# without WAY…: where there can be no such sockets: refused as it ever was, in one line that says why.
without()
{
	run --separate-stderr in_prog "$@" "$T/build/sockshim" -p "$PROXY" "$T/build/tests/e2e/static_ask" once "$PROG_DNS" 53
	expect_output ENETUNREACH
	expect_match "$stderr" "^sockshim: static_ask: refused: send to $PROG_DNS:53: .*; it cannot be answered here either: $why\$"
	run maker
	expect_output ''
}

@test "without namespaces, or on an old kernel: refused, in one line" {
	local why

	why='namespaces are forbidden here'
	both without "$T/build/tests/e2e/deny" namespaces
	run in_prog "$T/build/tests/e2e/deny" namespaces "$T/build/sockshim" -p "$PROXY" --check
	expect_match "$output" "guard: no names .*: $why"
	run shim --check
	[[ $output != *'no names'* ]] || fail 'it says that there are none'
	why='Linux 5.14 is needed'
	both without "$T/build/tests/e2e/deny" new
	why='no more namespaces are allowed .*'
	AS=user without unshare -U --map-root-user sh -c 'echo 0 >/proc/sys/user/max_net_namespaces; exec "$@"' -
	AS=user LIMIT=20 run in_prog "$T/build/tests/e2e/deny" namespaces "$T/build/sockshim" -q -p "$PROXY" \
		"$T/tmp/bin/musl" web.far.test
	expect_status 3
	clean
}
