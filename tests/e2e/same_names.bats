#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# The differential test of the name functions: thousands of generated calls with and without sockshim, in a world whose
# /etc/hosts knows the names, print the same. What is left out is said where it is, and in libsockshim.8.

load lib/common

COUNT=20000
FILE='10.9.8.7 box.local.test box
127.0.1.1 prog
192.0.2.77 four.test
2001:db8::7 six.test ip6-box
192.0.2.78 dual.test alias-of-dual
2001:db8::77 dual.test alias-of-dual
192.0.2.81 many.test
192.0.2.82 many.test m2
127.0.0.5 many.test
2001:db8::82 many.test m3 m4
10.1.1.1 many.test
10.1.1.1 twice.test
10.1.1.1 twice.test
10.2.2.2 under_score.test x.y.z.test
::ffff:10.3.3.3 mapped.test'

setup_file()
{
	net_up
	proxy_up embedded
	cp "$T/prog/etc/hosts" "$T/hosts"
	sed -i 's/^hosts:.*/hosts: files/' "$T/prog/etc/nsswitch.conf"
}

# hosts LINES: what /etc/hosts has beside localhost
hosts()
{
	{ cat "$T/hosts"; echo "$1"; } >"$T/tmp/hosts"
	cat "$T/tmp/hosts" >"$T/prog/etc/hosts"
}

# generate FILE COMMAND…: the calls that both sides answer; the grep -v has the known differences.
generate()
{
	local to=$1

	shift
	in_prog "$@" | grep -vE "$EXCEPT" >"$T/tmp/$to"
	[ "${PIPESTATUS[0]}" -eq 0 ] || fail "$* ends badly"
	[ "$(wc -l <"$T/tmp/$to")" -gt $((COUNT / 5)) ] || fail "$to: too few calls"
}

same()
{
	diff "$T/tmp/bare" "$T/tmp/shim" >"$T/tmp/diff" ||
		fail "$(grep -c '^<' "$T/tmp/diff") calls differ: $(head -n 8 "$T/tmp/diff")"
}

# A trailing dot: glibc does not look for such a name in the file, here it is the name without it, and no question to
# the proxy. IPv4-mapped addresses: the file's 10.9.8.7 and ::ffff:10.9.8.7 are one address here, two in glibc.
@test "names of /etc/hosts, localhost, numbers and what is no name: all as in glibc" {
	local EXCEPT='"[A-Za-z0-9.-]*[A-Za-z]\."|mapped|::ffff:10\.' seed

	hosts "$FILE"
	for seed in 1 2; do
		generate bare "$T/build/tests/e2e/same_names" "$seed" "$COUNT"
		generate shim "$T/build/sockshim" -q -p "$PROXY" "$T/build/tests/e2e/same_names" "$seed" "$COUNT"
		same
	done
	quiet
}

# AF_UNSPEC gets one virtual address, in the proxy's family: so each family for itself.
@test "a name with a virtual address: as in glibc with that address in /etc/hosts" {
	local EXCEPT='family 10|name2.* 10 |^getnameinfo|^gethostbyaddr'

	local one=(-o VirtualAddrNetworkIPv4=198.18.0.0/32 -o VirtualAddrNetworkIPv6=fd00::/128)

	hosts '198.18.0.0 web.far.test'
	generate bare "$T/build/tests/e2e/same_names" 3 "$COUNT" web.far.test
	hosts ''
	generate shim "$T/build/sockshim" -q -p "$PROXY" "${one[@]}" "$T/build/tests/e2e/same_names" 3 "$COUNT" web.far.test
	same
	EXCEPT='getaddrinfo.*family [^1]|no hints|name2.* 2 |name |^gethostbyname_r|^getnameinfo|^gethostbyaddr'
	hosts 'fd00:: web.far.test'
	generate bare "$T/build/tests/e2e/same_names" 4 $((2 * COUNT)) web.far.test
	hosts ''
	generate shim "$T/build/sockshim" -q -p "$PROXY" "${one[@]}" "$T/build/tests/e2e/same_names" 4 $((2 * COUNT)) web.far.test
	same
	quiet
}
