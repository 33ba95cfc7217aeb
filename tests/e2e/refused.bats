#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# What SOCKS cannot carry is refused: the program gets an errno, ends, and no packet leaves.

load lib/common

# refused ERRORS WAY [ADDRESS [PORT]]: as both users the call fails with one of ERRORS, at once, and nothing leaves.
refused()
{
	local errors=$1

	shift
	check()
	{
		LIMIT=10 run shim -q "$T/build/tests/e2e/leak" "$@"
		expect_status 1
		expect_match "$output" "^($errors)\$"
	}
	both check "$@"
	quiet
}

# Errors that programs live with: a firewall, no route, not there.
SURVIVABLE='EPERM|EACCES|ENETUNREACH|EHOSTUNREACH|ECONNREFUSED|EPROTONOSUPPORT|EAFNOSUPPORT|ESOCKTNOSUPPORT|EOPNOTSUPP'

@test "UDP by sendto, to IPv4 and IPv6" {
	refused "$SURVIVABLE" udp-sendto "$WEB_IP4" 53
	refused "$SURVIVABLE" udp-sendto "$WEB_IP6" 53
	refused "$SURVIVABLE" udp-sendto "::ffff:$WEB_IP4" 53
}

@test "UDP to the proxy and to the resolver" {
	refused "$SURVIVABLE" udp-sendto "$PROXY_IP" "$PROXY_PORT"
	refused "$SURVIVABLE" udp-sendto "$PROG_DNS" 53
	refused "$SURVIVABLE" udp-connect "$PROG_DNS" 53
}

@test "UDP by connect and send, and by write after the refusal" {
	refused "$SURVIVABLE" udp-connect
	refused "$SURVIVABLE|EDESTADDRREQ|ENOTCONN" udp-connect-write
}

@test "UDP by sendmsg and sendmmsg" {
	refused "$SURVIVABLE" udp-sendmsg
	refused "$SURVIVABLE" udp-sendmmsg
	refused "$SURVIVABLE" udp-sendmmsg-second
	refused "$SURVIVABLE" udp-bound
}

@test "data in the SYN: MSG_FASTOPEN goes through the proxy" {
	local way

	check()
	{
		LIMIT=10 run shim -q "$T/build/tests/e2e/leak" "fastopen-$1"
		expect_output went
	}
	for way in sendto sendmsg sendmmsg connect; do
		capture_start
		both check "$way"
		assert_only_proxy_traffic "$PROXY_IP" "$PROXY_PORT"
	done
}

@test "ICMP" {
	refused "$SURVIVABLE" icmp-dgram
	refused "$SURVIVABLE" icmp-dgram "$WEB_IP6"
}

@test "ping says so and ends" {
	check()
	{
		LIMIT=10 run shim ping -c 1 -W 1 "$1"
		[ "$status" -ne 0 ] && [ "$status" -ne 124 ] || fail 'no clear end'
		[ -n "$output" ] || fail 'no word'
	}
	AS=user check "$WEB_IP4"
	AS=user check web.far.test
	quiet
}

@test "raw and packet sockets" {
	refused "$SURVIVABLE" raw-icmp
	refused "$SURVIVABLE" raw-tcp
	refused "$SURVIVABLE" raw-tcp "$WEB_IP6"
	refused "$SURVIVABLE" raw-tcp-connect
	refused "$SURVIVABLE" raw-udp
	refused "$SURVIVABLE" raw-udp "$FAR_DNS" 53
	refused "$SURVIVABLE" raw-header
	refused "$SURVIVABLE" packet
}

@test "multicast and broadcast" {
	refused "$SURVIVABLE" multicast-send
	refused "$SURVIVABLE|ENODEV" multicast-join
	refused "$SURVIVABLE|ENODEV" multicast-join6
	refused "$SURVIVABLE" broadcast
}

@test "MPTCP and SCTP" {
	refused EPROTONOSUPPORT mptcp
	refused "$SURVIVABLE" sctp
}

