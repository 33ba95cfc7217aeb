#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Where settings come from, in which order, and what is said of a bad one.

load lib/common

setup_file()
{
	net_up
	proxy_up embedded
	proxy_up microsocks
	install -d -o 65534 -g 65534 "$T/home/user/.config/sockshim"
	mkdir -p "$T/home/root/.config/sockshim" "$T/prog/etc/sockshim"
}

teardown()
{
	rm -f "$T"/home/*/.config/sockshim/sockshim.conf "$T/prog/etc/sockshim/sockshim.conf"
}

# conf TEXT: a file of settings at $T/tmp/conf
conf()
{
	printf '%s\n' "$1" >"$T/tmp/conf"
	chmod 644 "$T/tmp/conf"
}

own_conf()
{
	printf '%s\n' "$1" >"$T/home/root/.config/sockshim/sockshim.conf"
	cp "$T/home/root/.config/sockshim/sockshim.conf" "$T/home/user/.config/sockshim/sockshim.conf"
	chmod 644 "$T/home/user/.config/sockshim/sockshim.conf"
}

etc_conf()
{
	printf '%s\n' "$1" >"$T/prog/etc/sockshim/sockshim.conf"
}

sockshim()
{
	in_prog "$T/build/sockshim" "$@"
}

# setting KEY: its line of -G
setting()
{
	grep -i "^$1 " <<<"$output"
}

@test "-G prints every setting with its value and origin" {
	local key

	conf "$(printf '# a comment\n\nProxy socks5://10.0.0.1:1081 # another\nHandshakeTimeout 7')"
	check()
	{
		run in_prog env SOCKSHIM_ISOLATE=process "$T/build/sockshim" -c "$T/tmp/conf" -o Localhost=direct -G
		expect_status 0
		expect_match "$(setting Proxy)" "socks5://10.0.0.1:1081.*$T/tmp/conf:3"
		expect_match "$(setting HandshakeTimeout)" "7.*$T/tmp/conf:4"
		expect_match "$(setting Isolate)" 'process.*environment'
		expect_match "$(setting Localhost)" 'direct.*(command line|-o)'
		expect_match "$(setting Inbound)" 'loopback.*default'
		while IFS='"' read -r _ key _; do
			[ -n "$(setting "$key")" ] || fail "no line for $key"
		done < <(grep '^SETTING(' "$REPO/include/settings.def")
	}
	both check
	assert_no_packets
}

@test "-G hides passwords" {
	run sockshim -p socks5://me:secret@10.0.0.1:1 -G
	expect_status 0
	[[ "$output" != *secret* ]] || fail 'a password was printed'
	expect_match "$output" 'me'
}

@test "order: command line, environment, own file, system file, default" {
	check()
	{
		run in_prog env SOCKSHIM_PROXY=socks5://10.0.0.2:2 "$T/build/sockshim" -p socks5://10.0.0.1:1 -G
		expect_match "$(setting Proxy)" '10\.0\.0\.1:1'
		run in_prog env SOCKSHIM_PROXY=socks5://10.0.0.2:2 "$T/build/sockshim" -G
		expect_match "$(setting Proxy)" '10\.0\.0\.2:2'
		run sockshim -G
		expect_match "$(setting Proxy)" '10\.0\.0\.3:3.*sockshim\.conf:1'
		expect_match "$(setting Isolate)" 'session.*/etc/sockshim/sockshim\.conf:2'
		run sockshim -c "$T/tmp/conf" -G
		expect_match "$(setting Proxy)" '10\.0\.0\.5:5'
		expect_match "$(setting Isolate)" 'none.*default'
	}
	own_conf 'Proxy socks5://10.0.0.3:3'
	etc_conf "$(printf 'Proxy socks5://10.0.0.4:4\nIsolate session')"
	conf 'Proxy socks5://10.0.0.5:5'
	both check
}

@test "the default is Tor's port" {
	run sockshim -G
	expect_match "$(setting Proxy)" 'tor://127\.0\.0\.1:9050.*default'
}

@test "a file in the working directory is never read" {
	mkdir -p "$T/tmp/cwd/.config/sockshim"
	echo 'NoSuchKey 1' | tee "$T/tmp/cwd/sockshim.conf" >"$T/tmp/cwd/.config/sockshim/sockshim.conf"
	run in_prog bash -c "cd $T/tmp/cwd && $T/build/sockshim -G"
	expect_status 0
	run in_prog bash -c "cd $T/tmp/cwd && env -u HOME $T/build/sockshim -G"
	expect_status 0
	run in_prog bash -c "cd $T/tmp/cwd && HOME= $T/build/sockshim -G"
	expect_status 0
}

