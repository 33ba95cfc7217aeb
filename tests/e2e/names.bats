#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Names stay on this machine: lookups give virtual addresses, without a packet, and every process of the session knows
# what they stand for.

load lib/common

V4='^198\.1[89]\.[0-9]+\.[0-9]+$'
V6='^fd73:6f63:6b73:7368:[0-9a-f:]+$'

setup_file()
{
	net_up
	proxy_up embedded
	printf '10.9.8.7 box.local.test\n127.0.1.1 prog\n2001:db8::7 ip6-box\n' >>"$T/prog/etc/hosts"
}

look()
{
	run shim "$T/build/tests/e2e/resolve" "$@"
}

# gives_virtual PATTERN WAY: every line of the answer matches
gives_virtual()
{
	local line

	look "$2" web.far.test
	expect_status 0
	[ -n "$output" ] || fail 'no address'
	while read -r line; do
		expect_match "$line" "$1"
	done <<<"$output"
}

@test "getaddrinfo gives virtual addresses of the family that was asked for" {
	both gives_virtual "($V4)|($V6)" getaddrinfo
	both gives_virtual "($V4)|($V6)" getaddrinfo-null-hints
	both gives_virtual "$V4" getaddrinfo4
	both gives_virtual "$V6" getaddrinfo6
	quiet
}

@test "gethostbyname and its relatives" {
	both gives_virtual "$V4" gethostbyname
	both gives_virtual "$V4" gethostbyname_r
	both gives_virtual "$V6" gethostbyname2
	both gives_virtual "$V6" gethostbyname2_r
	quiet
}

@test "the reverse of a virtual address is its name" {
	check()
	{
		look getnameinfo web.far.test
		expect_output 'web.far.test http'
		look gethostbyaddr web.far.test
		expect_output web.far.test
		look gethostbyaddr_r web.far.test
		expect_output web.far.test
	}
	both check
	quiet
}

@test "the reverse of a real address asks nobody" {
	check()
	{
		look getnameinfo "$WEB_IP4"
		[[ "$output" != *decoy* ]] || fail 'the resolver was asked'
		look gethostbyaddr "$WEB_IP4"
		[[ "$output" != *decoy* ]] || fail 'the resolver was asked'
	}
	both check
	quiet
}

@test "the reverse of a real address is the proxy's to know, where it resolves" {
	check()
	{
		local PROXY=tor://$PROXY_IP:$PROXY_PORT

		run shim -o Resolve=remote "$T/build/tests/e2e/resolve" getnameinfo "$WEB_IP4"
		expect_output 'web.far.test http'
		run shim -o Resolve=remote "$T/build/tests/e2e/resolve" gethostbyaddr "$WEB_IP4"
		expect_match "$output" 'web\.far\.test'
		run shim -o Resolve=remote getent hosts "$WEB_IP4"
		expect_match "$output" 'web\.far\.test'
	}
	both check
	clean
}

@test "getent, perl and python see whole answers" {
	check()
	{
		run shim getent hosts web.far.test
		expect_status 0
		expect_match "$output" 'web\.far\.test$'
		run shim getent ahostsv4 web.far.test
		expect_match "${output%% *}" "$V4"
		run shim perl -e 'print join ".", unpack "C4", (gethostbyname "web.far.test")[4]'
		expect_match "$output" "$V4"
		run shim "$PYTHON" -c 'import socket; print(socket.gethostbyname_ex("web.far.test")[2][0])'
		expect_match "$output" "$V4"
	}
	both check
	quiet
}

# as_bare WAY NAME: the same answer and status as without sockshim
as_bare()
{
	local bare status_bare

	run in_prog "$T/build/tests/e2e/resolve" "$@"
	bare=$output status_bare=$status
	look "$@"
	expect_status "$status_bare"
	expect_output "$bare"
}

