#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# The guard: what the library cannot see goes through the proxy or nowhere, as root and as an ordinary user.

load lib/common

setup_file()
{
	net_up
	proxy_up embedded
	privileged_copies
	in_prog bash -e <<-'END'
		cd $T/tmp/bin
		echo '#include <sys/socket.h>
		int plugin_connect(int fd, const struct sockaddr *to, socklen_t len) { return connect(fd, to, len); }' >plugin.c
		gcc -shared -fPIC -o plugin.so plugin.c
	END
}

static_()
{
	shim "$T/build/tests/e2e/static_guard" "$@"
}

@test "a static program goes through the proxy, IPv4 and IPv6" {
	check()
	{
		run static_ get "$1"
		expect_match "$output" "$WEB_BODY"
	}
	both check "$WEB_IP4"
	both check "$WEB_IP6"
	both check "::ffff:$WEB_IP4"
	clean
	[ "$(requests | wc -l)" -eq 6 ] || fail "$(requests)"
}

@test "a static program whose socket does not block, and is in an epoll before it is connected" {
	check()
	{
		run static_ get-nonblocking
		expect_match "$output" "$WEB_BODY"
	}
	both check
	clean
}

@test "socket options and flags stay; half-close and messages work" {
	check()
	{
		run static_ options
		expect_match "$output" "$WEB_BODY"
		run static_ half-close
		expect_output answered
		run static_ peer
		expect_output "$PROXY_IP" # as the manual says
		run static_ message
		expect_output $'answered\n27\n27'
	}
	both check
	clean
}

@test "busybox-static, by address" {
	check()
	{
		run shim busybox wget -q -O - "http://$WEB_IP4/"
		expect_output "$WEB_BODY"
	}
	both check
	clean
}

@test "tasks that are no threads of libc's: vfork and clone" {
	check()
	{
		run static_ clone
		expect_match "$output" "$WEB_BODY"
		run static_ vfork
		expect_output went
	}
	both check
	clean
}

@test "every way of leak.c, static, is refused or goes through the proxy" {
	local way

	check()
	{
		LIMIT=10 run shim -q "$T/build/tests/e2e/static_leak" "$1"
		[ "$status" -eq 1 ] || fail "$1 was not refused"
	}
	for way in udp-sendto udp-connect udp-connect-write udp-sendmsg udp-sendmmsg udp-sendmmsg-second udp-bound \
		icmp-dgram raw-icmp packet multicast-send multicast-join multicast-join6 broadcast mptcp sctp \
		syscall-sendto syscall-sendmsg syscall-sendmmsg; do
		both check "$way"
	done
	assert_no_packets
	for way in fastopen-sendto fastopen-sendmsg fastopen-sendmmsg fastopen-connect tcp-connect tcp-nonblocking; do
		AS=user LIMIT=10 run shim -q "$T/build/tests/e2e/static_leak" "$way"
		expect_output went
	done
	assert_only_proxy_traffic "$PROXY_IP" "$PROXY_PORT"
}

# bypass WAY
bypass()
{
	LIMIT=10 run shim -q env PLUGIN="$T/tmp/bin/plugin.so" "$T/build/tests/e2e/bypass" "$@"
}

@test "dynamic programs that pass the library by: through the proxy" {
	local way

	check()
	{
		bypass "$1"
		expect_output went
	}
	for way in inline libc-handle dlmopen deepbind; do
		both check "$way"
	done
	clean
}

@test "libc's own lookups, past the library" {
	local way

	check()
	{
		bypass "$1"
		expect_output went
	}
	for way in libc-lookup dlmopen-lookup; do
		both check "$way"
	done
	clean
}

@test "io_uring, int 0x80, x32: not there" {
	local way

	check()
	{
		bypass "$1"
		expect_match "$output" '^(ENOSYS|usage.*)$'
	}
	for way in io-uring io-uring-enter int80 int80-socketcall x32; do
		both check "$way"
	done
	assert_no_packets
}

@test "the kernel is not made to look for keys, perhaps in the DNS" {
	check()
	{
		run in_prog "$T/build/tests/e2e/bypass" request-key
		expect_output went # so that the rest means something
		bypass request-key
		expect_output ENOKEY
		LIMIT=10 run shim -q -o Guard=off "$T/build/tests/e2e/bypass" request-key
		expect_output ENOKEY
		bypass inline-request-key
		expect_output ENOKEY
	}
	both check
	assert_no_packets
}