@test "first match wins in a file, keys without case, = or blanks" {
	conf "$(printf 'proxy = socks5://10.0.0.1:1\nPROXY socks5://10.0.0.2:2\n\tLOCALHOST="direct"\n')"
	run sockshim -c "$T/tmp/conf" -G
	expect_match "$(setting Proxy)" '10\.0\.0\.1:1'
	expect_match "$(setting Localhost)" 'direct'
}

# wrong LINE WORDS TEXT: exit 2 and "file:LINE: WORDS…", and nothing ran
wrong()
{
	local line=$1 words=$2

	conf "$3"
	check()
	{
		run --separate-stderr sockshim -c "$T/tmp/conf" echo ran
		expect_status 2
		[ -z "$output" ] || fail 'it ran'
		[ "${#stderr_lines[@]}" -eq 1 ] || fail 'not one line'
		expect_match "$stderr" "$T/tmp/conf:$line: $words"
	}
	both check
}

@test "bad configuration: file:line: key: what, exit 2" {
	wrong 1 'NoSuchKey' 'NoSuchKey 1'
	wrong 3 'Localhost: ' "$(printf '#\n\nLocalhost perhaps')"
	wrong 2 'Proxy: ' "$(printf 'Isolate none\nProxy http://10.0.0.1:1')"
	wrong 1 'Proxy: ' 'Proxy socks5://10.0.0.1:99999'
	wrong 1 'Proxy: ' 'Proxy socks5://'
	wrong 1 'Proxy: ' 'Proxy socks5://256.0.0.1.1.1:x'
	wrong 1 'Proxy: ' 'Proxy socks5://me:%zz@10.0.0.1:1'
	wrong 1 'HandshakeTimeout: ' 'HandshakeTimeout soon'
	wrong 1 'VirtualAddrNetworkIPv4: ' 'VirtualAddrNetworkIPv4 1.2.3.4/99'
	wrong 1 'Match' 'Match nonsense x'
	wrong 1 '.*' 'Proxy "socks5://10.0.0.1:1'
}

@test "a last line without its end: exit 2" {
	printf 'Isolate none\nProxy socks5://10.0.0.1:1' >"$T/tmp/conf"
	run --separate-stderr sockshim -c "$T/tmp/conf" echo ran
	expect_status 2
	[ -z "$output" ]
	expect_match "$stderr" "$T/tmp/conf:2: "
}

@test "a missing file given by flag, and bad options: exit 2" {
	run --separate-stderr sockshim -c "$T/tmp/none" echo ran
	expect_status 2
	[ -z "$output" ]
	expect_match "$stderr" "$T/tmp/none"
	run --separate-stderr sockshim -o Nonsense=1 echo ran
	expect_status 2
	expect_match "$stderr" Nonsense
	run --separate-stderr sockshim -p nonsense echo ran
	expect_status 2
	expect_match "$stderr" '-p|--proxy|Proxy'
	run --separate-stderr in_prog env SOCKSHIM_LOCALHOST=perhaps "$T/build/sockshim" echo ran
	expect_status 2
	expect_match "${stderr^^}" 'ENVIRONMENT: .*LOCALHOST'
	run --separate-stderr in_prog env SOCKSHIM_NONSENSE=1 "$T/build/sockshim" echo ran
	expect_status 2
	expect_match "${stderr^^}" 'ENVIRONMENT: .*NONSENSE'
}

@test "the file given by flag works, as do long options" {
	check()
	{
		run sockshim -c "$T/tmp/conf" curl -sS http://web.far.test/
		expect_output "$WEB_BODY"
		run sockshim --proxy "$PROXY" curl -sS http://web.far.test/
		expect_output "$WEB_BODY"
		run sockshim --proxy="$PROXY" curl -sS http://web.far.test/
		expect_output "$WEB_BODY"
	}
	conf "Proxy $PROXY"
	both check
	assert_only_proxy_traffic "$PROXY_IP" "$PROXY_PORT"
}

@test "Match: hosts to another proxy, refused, and direct" {
	conf "$(printf 'Match host dual.far.test,*.other.test\n\tProxy socks5://%s:1081\nMatch host tcp.far.test port 7001-7003\n\tRefuse\nMatch host %s port 80\n\tDirect\nMatch all\n\tProxy %s\n' \
		"$FAR_IP4" "$WEB_IP4" "$PROXY")"
	check()
	{
		capture_start
		run sockshim -c "$T/tmp/conf" curl -sS http://web.far.test/
		expect_output "$WEB_BODY"
		assert_only_proxy_traffic "$FAR_IP4" 1080
		capture_start
		run sockshim -c "$T/tmp/conf" curl -sS http://dual.far.test/
		expect_output "$WEB_BODY"
		assert_only_proxy_traffic "$FAR_IP4" 1081
		capture_start
		run sockshim -q -c "$T/tmp/conf" curl -sS --max-time 5 http://tcp.far.test:7001/
		expect_status 7
		assert_no_packets
		run sockshim -c "$T/tmp/conf" curl -sS "http://$WEB_IP4/peer"
		expect_output "$PROG_IP4"
	}
	both check
	assert_no_dns_questions
}