# Numbers as the kernel has them: not every libc knows all of these.
@test "families and protocols that no proxy speaks: in dynamic and in static programs" {
	check()
	{
		local program what family type protocol

		for program in leak static_leak; do
			while read -r what family type protocol; do
				LIMIT=10 run shim -q "$T/build/tests/e2e/$program" family "$family" "$type" "$protocol"
				[[ "$status" = 1 && "$output" =~ ^($SURVIVABLE)$ ]] || fail "$program: $what"
			done <<-'END'
				appletalk 5 2 0
				packet 17 3 3
				rds 21 5 0
				tipc 30 1 0
				bluetooth 31 1 3
				rxrpc 33 2 2
				vsock 40 1 0
				vsock-datagrams 40 2 0
				kcm 41 5 0
				qipcrtr 42 2 0
				smc 43 1 0
				xdp 44 3 0
				mctp 45 2 0
				sctp 2 1 132
				sctp6 10 5 132
				dccp 2 6 33
				udp-lite 2 2 136
				udp-lite6 10 2 136
				mptcp 2 1 262
				mptcp6 10 1 262
			END
		done
	}
	both check
	assert_no_packets
}

@test "DNS over TLS and over HTTPS are the TCP that they are" {
	check()
	{
		run shim bash -c 'exec 3<>/dev/tcp/web.far.test/853 && read -r line <&3 && echo "$line"'
		expect_output '220 server speaks first'
		# the server knows no TLS: what matters is where the question went
		run shim -v curl -sS -m 10 --doh-url https://web.far.test:7004/dns-query http://other.far.test/
		[ "$status" != 0 ] || fail 'there is no such server'
		expect_match "$output" 'web.far.test:7004 through'
	}
	far_start dot socat TCP-LISTEN:853,fork,reuseaddr TCP:203.0.113.80:7001
	wait_for 10 far_listening 853
	both check
	far_stop dot
	clean
}

@test "libc's syscall()" {
	refused "$SURVIVABLE" syscall-sendto
	refused "$SURVIVABLE" syscall-sendmsg
	refused "$SURVIVABLE" syscall-sendmmsg
}

@test "connect by libc's syscall() goes through the proxy" {
	check()
	{
		run shim "$T/build/tests/e2e/leak" syscall-connect
		expect_output went
	}
	both check
	assert_only_proxy_traffic "$PROXY_IP" "$PROXY_PORT"
}

@test "many non-blocking connects without a look at them go through the proxy" {
	run shim -q "$T/build/tests/e2e/leak" tcp-nonblocking
	expect_output EINPROGRESS
	assert_only_proxy_traffic "$PROXY_IP" "$PROXY_PORT"
}

# ends COMMAND…: a DNS tool (jemalloc) ends by itself, with a word and not well.
ends()
{
	LIMIT=20 run shim "$@"
	[ "$status" -ne 0 ] || fail 'ended well'
	[ "$status" -ne 124 ] && [ "$status" -ne 137 ] || fail 'hangs'
	[ "$status" -lt 128 ] || fail 'crashed'
	[ -n "$output" ] || fail 'no word'
}

dns_tool()
{
	both ends "$@"
	quiet
}

@test "dig ends with a clear refusal" {
	dns_tool dig web.far.test
	dns_tool dig +tcp "@$PROG_DNS" +time=1 +tries=1 -b 127.0.0.1 web.far.test
}

@test "host ends with a clear refusal" {
	dns_tool host web.far.test
}

@test "nslookup ends with a clear refusal" {
	dns_tool nslookup web.far.test
}

@test "the refusal of a datagram is one clear line" {
	run --separate-stderr shim "$T/build/tests/e2e/leak" udp-sendto "$WEB_IP4" 53
	[ "${#stderr_lines[@]}" -eq 1 ] || fail 'not one line'
	expect_match "$stderr" '^sockshim: '
	expect_match "$stderr" "$WEB_IP4"
}

@test "dig +tcp is refused, and goes through the proxy if a rule says so" {
	dns_tool dig +tcp "@$FAR_DNS" +time=1 +tries=1 web.far.test
	printf 'Match port 53\n  Proxy %s\n' "$PROXY" >"$T/tmp/rules"
	run in_prog "$T/build/sockshim" -c "$T/tmp/rules" -p "$PROXY" dig +tcp +short "@$FAR_DNS" web.far.test
	expect_status 0
	expect_output "$WEB_IP4"
	clean
}