@test "literals, /etc/hosts, localhost and the own host name are as in glibc" {
	local name way

	for way in getaddrinfo getaddrinfo4 getaddrinfo6 gethostbyname gethostbyname2; do
		for name in 203.0.113.5 2001:db8::5 fe80::1 127.1 localhost; do
			both as_bare "$way" "$name"
		done
	done
	# where glibc finds no address in the files it would ask the resolver: so only the families that are there
	for way in getaddrinfo4 gethostbyname; do
		both as_bare "$way" box.local.test
		both as_bare "$way" prog
	done
	for way in getaddrinfo6 gethostbyname2; do
		both as_bare "$way" ip6-box
	done
	look getaddrinfo4 box.local.test
	expect_output 10.9.8.7
	look getaddrinfo6 ip6-box
	expect_output 2001:db8::7
	look getaddrinfo4 prog
	expect_output 127.0.1.1
	capture_start
	look getaddrinfo prog
	look getaddrinfo6 box.local.test
	look gethostbyname2 box.local.test
	quiet
}

@test "AI_PASSIVE and AI_NUMERICHOST are as in glibc" {
	both as_bare passive x
	both as_bare numeric web.far.test
	both as_bare numeric 203.0.113.5
	quiet
}

@test "names that must not be asked for: EAI_NONAME and nothing sent" {
	local name long

	long=$(printf 'a%.0s' {1..60}).
	for name in "$long$long$long$long$long" "$(printf 'a%.0s' {1..256})" web..far.test .web.far.test; do
		look getaddrinfo "$name"
		expect_match "$output" '^EAI -2'
		look gethostbyname "$name"
		expect_match "$output" '^h_errno 1'
	done
	quiet
}

@test "a name without a dot goes to the proxy as it is" {
	proxy_up fake
	run shim curl -sS --max-time 20 http://intranet/
	expect_output "$WEB_BODY"
	[ "$(said | tail -1)" = 'request 1 intranet 80' ]
	proxy_down fake
	assert_no_dns_questions
}

