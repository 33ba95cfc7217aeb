#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Programs that connect without waiting, each with an event loop of its own, through a proxy that takes its time: a name that
# only the proxy knows, many at a time, and the program's own words when the proxy refuses.

load lib/common

setup_file()
{
	net_up
	proxy_up embedded --delay 100
}

setup()
{
	proxy_use embedded
	capture_start
}

teardown_file()
{
	net_down
}

# pages COUNT COMMAND…: as both users it fetches so many pages, and the cable is clean.
pages()
{
	local count=$1

	shift
	check()
	{
		run shim -q "$@"
		expect_status 0
		[ "$(grep -c "$WEB_BODY" <<<"$output")" -eq "$count" ] || fail "not $count pages"
	}
	both check "$@"
	assert_only_proxy_traffic "$PROXY_IP" "$PROXY_PORT"
	assert_no_dns_questions
}

# refused TEXT COMMAND…: nobody listens there; the program fails with its own words for that.
refused()
{
	local text=$1

	shift
	run shim -q "$@"
	[ "$status" -ne 0 ] || fail 'it did not fail'
	expect_match "$output" "$text"
}

@test "aiohttp (asyncio)" {
	pages 8 "$PYTHON" "$T/e2e/programs/fetch_aiohttp.py" 8 http://web.far.test/
	refused 'Cannot connect to host web.far.test:9' "$PYTHON" "$T/e2e/programs/fetch_aiohttp.py" 1 http://web.far.test:9/
}

@test "aria2" {
	pages 2 bash -c 'aria2c -q --async-dns=false --allow-overwrite -j 4 -d "$HOME" -o one http://web.far.test/ &&
		aria2c -q --async-dns=false --allow-overwrite -d "$HOME" -o two "http://dual.far.test/" && cat "$HOME/one" "$HOME/two"'
	refused 'Connection refused' aria2c --async-dns=false --max-tries=1 -d /tmp http://web.far.test:9/
}

@test "wget2, in threads" {
	pages 4 wget2 -q --no-http2 -O - 'http://web.far.test/?1' 'http://web.far.test/?2' 'http://web.far.test/?3' 'http://web.far.test/?4'
	run shim -q wget2 --tries=1 -O - http://web.far.test:9/ # its status says nothing of that
	expect_match "$output" 'Connection refused'
}

@test "lftp" {
	pages 1 lftp -c 'set dns:order "inet"; open http://web.far.test/; cat /'
}

@test "GLib (GSocketClient)" {
	pages 1 "$PYTHON" -c '
from gi.repository import Gio
c = Gio.SocketClient().connect_to_host("web.far.test", 80, None)
c.get_output_stream().write(b"GET / HTTP/1.0\r\n\r\n")
page = b""
while b := c.get_input_stream().read_bytes(4096).get_data():
    page += b
print(page.decode())'
	refused 'Could not connect to web.far.test: Connection refused' "$PYTHON" -c '
from gi.repository import Gio
Gio.SocketClient().connect_to_host("web.far.test", 9, None)'
}