@test "datagrams and raw sockets by inline system calls" {
	local way

	for way in inline-sendto inline-raw; do
		AS=root bypass "$way"
		expect_status 1
		AS=user bypass "$way"
		expect_status 1
	done
	assert_no_packets
}

@test "a cleared environment does not help" {
	check()
	{
		run shim env -i "$T/build/tests/e2e/static_guard" get
		expect_match "$output" "$WEB_BODY"
		run shim /usr/bin/env -u LD_PRELOAD "$BASH" -c "exec 3<>/dev/tcp/$WEB_IP4/80; echo went"
		expect_match "$output" went
	}
	both check
	clean
}

@test "setuid and setcap programs run without their privilege, and that is said once" {
	local kind

	for kind in setuid setgid setcap; do
		AS=user run --separate-stderr shim sh -c "$T/tmp/bin/$kind plain $WEB_IP4; $T/tmp/bin/$kind plain $WEB_IP4"
		expect_status 0
		[ "$(grep -c 'without its privilege' <<<"$stderr")" -eq 1 ] || fail 'not said once'
	done
	clean
}

@test "a program that cannot be read cannot be looked into: its calls fail" {
	AS=user run shim "$T/tmp/bin/hidden_static" get
	expect_match "$output" EACCES
	assert_no_packets
}

@test "a program with a seccomp filter of its own" {
	check()
	{
		run static_ own-filter
		expect_match "$output" "$WEB_BODY"
	}
	both check
	clean
}

@test "signals all the time do not disturb a connect" {
	check()
	{
		run static_ signals
		expect_match "$output" "$WEB_BODY"
	}
	both check
	clean
}

# SO_SNDTIMEO of a socket that blocks bounds its connect, too; the connection is not to be used then.
send_timeout()
{
	LIMIT=10 run shim -q "$T/build/tests/e2e/static_guard" send-timeout
	expect_output $'EINPROGRESS\nclosed'
}

@test "a proxy that never answers, or is not there: an error in time" {
	proxy_up fake --hang request
	AS=user LIMIT=10 run shim -q -o HandshakeTimeout=0.5 "$T/build/tests/e2e/static_guard" get
	expect_output ETIMEDOUT
	both send_timeout
	proxy_down fake
	AS=user LIMIT=10 run --separate-stderr shim "$T/build/tests/e2e/static_guard" get
	expect_output ECONNREFUSED
	expect_match "$stderr" "^sockshim: static_guard: $WEB_IP4:80 through $PROXY: "
	assert_only_proxy_traffic "$PROXY_IP" "$PROXY_PORT"
}

@test "--check says that the guard works, and that a static program can be run" {
	AS=user run shim --check "$T/build/tests/e2e/static_guard"
	expect_status 0
	expect_match "$output" $'guard: works here(\n|,)'
	run shim "$T/build/sockshim" --check
	expect_match "$output" 'guard: works here.*by another supervisor'
	run in_prog "$T/build/tests/e2e/deny" new "$T/build/sockshim" -p "$PROXY" --check
	expect_match "$output" 'guard: works here, without WAIT_KILLABLE_RECV .* and SYNC_WAKE_UP'
}

# under KIND SOCKSHIM-ARGUMENT…: with a kernel, or a container, that has less
under()
{
	local kind=$1

	shift
	LIMIT=60 run in_prog "$T/build/tests/e2e/deny" "$kind" "$T/build/sockshim" -o Guard=require -p "$PROXY" "$@"
}

@test "on a kernel as old as may be" {
	check()
	{
		under new "$T/build/tests/e2e/static_guard" signals
		expect_match "$output" "$WEB_BODY"
		under new "$T/build/tests/e2e/static_load" storm "$WEB_IP4" 80 10
		expect_output '160 of 160'
		under new "$T/build/tests/e2e/static_load" kills "$WEB_IP4" 80 50
		expect_match "$output" "$WEB_BODY"
		under new curl -sS http://web.far.test/
		expect_output "$WEB_BODY"
	}
	both check
	clean
}

@test "the gate cannot be mapped: the library works through the supervisor" {
	check()
	{
		under gate curl -sS http://web.far.test/
		expect_output "$WEB_BODY"
		under gate "$PYTHON" "$T/e2e/programs/fetch_asyncio.py" web.far.test web.far.test
		expect_match "$output" "$WEB_BODY"
	}
	both check
	clean
}

