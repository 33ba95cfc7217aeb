# SPDX-License-Identifier: MIT
# sockshim-system, in the program's side: its /etc is a copy, /var/lib and /var/spool are empty. The far end of the cable
# is watched in every test: what is opened to anybody but the proxy, without so_far, fails it.

system_up()
{
	net_up
	proxy_up embedded
	echo "$WEB_IP4.80" >>"$T/far/proxies" # last words of who may go there
	in_prog mount -t tmpfs tmpfs /var/lib
	in_prog mount -t tmpfs tmpfs /var/spool
	in_prog mkdir -p /etc/sockshim
	install -m 755 "$REPO/conf/sockshim-system" "$T/build/"
}

setup()
{
	proxy_use embedded
	capture_start
	echo "Proxy $PROXY" | in_prog tee /etc/sockshim/sockshim.conf >/dev/null
}

teardown()
{
	in_prog sh -c ': >/etc/ld.so.preload; rm -f /etc/ld.so.preload /etc/sockshim/system.conf'
	proxy_up embedded
	so_far
}

# so_far [IP.PORT…]: since the test began, or this was asked, nothing was opened but connections to the proxy (to these),
# and nobody was asked for a name.
so_far()
{
	[ $# -gt 0 ] || set -- "$PROXY_IP.$PROXY_PORT"
	assert_nothing_past "$@" && assert_no_dns_questions && capture_start
}

system()
{
	in_prog --root "$T/build/sockshim-system" "$@"
}

# good COMMAND…: sockshim-system does it.
good()
{
	run system "$@"
	expect_status 0
}

bad()
{
	run system "$@"
	[ "$status" -ne 0 ] || fail 'it went'
}

# page COMMAND…: gets the page, without a word on stderr.
page()
{
	run --separate-stderr in_prog "$@"
	expect_status 0
	expect_output "$WEB_BODY"
	[ -z "$stderr" ] || fail 'a word on stderr'
}

# no_page COMMAND…: it fails.
no_page()
{
	run in_prog "$@"
	[ "$status" -ne 0 ] || fail 'past the proxy'
}

# All of /etc and /var/lib, as text.
picture()
{
	in_prog --root sh -c 'cd / && find etc var/lib -printf "%p %m %u %l\n" | grep -v "sockshim.conf$" | sort
		cat /etc/ld.so.preload 2>/dev/null; true'
}

expect_picture()
{
	[ "$(picture)" = "$1" ] || fail "a trace: $(diff <(echo "$1") <(picture))"
}