@test "a name of 253 bytes, the longest in the DNS, goes to the proxy whole" {
	local name

	name=$(printf 'a%.0s' {1..61}).
	name=$name$name$name$name
	name=${name}test.
	name=${name%.}x
	[ ${#name} -eq 253 ]
	proxy_up fake
	run shim "$T/build/tests/e2e/sockets" plain "$name"
	expect_status 0
	[ "$(said | tail -1)" = "request 1 $name 80" ]
	proxy_down fake
}

# page COMMAND…: prints the page
page()
{
	run shim "$@"
	expect_status 0
	expect_output "$WEB_BODY"
}

proxied()
{
	both page "$@"
	clean
}

@test "across sh -c, pipes and subshells" {
	proxied sh -c 'true; curl -sS http://web.far.test/ | cat'
	proxied bash -c '(bash -c "curl -sS http://web.far.test/; true"); true'
}

@test "across python subprocess, os.system, os.popen, os.fork and os.posix_spawn" {
	proxied "$PYTHON" -c 'import subprocess
subprocess.run(["curl", "-sS", "http://web.far.test/"], check=True)'
	proxied "$PYTHON" -c 'import subprocess
subprocess.run("curl -sS http://web.far.test/", shell=True, check=True, close_fds=True, start_new_session=True)'
	proxied "$PYTHON" -c 'import os; os.system("curl -sS http://web.far.test/")'
	proxied "$PYTHON" -c 'import os; print(os.popen("curl -sS http://web.far.test/").read(), end="")'
	proxied "$PYTHON" -c 'import os
if os.fork() == 0:
    os.execlp("curl", "curl", "-sS", "http://web.far.test/")
os.wait()'
	proxied "$PYTHON" -c 'import os
pid = os.posix_spawn("/usr/bin/curl", ["curl", "-sS", "http://web.far.test/"], os.environ)
os.waitpid(pid, 0)'
}

@test "across a cleared environment and env -u LD_PRELOAD" {
	proxied env -i /usr/bin/curl -sS http://web.far.test/
	proxied env -u LD_PRELOAD curl -sS http://web.far.test/
	proxied sh -c 'unset LD_PRELOAD; curl -sS http://web.far.test/; true'
	proxied sh -c 'LD_PRELOAD= curl -sS http://web.far.test/; true'
	proxied "$PYTHON" -c 'import subprocess
subprocess.run(["/usr/bin/curl", "-sS", "http://web.far.test/"], env={})'
	proxied "$PYTHON" -c 'import os
os.posix_spawn("/usr/bin/curl", ["curl", "-sS", "http://web.far.test/"], {"A": "b"})
os.wait()'
	proxied perl -e '%ENV = (); exec "/usr/bin/curl", "-sS", "http://web.far.test/"'
}

@test "with a preloaded library of the user's own" {
	proxied env LD_PRELOAD=libm.so.6 curl -sS http://web.far.test/
	run in_prog env LD_PRELOAD=libm.so.6 "$T/build/sockshim" -p "$PROXY" cat /proc/self/maps
	expect_match "$output" libm.so.6
	expect_match "$output" libsockshim.so
}

@test "many descriptors closed between fork and exec" {
	proxied bash -c 'for fd in {3..255}; do eval "exec $fd>&-"; done; curl -sS http://web.far.test/'
	proxied "$PYTHON" -c 'import os
os.closerange(3, 1 << 16)
os.execlp("curl", "curl", "-sS", "http://web.far.test/")'
}

@test "an address that one process looked up is good in another" {
	proxied bash -c 'curl -sS "http://$($BUILD/tests/e2e/resolve getaddrinfo4 web.far.test)/"'
	[ "$(requests | cut -d' ' -f1 | sort -u)" = "$WEB_IP4" ]
}

@test "one name has one address in all processes, two names have two" {
	local addresses

	run shim bash -c 'for name in web.far.test dual.far.test WEB.far.test web.far.test; do
		$BUILD/tests/e2e/resolve getaddrinfo4 $name & wait; done'
	mapfile -t addresses <<<"$output"
	[ "${addresses[0]}" = "${addresses[3]}" ] || fail 'one name, two addresses'
	[ "${addresses[0]}" != "${addresses[1]}" ] || fail 'two names, one address'
}

@test "a virtual address that nobody handed out is refused" {
	check()
	{
		run shim curl -sS --max-time 20 http://198.18.200.200/
		expect_status 7
		run shim curl -sS --max-time 20 'http://[fd73:6f63:6b73:7368::4321]/'
		expect_status 7
	}
	both check
	quiet
}

@test "the next session knows nothing of this one's addresses, and begins elsewhere" {
	local address all=()

	for _ in 1 2 3; do
		look getaddrinfo4 web.far.test
		address=$output
		all+=("$address")
	done
	[ "$(printf '%s\n' "${all[@]}" | sort -u | wc -l)" -gt 1 ] || fail "${all[*]}"
	run shim curl -sS --max-time 20 "http://$address/"
	expect_status 7
	quiet
}

@test "a small network: the oldest address comes again, but none that a stream needs; without any, one line" {
	check()
	{
		run shim -o VirtualAddrNetworkIPv4=198.18.0.0/31 "$PYTHON" -c '
import socket
def address(name):
    try:
        return socket.getaddrinfo(name, 80, socket.AF_INET, socket.SOCK_STREAM)[0][4]
    except OSError as error:
        return error.errno == socket.EAI_MEMORY
first = socket.create_connection(address("web.far.test"))
others = {address("name%d.far.test" % i)[0] for i in range(100)}
print(first.getpeername()[0] in others, len(others))
second = socket.create_connection(address("dual.far.test"))
print(address("web.far.test") == first.getpeername(), address("none.far.test"))'
		expect_match "$output" $'False 1\n'
		expect_match "$output" 'True True'
		expect_match "$output" 'names table full: no address for none.far.test'
	}
	both check
}

@test "Resolve remote asks the proxy" {
	look_remote()
	{
		run shim -o Resolve=remote "$T/build/tests/e2e/resolve" getaddrinfo4 web.far.test
		expect_output "$WEB_IP4"
	}
	PROXY=tor://$PROXY_IP:$PROXY_PORT
	both look_remote
	clean
}
