#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Old and small programs, each a user of other doors of libc: what they reach they reach by name through the proxy,
# and what cannot be had that way they are refused in a way that they can say.

load lib/common

setup_file()
{
	local port

	net_up
	proxy_up embedded
	sshd_up
	mkdir "$T/www/module"
	echo 'a file far away' >"$T/www/module/file"
	chmod -R a+rX "$T/www"
	cat >"$T/far/rsyncd.conf" <<-END
		use chroot = no
		[module]
			path = $T/www/module
	END
	far_start rsyncd rsync --daemon --no-detach --config="$T/far/rsyncd.conf"
	far_start ftpd python3 -m pyftpdlib -p 21 -d "$T/www/module"
	far_start smtpd python3 -W ignore -c '
import asyncio, smtpd, asyncore, sys
class Sink(smtpd.SMTPServer):
    def process_message(self, peer, mailfrom, rcpttos, data, **more):
        print("from", mailfrom, "to", *rcpttos, flush=True)
        print(data.decode(), flush=True)
Sink(("203.0.113.80", 25), None)
asyncore.loop()'
	# A KDC as far as a client without a ticket needs it: it is asked, and hangs up.
	far_start kdc python3 -c '
import socket
s = socket.create_server(("203.0.113.80", 88))
while True:
    c, _ = s.accept()
    length = int.from_bytes(c.recv(4, socket.MSG_WAITALL), "big")
    print("asked for", c.recv(length, socket.MSG_WAITALL).count(b"FAR.TEST"), flush=True)
    c.close()'
	for port in 873 21 25 88; do
		wait_for 10 far_listening "$port"
	done
}

@test "telnet" {
	check()
	{
		# its input does not end: the server does that
		run shim bash -c 'rm -f in; mkfifo in; exec 9<>in; echo hello >&9; telnet web.far.test 7001 <in'
		expect_match "$output" '220 server speaks first'
		expect_match "$output" 'you said: hello'
	}
	both check
	clean
}

@test "ftp: the data connection goes through the proxy too" {
	check()
	{
		run shim tnftp -nv <<-'END'
			open web.far.test
			user anonymous me@
			passive on
			get file got
			bye
		END
		expect_match "$output" '226 Transfer complete'
		run cat "$T/home/$AS/got"
		expect_output 'a file far away'
	}
	both check
	clean
}

@test "rsync: its own protocol, and through ssh" {
	check()
	{
		rm -f "$T/home/$AS/got"
		run shim rsync -q rsync://web.far.test/module/file got
		expect_status 0
		expect_output ''
		run cat "$T/home/$AS/got"
		expect_output 'a file far away'
		run shim rsync -q -e "ssh ${SSH_OPTIONS[*]} -i key" "root@ssh.far.test:$T/www/module/file" again
		expect_status 0
		run cat "$T/home/$AS/again"
		expect_output 'a file far away'
	}
	both check
	clean
}

@test "msmtp" {
	check()
	{
		run shim msmtp --host=web.far.test --from="$AS@here.test" you@far.test <<-END
			Subject: greetings from $AS

			hello
		END
		expect_status 0
		expect_output ''
		wait_for 10 grep -q "Subject: greetings from $AS" "$T/far/smtpd.log"
	}
	both check
	clean
}

@test "kinit: no datagram to the KDC; by TCP through the proxy" {
	check()
	{
		local asked

		cat >"$T/tmp/krb5.conf" <<-'END'
			[libdefaults]
				default_realm = FAR.TEST
				dns_lookup_kdc = false
			[realms]
				FAR.TEST = {
					kdc = web.far.test
				}
		END
		asked=$(grep -c asked "$T/far/kdc.log") || true
		run shim -q env KRB5_CONFIG="$T/tmp/krb5.conf" kinit me@FAR.TEST </dev/null
		expect_status 1
		expect_match "$output" 'Cannot contact any KDC'
		[ "$(grep -c 'asked for [1-9]' "$T/far/kdc.log")" -gt "$asked" ] || fail 'the KDC was not asked'
	}
	both check
	clean
}

@test "kinit: a KDC that only the DNS knows" {
	check()
	{
		cat >"$T/tmp/krb5.conf" <<-'END'
			[libdefaults]
				default_realm = FAR.TEST
				dns_lookup_kdc = true
		END
		run shim -q env KRB5_CONFIG="$T/tmp/krb5.conf" kinit me@FAR.TEST </dev/null
		expect_status 1
		expect_match "$output" 'Cannot find KDC|Cannot contact any KDC'
	}
	both check
	assert_no_packets
}

@test "traceroute is refused, in one line of its own and one of ours" {
	check()
	{
		run --separate-stderr shim traceroute -n -m 3 -w 1 web.far.test
		[ "$status" != 0 ] || fail "it says that it went well: $output"
		expect_match "$stderr" '^sockshim: traceroute[.a-z]*: refused'
		[ "$(grep -c sockshim: <<<"$stderr")" = 1 ] || fail "more than a line: $stderr"
		run shim traceroute -n -T -m 3 -w 1 web.far.test
		[ "$status" != 0 ] || fail "it says that it went well: $output"
	}
	both check
	assert_no_packets
}

@test "whois and finger, by name" {
	check()
	{
		run shim whois -h web.far.test -p 7001 something
		expect_match "$output" '220 server speaks first'
	}
	both check
	clean
}

# Its own tests of sockets, on loopback. Not those of kinds of sockets that are refused (VSOCK, UDP-Lite, SCTP), and one
# that listens on :: and wants IPv4 clients as well: it is confined to ::1.
@test "Python's own tests of its socket module" {
	LIMIT=200 run in_prog --user "$T/build/sockshim" -q -p socks5://127.0.0.1:9 -o Localhost=direct python3 -m test -W \
		-i '*VSOCK*' -i '*UDPLITE*' -i '*SCTP*' -i test_dual_stack_client_v6 test_socket
	expect_status 0
	expect_match "$output" 'SUCCESS'
	quiet
}

@test "Sun RPC, by libtirpc: no datagram to a portmapper; by TCP through the proxy" {
	cat >"$T/tmp/rpc.py" <<-'END'
		import ctypes, socket, struct
		rpc = ctypes.CDLL("libtirpc.so.3")
		for name in "clnt_create", "clnttcp_create":
		    getattr(rpc, name).restype = ctypes.c_void_p
		for host in b"203.0.113.80", b"web.far.test":
		    for protocol in b"udp", b"tcp":
		        print(bool(rpc.clnt_create(host, 100003, 3, protocol)))
		to = struct.pack("=H", socket.AF_INET) + struct.pack("!H4s8x", 80, socket.inet_aton("203.0.113.80"))
		number = ctypes.c_int(-1)
		print(bool(rpc.clnttcp_create(to, 100003, 3, ctypes.byref(number), 0, 0)))
	END
	check()
	{
		run --separate-stderr shim "$@" "$PYTHON" "$T/tmp/rpc.py"
		expect_output "$(printf '%s\n' False False False False True)"
	}
	both check
	both check -o Guard=off
	clean
}