@test "Match exe: one program goes elsewhere" {
	conf "$(printf 'Match exe /usr/bin/wget\n\tRefuse\nMatch all\n\tProxy %s' "$PROXY")"
	check()
	{
		run sockshim -c "$T/tmp/conf" curl -sS http://web.far.test/
		expect_output "$WEB_BODY"
		run sockshim -q -c "$T/tmp/conf" sh -c 'wget -q -t 1 -O - http://web.far.test/; echo "$?"'
		expect_output 4
	}
	both check
}

@test "--check: says that the proxy works, and exits 0" {
	check()
	{
		run sockshim -p "$PROXY" --check
		expect_status 0
		expect_match "$output" "$PROXY_IP:$PROXY_PORT"
	}
	both check
	assert_only_proxy_traffic "$PROXY_IP" "$PROXY_PORT"
}

@test "--check: a proxy that closes instead of refusing may know no SOCKS4a: is there SOCKS5?" {
	proxy_up fake --close request # as ssh -D does, for a name that it cannot reach
	run sockshim -p "socks4a://$PROXY_IP:$PROXY_PORT" --check
	expect_status 1
	expect_match "$output" 'instead of answering; it speaks SOCKS5: write socks5://$'
	proxy_up fake --first 04
	run sockshim -p "socks4a://$PROXY_IP:$PROXY_PORT" --check
	expect_status 1
	[[ $output != *'it speaks SOCKS5'* ]] || fail 'it does not'
	proxy_down fake
}

@test "--check: a proxy that loses what comes early, with and without Pipeline" {
	far_start loses "$T/build/sockshimctl" proxy --listen "$FAR_IP4:1085" --fault drop-pipelined
	wait_for 10 far_listening 1085
	run sockshim -p "tor://$FAR_IP4:1085" -o HandshakeTimeout=1 --check
	expect_status 1
	expect_match "$output" 'loses a request that comes early: set "Pipeline no"'
	run --separate-stderr sockshim -p "tor://$FAR_IP4:1085" -o HandshakeTimeout=1 curl -s http://web.far.test/
	expect_status 28
	expect_match "$stderr" 'may need Pipeline no'
	run sockshim -p "tor://$FAR_IP4:1085" -o Pipeline=no --check
	expect_status 0
	run sockshim -p "socks5://$FAR_IP4:1085" --check
	expect_status 0
	run sockshim -p "tor://$PROXY_IP:$PROXY_PORT" --check
	expect_status 0
	far_stop loses
}

@test "--check: a proxy that is down, or none" {
	run sockshim -p "socks5://$FAR_IP4:9" --check
	[ "$status" -ne 0 ] && [ "$status" -lt 124 ] || fail 'no clear end'
	expect_match "$output" "$FAR_IP4:9"
	run sockshim -p "socks5://$WEB_IP4:80" --check
	[ "$status" -ne 0 ] && [ "$status" -lt 124 ] || fail 'no clear end'
	expect_match "$output" 'HTTP|SOCKS|does not answer'
	conf 'Nonsense 1'
	run sockshim -c "$T/tmp/conf" --check
	expect_status 2
}

@test "LogFile takes the lines, stderr none" {
	rm -f "$T"/tmp/log.*
	check()
	{
		run --separate-stderr sockshim -p "socks5://$FAR_IP4:9" -o LogFile="$T/tmp/log.$AS" curl -s http://web.far.test/
		expect_status 7
		[ -z "$stderr" ] || fail 'a word on stderr'
		expect_match "$(<"$T/tmp/log.$AS")" "$FAR_IP4:9"
	}
	both check
}

@test "another virtual network" {
	check()
	{
		run sockshim -p "$PROXY" -o VirtualAddrNetworkIPv4=10.123.0.0/16 "$T/build/tests/e2e/resolve" getaddrinfo4 web.far.test
		expect_match "$output" '^10\.123\.'
		run sockshim -p "$PROXY" -o VirtualAddrNetworkIPv4=10.123.0.0/16 curl -sS http://web.far.test/
		expect_output "$WEB_BODY"
	}
	both check
}