# pages_of: from maps, addresses and rights of what is mapped of the library, one page long
pages_of()
{
	"$PYTHON" -c '
import sys
for line in sys.stdin:
    at, rights, *_, path = line.split()
    low, high = (int(x, 16) for x in at.split("-"))
    if path.endswith("/libsockshim.so") and high - low == 4096 and "x" in rights:
        print(hex(low), rights)'
}

@test "the gate: a page of the library's own, never writable, the same in all processes, elsewhere in each session" {
	local first shows

	# It is moved at the first call that needs it: here a bind(2).
	shows="$PYTHON -c 'import socket; socket.socket().bind((\"127.0.0.1\", 0)); print(open(\"/proc/self/maps\").read(), end=\"\")'"
	check()
	{
		run shim bash -c "$shows; $shows"
		first=$(pages_of <<<"$output")
		expect_match "$first" $'^(0x[0-9a-f]+ r-xp)\n(.*)$'
		[ "${BASH_REMATCH[1]}" = "${BASH_REMATCH[2]}" ] || fail "they differ: $first"
		run shim bash -c "$shows"
		expect_match "$(pages_of <<<"$output")" '^0x[0-9a-f]+ r-xp$'
		[[ $first != "$(pages_of <<<"$output")"* ]] || fail "the same again: $first"
	}
	both check
}

@test "descriptors closed and replaced while a connect is pending" {
	check()
	{
		LIMIT=60 run static_ close-race "$WEB_IP4" 80 1000
		expect_output lives
	}
	both check
	assert_only_proxy_traffic "$PROXY_IP" "$PROXY_PORT"
}

@test "the address in memory changes while it is judged: never a packet elsewhere" {
	in_prog --root ip link set lo up
	check()
	{
		LIMIT=60 run shim -q -o Localhost=direct "$T/build/tests/e2e/static_guard" race-udp 127.0.0.1 9 "$1"
		expect_output 'both ways'
	}
	AS=root check 10000
	AS=user check 100000
	assert_no_packets
	check()
	{
		LIMIT=60 run shim -q "$T/build/tests/e2e/static_guard" race-tcp "$PROXY_IP" "$PROXY_PORT" 1500
		expect_status 0
	}
	both check
	assert_only_proxy_traffic "$PROXY_IP" "$PROXY_PORT"
}

@test "the supervisor is killed: nothing leaks, and the library goes on" {
	check()
	{
		shim_start bash -c "echo up; read x; $T/build/tests/e2e/static_guard get; curl -sS http://web.far.test/"
		shim_signal KILL
		echo go >&8
		wait_for 10 grep -q 'far web\|curl:' "$T/tmp/session.out"
		shim_end
		expect_match "$output" "ENOSYS.*$WEB_BODY"
	}
	both check
	clean
}

@test "the supervisor is stopped and continued" {
	check()
	{
		shim_start "$T/build/tests/e2e/static_guard" later
		shim_signal STOP
		echo go >&8
		wait_for 10 in_prog --root bash -c 'grep -q seccomp /proc/$(pgrep -x static_guard)/wchan'
		shim_signal CONT
		shim_end
		expect_match "$output" "$WEB_BODY"
	}
	both check
	clean
}

@test "a daemon that outlives the command goes through the proxy, and nothing stays behind it" {
	check()
	{
		rm -f "$T/tmp/page" "$T/tmp/go"
		mkfifo -m 666 "$T/tmp/go"
		run in_prog env PAGE="$T/tmp/page" GO="$T/tmp/go" "$T/build/sockshim" -q -p "$PROXY" \
			"$T/build/tests/e2e/static_guard" daemon
		expect_status 0
		echo go >"$T/tmp/go"
		wait_for 10 grep -q "$WEB_BODY" "$T/tmp/page"
		wait_for 10 in_prog --root bash -c '! pgrep -x sockshim'
	}
	both check
	clean
}