@test "this machine's loopback is refused, and direct if so set" {
	check()
	{
		run in_prog bash -c '
			exec 3< <(exec '"$PYTHON"' -u "$T/e2e/programs/loopback.py")
			read -r port <&3
			'"$T/build/sockshim -q -p $PROXY"' curl -s http://127.0.0.1:$port/; echo "$?"
			'"$T/build/sockshim -q -p $PROXY"' curl -s http://localhost:$port/; echo "$?"
			'"$T/build/sockshim -q -p $PROXY"' curl -s "http://[::1]:$port/"; echo "$?"
			'"$T/build/sockshim -q -p $PROXY -o Localhost=direct"' curl -s http://localhost:$port/; echo "$?"
			'"$T/build/sockshim -q -p $PROXY -o Localhost=direct"' curl -s "http://[::1]:$port/"; echo "$?"
			kill "$!"' 2>/dev/null
		expect_output "$(printf '7\n7\n7\nloopback server\n0\nloopback server\n0')"
	}
	both check
	assert_no_packets
}

# Every send path: what the library sees, and what the guard does.
UDP_WAYS='udp-sendto udp-connect udp-connect-write udp-connect-writev udp-sendmsg udp-sendmmsg udp-sendmmsg-second
	udp-bound syscall-sendto syscall-sendmsg syscall-sendmmsg'
TCP_WAYS='tcp-connect tcp-connect-write fastopen-sendto fastopen-sendmsg fastopen-sendmmsg fastopen-connect syscall-connect'