@test "Guard off, require, and where it cannot be" {
	run --separate-stderr shim -o Guard=off "$T/build/tests/e2e/static_guard" get
	expect_status 126
	run shim -o Guard=require "$T/build/tests/e2e/static_guard" get
	expect_match "$output" "$WEB_BODY"
	# a container's filter that forbids pidfd_getfd
	AS=user run --separate-stderr in_prog "$T/build/tests/e2e/deny" getfd "$T/build/sockshim" -p "$PROXY" \
		curl -sS http://web.far.test/
	expect_output "$WEB_BODY"
	expect_match "$stderr" 'no guard: .*pidfd_getfd'
	AS=user run --separate-stderr in_prog "$T/build/tests/e2e/deny" getfd "$T/build/sockshim" -p "$PROXY" \
		"$T/build/tests/e2e/static_guard" get
	expect_status 126
	AS=user run --separate-stderr in_prog "$T/build/tests/e2e/deny" getfd "$T/build/sockshim" -o Guard=require \
		-p "$PROXY" true
	expect_status 2
	AS=user run --separate-stderr in_prog "$T/build/tests/e2e/deny" seccomp "$T/build/sockshim" -o Guard=require \
		-p "$PROXY" true
	expect_status 2
	# an ordinary filter above, as Docker's, does not matter
	AS=user run in_prog "$T/build/tests/e2e/deny" nothing "$T/build/sockshim" -o Guard=require -p "$PROXY" \
		"$T/build/tests/e2e/static_guard" get
	expect_match "$output" "$WEB_BODY"
	assert_only_proxy_traffic "$PROXY_IP" "$PROXY_PORT"
}

# with_yama SCOPE COMMAND…: where the kernel says that it has Yama, with this scope
with_yama()
{
	# shellcheck disable=SC2016 # for the inner shells
	in_prog --root unshare --mount bash -e -c '
		mount -t tmpfs -o mode=755 tmpfs /proc/sys/kernel
		mkdir /proc/sys/kernel/yama
		echo "$1" >/proc/sys/kernel/yama/ptrace_scope
		drop=()
		[ "$2" = root ] || drop=(setpriv --reuid 65534 --regid 65534 --clear-groups)
		exec "${drop[@]}" "${@:3}"' - "$1" "${AS:-root}" "${@:2}"
}

@test "what forbids the guard is said: Yama, seccomp, pidfd_getfd" {
	check()
	{
		run with_yama "$1" "$T/build/sockshim" -p "$PROXY" --check
		expect_match "$output" "guard: $2"
		run with_yama "$1" "$T/build/sockshim" -p "$PROXY" -o Guard=require true
		expect_status "$3"
	}
	both check 0 'works here' 0
	both check 1 'works here' 0
	AS=root check 2 'works here' 0
	AS=user check 2 'cannot work here: kernel.yama.ptrace_scope is 2 \(1 would do\)' 2
	both check 3 'cannot work here: kernel.yama.ptrace_scope is 3 \(1 would do\)' 2
	run in_prog "$T/build/tests/e2e/deny" getfd "$T/build/sockshim" -p "$PROXY" --check
	expect_match "$output" 'guard: cannot work here: pidfd_getfd is forbidden here'
	run in_prog "$T/build/tests/e2e/deny" seccomp "$T/build/sockshim" -p "$PROXY" --check
	expect_match "$output" 'guard: cannot work here: .*seccomp'
	assert_only_proxy_traffic "$PROXY_IP" "$PROXY_PORT"
}

@test "in a user namespace, and with NoNewPrivileges" {
	AS=user run in_prog unshare -U "$T/build/sockshim" -o Guard=require -p "$PROXY" "$T/build/tests/e2e/static_guard" get
	expect_match "$output" "$WEB_BODY"
	run in_prog setpriv --no-new-privs "$T/build/sockshim" -o Guard=require -p "$PROXY" \
		"$T/build/tests/e2e/static_guard" get
	expect_match "$output" "$WEB_BODY"
	clean
}

@test "a session inside a session joins the guard" {
	check()
	{
		run shim "$T/build/sockshim" -p "$PROXY" sh -c "$T/build/tests/e2e/static_guard get; curl -sS http://web.far.test/"
		expect_match "$output" "$WEB_BODY.*$WEB_BODY"
	}
	both check
	clean
}

@test "the library's own connects are never notified" {
	check()
	{
		shim_start bash -c "echo up; read x; $T/build/tests/e2e/sockets plain $WEB_IP4 && echo went"
		shim_signal STOP # it answers nobody now
		echo go >&8
		wait_for 10 grep -q went "$T/tmp/session.out"
		shim_signal CONT
		shim_end
	}
	both check
	clean
}

@test "attempts are counted, and said with -v" {
	run --separate-stderr shim -v "$T/build/tests/e2e/static_leak" udp-sendto
	expect_match "$stderr" "refused: send to $WEB_IP4:80: datagrams .*at static_leak.0x"
	run --separate-stderr shim -q "$T/build/tests/e2e/static_leak" udp-sendto
	[ -z "$stderr" ] || fail 'not quiet'
	assert_no_packets
}