# sends SETTING WAYS PORT ADDRESS…: what leak and static_leak say of each, sorted and counted
sends()
{
	local setting=$1 ways=$2

	shift 2
	# shellcheck disable=SC2016 # for the inner shell
	run shim -q -o "Localhost=$setting" bash -c 'ways=$1 port=$2; shift 2
		for to; do for way in $ways; do for leak in leak static_leak; do
			"$BUILD/tests/e2e/$leak" $way $to $port
		done; done; done | sort | uniq -c' - "$ways" "$@"
	expect_status 0
	output=$(tr -s ' \n' ' ' <<<"$output")
	output=${output# } output=${output% }
}

@test "Localhost direct lets loopback pass on every send path, and nothing else" {
	in_prog "$PYTHON" "$T/e2e/programs/heard.py" 7777 "$T/tmp/heard" &
	wait_for 10 test -e "$T/tmp/heard"
	sends direct "$UDP_WAYS" 7777 127.0.0.1 127.9.9.9 ::1 ::ffff:127.0.0.1
	expect_output '88 went'
	sends direct "$TCP_WAYS" 7777 127.0.0.1 127.9.9.9 ::1 ::ffff:127.0.0.1
	expect_output '56 went'
	wait_for 10 bash -c '[ "$(wc -l <"$1")" -eq 144 ]' - "$T/tmp/heard"
	run bash -c 'sort "$1" | uniq -c | sed "s/^ *//"' - "$T/tmp/heard"
	expect_output "$(printf '%s\n' '8 tcp 127.0.0.1 0' '20 tcp 127.0.0.1 5' '4 tcp 127.9.9.9 0' \
		'10 tcp 127.9.9.9 5' '4 tcp ::1 0' '10 tcp ::1 5' '44 udp 127.0.0.1 5' '22 udp 127.9.9.9 5' '22 udp ::1 5')"
	assert_no_packets
	for address in "$WEB_IP4" "$WEB_IP6" "::ffff:$WEB_IP4" "$PROG_IP4" "$FAR_IP6"; do
		sends direct "$UDP_WAYS" 7777 "$address"
		expect_match "$output" "^4 EDESTADDRREQ 18 ($SURVIVABLE)\$" # written after a connect that failed
	done
	assert_no_packets
}

@test "without Localhost direct no loopback datagram passes" {
	in_prog "$PYTHON" "$T/e2e/programs/heard.py" 7778 "$T/tmp/unheard" &
	wait_for 10 test -e "$T/tmp/unheard"
	sends refuse "$UDP_WAYS" 7778 127.0.0.1 ::1 ::ffff:127.0.0.1
	# the last word: whoever heard something before has written it by then
	in_prog "$T/build/tests/e2e/leak" udp-sendto 127.0.0.1 7778
	wait_for 10 test -s "$T/tmp/unheard"
	[ "$(wc -l <"$T/tmp/unheard")" -eq 1 ] || fail 'somebody heard it'
	assert_no_packets
}

@test "an address of another family than the socket's: what the kernel says, and no word of the proxy" {
	check()
	{
		local program bare

		for program in wrong static_wrong; do
			bare=$(in_prog "$T/build/tests/e2e/$program")
			run --separate-stderr shim "$T/build/tests/e2e/$program"
			expect_output "$bare"
			[ -z "$stderr" ] || fail 'a word on stderr'
		done
	}
	both check
	quiet
}

@test "a socket bound to IPv6 and a proxy on IPv4: no way, and the line says why" {
	check()
	{
		run --separate-stderr shim "$@"
		expect_output ENETUNREACH
		expect_match "$stderr" 'has bound its socket to IPv6, and the proxy is on IPv4'
		[ "${#stderr_lines[@]}" -eq 1 ] || fail lines
	}
	both check "$PYTHON" -c 'import errno, socket
s = socket.socket(socket.AF_INET6)
s.bind(("2001:db8::2", 0))
try:
    s.connect(("web6.far.test", 80))
except OSError as e:
    print(errno.errorcode[e.errno])'
	both check "$T/build/tests/e2e/static_guard" bound-get "$WEB_IP6" 80
	quiet
}

# knock SIDE ADDRESS PORT: what a client there gets of the server: "served" or "refused" (by a reset).
knock()
{
	"$1" bash -c 'exec 3<>"/dev/tcp/$0/$1" && read -r line <&3 && echo "$line"' "$2" "$3" 2>&1 | grep -om1 'served\|refused'
}

# listening SETTING PROGRAM ADDRESS [WISH…]: what becomes of a server on ADDRESS: "EACCES"; or whom it serves: the far
# side by IPv4, by IPv6, this machine by IPv4, by IPv6; the others find a closed port.
listening()
{
	local port

	in_prog "$T/build/sockshim" -p "$PROXY" -o Inbound="$1" "$T/build/tests/e2e/$2" "$3" \
		"$T/tmp/port" "$T/tmp/judged" "${@:4}" 2>"$T/tmp/said" &
	wait_for 10 test -s "$T/tmp/port"
	port=$(<"$T/tmp/port")
	[ "$port" = EACCES ] ||
		port=$(knock in_far "$PROG_IP4" "$port"; knock in_far "$PROG_IP6" "$port"
			knock in_prog 127.0.0.1 "$port"; knock in_prog ::1 "$port")
	touch "$T/tmp/judged"
	wait
	rm -f "$T/tmp/port" "$T/tmp/judged"
	echo "$port" | tr '\n' ' ' | sed 's/refused/-/g; s/served/X/g; s/ $//'
}

# expect_listening WHOM SETTING PROGRAM ADDRESS [WISH…]
expect_listening()
{
	local whom

	whom=$(listening "${@:2}")
	[ "$whom" = "$1" ] || fail "${*:2}: $whom"
}

@test "Inbound: a server may listen on loopback, nowhere, or anywhere" {
	check()
	{
		local program

		for program in listen static_listen; do
			expect_listening '- - X -' loopback $program 127.0.0.1
			expect_listening '- - - X' loopback $program ::1
			expect_listening EACCES loopback $program "$PROG_IP4"
			expect_listening 'X - X -' any $program 0.0.0.0
			expect_listening 'X X X X' any $program ::
			expect_listening EACCES none $program 127.0.0.1
			expect_listening EACCES none $program 0.0.0.0
		done
	}
	both check
}

@test "Inbound loopback: a server on every address is reached by this machine alone, and once a line says so" {
	check()
	{
		local program

		for program in listen static_listen; do
			expect_listening '- - X -' loopback $program 0.0.0.0
			expect_match "$(<"$T/tmp/said")" '^sockshim: .*on loopback only: listen on 0\.0\.0\.0:.*$'
			[ "$(grep -c loopback "$T/tmp/said")" -eq 1 ]
			expect_listening '- - X X' loopback $program ::
			expect_listening '- - - X' loopback $program :: only6
			expect_listening '- - X -' loopback $program unbound
			expect_listening '- - X -' loopback $program 0.0.0.0 reuse
			expect_listening '- - X X' loopback $program :: undo
			expect_listening '- - X -' loopback $program 0.0.0.0 late reuse undo
		done
	}
	both check
}

@test "Inbound: a socket that listens without bind is not reachable from outside" {
	expect_listening '- - X -' loopback listen unbound
	expect_listening 'X - X -' any listen unbound
}

@test "a client that binds to every address first goes through the proxy" {
	check()
	{
		run shim "$PYTHON" -c 'import socket
s = socket.socket()
s.bind(("", 0))
s.connect(("web.far.test", 80))
print("ok")'
		expect_output ok
	}
	both check
	assert_only_proxy_traffic "$PROXY_IP" "$PROXY_PORT"
}
