#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Audits: what the verdict says of programs that leak and of those that do not, and whether others can read it.

load lib/common

setup_file()
{
	net_up
	proxy_up embedded
	in_prog bash -e <<-'END'
		mkdir $T/tmp/bin $T/tmp/out
		chmod 777 $T/tmp/out
		cd $T/tmp/bin
		echo '#include <sys/socket.h>
		int plugin_connect(int fd, const struct sockaddr *to, socklen_t len) { return connect(fd, to, len); }
		int plugin_send(int fd, const struct sockaddr *to, socklen_t len)
		{ int r = sendto(fd, "x", 1, 0, to, len); return r + 0 * fd; }' >plugin.c
		gcc -O0 -shared -fPIC -o plugin.so plugin.c
		gcc -O0 -o deepbind -x c - <<-'C'
			#define _GNU_SOURCE
			#include <arpa/inet.h>
			#include <dlfcn.h>
			#include <netinet/in.h>
			int main(int argc, char **argv)
			{
				struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(4711)};
				void *p = dlopen(argv[1], RTLD_NOW | RTLD_DEEPBIND);
				int (*f)(int, void *, int) = (int (*)(int, void *, int))dlsym(p, "plugin_send");

				inet_pton(AF_INET, "203.0.113.80", &to.sin_addr);
				f(socket(AF_INET, SOCK_DGRAM, 0), &to, sizeof(to));
				return 0;
			}
		C
		cat >$T/tmp/auditor.py <<-'PY' # the one of this test's network: others may run beside it
			import glob, os
			def auditor():
			    for p in glob.glob('/proc/[0-9]*'):
			        try:
			            words = open(p + '/cmdline', 'rb').read().split(b'\0')
			            here = os.readlink(p + '/ns/net') == os.readlink('/proc/self/ns/net')
			        except OSError: continue
			        if words[:2] == [b'sockshimctl', b'audit'] and here: return int(p.split('/')[2])
		PY
	END
}

setup()
{
	proxy_use embedded
	capture_start
	P=$T/build/tests/e2e
	J=$T/tmp/out/$BATS_TEST_NUMBER.json
}

# audit ARGUMENT…: with JSON in $J, quietly; bounded
audit()
{
	run --separate-stderr shim -q --audit=json --audit-file "$J" ${TOR_VIEW:+--audit-tor "$TOR_VIEW"} "$@"
}

# ask EXPRESSION: a Python expression about the audit `a`, its findings that count `f`, its streams `s`
ask()
{
	"$PYTHON" - "$J" "$1" <<-'END' || fail "not so: $1 in $(head -c 3000 "$J")"
		import json, sys
		a = json.load(open(sys.argv[1]))
		f = [x for x in a['findings'] if not x['tolerated']]
		s = a['streams']
		sys.exit(0 if eval(sys.argv[2]) else 1)
	END
}

# expect_finding STATUS CHECK PROGRAM CALL TARGET WAY PLACE: exactly this one counts; each but the first two a regular expression
expect_finding()
{
	expect_status "$1"
	"$PYTHON" - "$J" "${@:2}" <<-'END' || fail "not this finding: $* in $(head -c 3000 "$J")"
		import json, re, sys
		check, *rest = sys.argv[2:]
		f = [x for x in json.load(open(sys.argv[1]))['findings'] if not x['tolerated']]
		assert len(f) == 1 and f[0]['check'] == check, f
		x = f[0]
		have = [x['program'], x['call'], x['target'], x['way'],
		        '%s+%s %s' % (x.get('module'), x.get('offset'), x.get('symbol'))]
		for want, is_ in zip(rest, have):
		    assert re.fullmatch(want, is_), (want, is_)
	END
}

@test "a clean command keeps its status, and its bytes are known" {
	check()
	{
		rm -f "$J"
		audit curl -sS "http://web.far.test/"
		expect_status 0
		expect_output "$WEB_BODY"
		[ -z "$stderr" ] || fail 'a clean audit into a file is silent'
		ask "a['verdict'] == 'clean' and a['status'] == 0 and not f"
		ask "len(s) == 1 and s[0]['host'] == 'web.far.test' and s[0]['port'] == 80 and s[0]['result'] == 'open'"
		ask "s[0]['program'].endswith('/curl') and s[0]['by'] == 'library' and 0 < s[0]['source_port'] < 65536"
		ask "s[0]['sent'] > 70 and s[0]['received'] > $((${#WEB_BODY} + 10)) and 0 <= s[0]['seconds'] < 20"
		ask "a['views'] == {'guard': True, 'kernel': True, 'tor': False}"
		audit sh -c 'curl -sS http://web.far.test/ >/dev/null; exit 7'
		expect_status 7
		ask "a['status'] == 7 and a['command'][0] == 'sh' and len(s) == 1"
		audit sh -c 'kill -TERM $$'
		expect_status 143
		ask "a['status'] is None and a['signal'] == 15 and a['verdict'] == 'clean'"
	}
	both check
	assert_only_proxy_traffic "$PROXY_IP" "$PROXY_PORT"
}

@test "bytes of streams that are killed, and exact counts of what a program sends and gets" {
	local sent received

	audit "$PYTHON" -c "
import os, signal, socket
c = socket.create_connection(('$WEB_IP4', 80))
c.sendall(b'GET / HTTP/1.0\r\nHost: web.far.test\r\n\r\n')
n = 0
while True:
	d = c.recv(65536)
	if not d: break
	n += len(d)
print(n, flush=True)
os.kill(os.getpid(), signal.SIGKILL)"
	expect_status 137
	received=$output
	sent=38
	# the peer's end counts as one byte, where it came first
	ask "len(s) == 1 and s[0]['sent'] == $sent and 0 <= s[0]['received'] - $received <= 1"
}

@test "a stream that fails says why, and is no finding" {
	audit curl -sS http://no-such.far.test/
	expect_status 97 || expect_status 7
	ask "len(s) == 1 and s[0]['result'] != 'open' and s[0]['host'] == 'no-such.far.test' and a['verdict'] == 'clean'"
}

@test "leaks through libc: vector, program, call, target and place" {
	check()
	{
		rm -f "$J"
		audit "$P/leak" udp-sendto
		expect_finding 3 udp '.*/leak' send "$WEB_IP4:80" 'library call' '.*/leak.0x[0-9a-f]+ \w+'
		expect_match "$stderr" '^sockshim: audit: there are findings; see '
		audit "$P/leak" multicast-send
		expect_finding 3 multicast '.*/leak' send '224.0.0.251:5353' 'library call' '.*/leak.*'
		audit "$P/leak" multicast-join
		expect_finding 3 multicast '.*/leak' setsockopt 'level 0 option 35' 'library call' '.*/leak.* multicast_join'
		audit "$P/leak" packet
		expect_finding 3 raw '.*/leak' socket 'address family 17' 'library call' '.*/leak.* packet'
		audit "$P/leak" icmp-dgram
		expect_finding 3 icmp '.*/leak' 'send|connect' "$WEB_IP4:.*" 'library call' '.*/leak.*'
	}
	both check
	assert_no_packets
}

@test "questions of c-ares: dns" {
	audit "$P/cares" host web.far.test
	expect_finding 3 dns '.*/cares' connect "$PROG_DNS:53" 'library call' '.*/libcares.*'
	assert_no_packets
}

@test "leaks of static programs and by system calls of one's own" {
	check()
	{
		rm -f "$J"
		audit "$P/static_leak" udp-sendto
		expect_finding 3 udp '.*/static_leak' sendto "$WEB_IP4:80" 'static program' '.*/static_leak.0x[0-9a-f]+ .*sendto'
		audit "$P/static_leak" packet
		expect_finding 3 raw '.*/static_leak' socket 'address family 17' 'static program' '.*/static_leak.* .*socket'
		audit "$P/static_leak" multicast-join
		expect_finding 3 multicast '.*/static_leak' setsockopt 'level 0 option 35' 'static program' '.*/static_leak.* .*setsockopt'
		audit "$P/bypass" inline-sendto
		expect_finding 3 udp '.*/bypass' sendto "$WEB_IP4:80" 'system call' '.*/bypass.0x[0-9a-f]+ \w+'
		audit "$T/tmp/bin/deepbind" "$T/tmp/bin/plugin.so"
		expect_finding 3 udp '.*/deepbind' sendto "$WEB_IP4:4711" 'libc, past the library' '.*/libc.so.6.* .*sendto'
	}
	both check
	assert_no_packets
}

@test "another ABI is a finding; io_uring and mptcp are tolerated, unless the policy says otherwise" {
	if [ "$(uname -m)" = x86_64 ]; then
		audit "$P/bypass" int80
		expect_finding 3 abi '.*/bypass' 'system call' '' 'system call' '.*/bypass.*'
	fi
	audit "$P/bypass" io-uring
	ask "a['verdict'] == 'clean' and [x['check'] for x in a['findings']] == ['io_uring']"
	expect_status 0 || expect_status 1
	echo 'FailOn io_uring' >"$T/tmp/policy"
	audit --audit-policy "$T/tmp/policy" "$P/bypass" io-uring
	expect_finding 3 io_uring '.*/bypass' io_uring_setup '.*' 'system call' '.*/bypass.*'
	audit "$P/leak" mptcp
	ask "a['verdict'] == 'clean' and 'mptcp' in [x['check'] for x in a['findings']]"
}

@test "what the guard carries is a stream, and a finding if the policy wants" {
	local way

	echo 'FailOn bypass' >"$T/tmp/policy"
	for way in "$P/static_guard get" "$P/bypass inline" "env PLUGIN=$T/tmp/bin/plugin.so $P/bypass deepbind"; do
		audit $way
		ask "a['verdict'] == 'clean' and len(s) == 1 and s[0]['by'] == 'guard' and s[0]['result'] == 'open'"
		expect_status 0
		audit --audit-policy "$T/tmp/policy" $way
		expect_status 3
		ask "[x['check'] for x in f] == ['bypass'] and f[0]['target'] == '$WEB_IP4:80'"
	done
	assert_only_proxy_traffic "$PROXY_IP" "$PROXY_PORT"
}

@test "the same place, call and target is one finding with a count" {
	audit "$PYTHON" -c "
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for i in range(5000):
	try: s.sendto(b'x', ('$WEB_IP4', 99))
	except OSError: pass"
	expect_finding 3 udp '.*/python3.*' send "$WEB_IP4:99" 'library call' '.*'
	ask "f[0]['count'] == 5000"
}

@test "--audit-exit; usage and policy errors before anything runs" {
	audit --audit-exit 77 "$P/leak" udp-sendto
	expect_status 77
	audit --audit-exit 0 sh -c "$P/leak udp-sendto; exit 9"
	expect_status 9
	ask "a['verdict'] == 'findings'"
	run shim --audit-exit 256 touch "$T/tmp/ran"
	expect_status 2
	run shim --audit=xml touch "$T/tmp/ran"
	expect_status 2
	expect_match "$output" 'xml is no format'
	echo 'FailOn nothing' >"$T/tmp/policy"
	run shim --audit-policy "$T/tmp/policy" touch "$T/tmp/ran"
	expect_status 2
	expect_match "$output" "policy: line 1: FailOn: unknown check nothing"
	run shim --audit-policy "$T/no/such" touch "$T/tmp/ran"
	expect_status 2
	run shim --audit-file "$T/no/such" touch "$T/tmp/ran"
	expect_status 2
	run -127 shim --audit no-such-command
	expect_status 127
	in_prog test ! -e "$T/tmp/ran" || fail 'it ran'
}

@test "what cannot be judged is 4: no guard, programs that are not covered, processes that outlive" {
	check()
	{
		rm -f "$J"
		audit -o Guard=off curl -sS http://web.far.test/
		expect_status 4
		ask "a['verdict'] == 'unjudged' and [x['check'] for x in f] == ['guard'] and a['views']['guard'] is False"
		audit -o Guard=off "$P/static_leak" udp-sendto
		expect_status 4
		ask "[x['check'] for x in f] == ['program'] and f[0]['program'].endswith('static_leak') and 'not started' in f[0]['words']"
		audit -o Guard=off sh -c "$P/static_leak udp-sendto; true"
		expect_status 4
		ask "sorted(x['check'] for x in f) == ['guard', 'program'] and 'is static' in str(f)"
		audit -o Guard=off -o Unwrappable=allow sh -c "$P/static_leak nothing; true"
		expect_status 4
		ask "'started without a guard' in str(f)"
	}
	both check
	assert_only_proxy_traffic "$PROXY_IP" "$PROXY_PORT"
	# shellcheck disable=SC2016 # for the inner shell
	local leave='sleep 9 >/dev/null 2>&1 & until grep -q sleep /proc/$!/comm; do :; done; echo $!'

	audit sh -c "$leave"
	expect_status 4
	in_prog kill "$output"
	ask "[x['check'] for x in f] == ['outlived'] and f[0]['program'].endswith('/sleep')"
	echo 'Tolerate outlived "" sleep' >"$T/tmp/policy"
	audit --audit-policy "$T/tmp/policy" sh -c "$leave"
	expect_status 0
	in_prog kill "$output"
	printf 'Tolerate guard\n' >"$T/tmp/policy"
	audit --audit-policy "$T/tmp/policy" -o Guard=off curl -sS http://web.far.test/
	expect_status 0
}

@test "events that are lost make it 4, and an auditor that dies does" {
	cat >"$T/tmp/flood" <<-END
		import os, signal, socket, sys
		from auditor import auditor
		pid = auditor()
		os.kill(pid, getattr(signal, sys.argv[1]))
		s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
		for i in range(6000):
		    try: s.sendto(b'x', ('127.0.0.1', 1 + i))
		    except OSError: pass
		if sys.argv[1] == 'SIGSTOP': os.kill(pid, signal.SIGCONT)
	END
	echo 'Tolerate loopback
		Tolerate dns' >"$T/tmp/policy"
	audit --audit-policy "$T/tmp/policy" "$PYTHON" "$T/tmp/flood" SIGSTOP
	expect_status 4
	ask "[x['check'] for x in f] == ['lost'] and f[0]['words'].split()[0].isdigit()"
	ask "len(a['findings']) + int(f[0]['words'].split()[0]) >= 6000"
	audit "$PYTHON" "$T/tmp/flood" SIGKILL
	expect_status 4
	expect_match "$stderr" 'the auditor has died: there is no verdict'
}

# past ARGUMENT…: an audit of past.c without a guard; it stays until the auditor has seen its socket
past()
{
	rm -f "$T/tmp/seen"
	run --separate-stderr in_prog strace -f -qq -e trace=readlink -s 256 -o "$T/tmp/seen" "$T/build/sockshim" -p "$PROXY" \
		-q --audit=json --audit-file "$J" ${TOR_VIEW:+--audit-tor "$TOR_VIEW"} -o Guard=off env SEEN="$T/tmp/seen" "$T/build/tests/e2e/past" "$@"
}

@test "the kernel's view: a socket past the library and the guard, and one to the proxy without an event" {
	past "$WEB_IP4" 80
	expect_status 3
	ask "sorted(x['check'] for x in f) == ['guard', 'kernel']"
	ask "[x for x in f if x['check'] == 'kernel'][0]['target'] == '$WEB_IP4:80'"
	ask "[x for x in f if x['check'] == 'kernel'][0]['program'].endswith('/past')"
	past "$PROXY_IP" "$PROXY_PORT"
	expect_status 3
	ask "sorted(x['check'] for x in f) == ['guard', 'unmatched'] and 'no event' in str(f)"
	# the session's stream is a socket that leads elsewhere
	past "$WEB_IP4" 80 stream
	expect_status 3
	ask "sorted(x['check'] for x in f) == ['guard', 'kernel'] and 'leads elsewhere' in str(f)"
	# with the guard both are in its events
	audit "$T/build/tests/e2e/past" "$WEB_IP4" 80
	expect_status 0
	ask "len(s) == 1 and s[0]['by'] == 'guard'"
	audit "$T/build/tests/e2e/past" "$PROXY_IP" "$PROXY_PORT"
	expect_status 0
	ask "len(s) == 1 and s[0]['result'] == 'direct'"
}

@test "the kernel's view: a stream that it had no socket of; not judged where it could not see or lost count" {
	audit "$P/forge"
	expect_status 3
	ask "[x['check'] for x in f] == ['unmatched'] and f[0]['target'] == '$WEB_IP4:80' and 'kernel' in f[0]['words']"
	ask "len(s) == 1 and s[0]['result'] == 'open' and s[0]['sent'] is None and s[0]['program'] == '/forged'"
	# More sockets end than the stopped auditor can be told of, the stream's among them. On one processor the kernel
	# tells of them one after another: when it has left out as many more as ended before, the stream's is one of them.
	cat >"$T/tmp/overrun" <<-'END'
		import os, signal, socket, struct, time
		from auditor import auditor
		def told():  # bytes that wait to be read, messages left out
		    with open('/proc/net/netlink') as f:
		        rows = [line.split() for line in f]
		    return [sum(int(r[i]) for r in rows if r[1] == '4') for i in (4, 8)]
		def end(count):
		    for i in range(0, count, 500):
		        was = told()
		        for k in range(500): socket.socket().close()
		        while told() == was: time.sleep(0.001)
		os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
		stream = socket.create_connection(('web.far.test', 80))
		pid, ended = auditor(), 0
		os.kill(pid, signal.SIGSTOP)
		while not told()[1]:
		    end(500)
		    ended += 500
		before = told()[1]
		stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
		stream.close()
		end(ended)
		while told()[1] <= before + ended: time.sleep(0.01)
		os.kill(pid, signal.SIGCONT)
	END
	LIMIT=60 audit "$PYTHON" "$T/tmp/overrun"
	expect_status 4
	ask "[x['check'] for x in f] == ['no-kernel'] and 'more sockets ended' in f[0]['words'] and '/python3' in f[0]['program']"
}

@test "the kernel's view: streams of another network namespace are not judged" {
	cat >"$T/tmp/elsewhere" <<-'END'
		ip link set lo up
		cd "$2" && echo there >index.html
		python3 -m http.server --bind 127.0.0.1 8099 >/dev/null 2>&1 &
		server=$!
		"$1/sockshimctl" proxy --listen 127.0.0.1:1086 --map web.far.test=127.0.0.1 >"$2/up" &
		until [ -s "$2/up" ] && curl -sS http://127.0.0.1:8099/ >/dev/null 2>&1; do sleep 0.02; done
		echo $$ >"$2/pid.new"
		mv "$2/pid.new" "$2/pid"
		read -r
		kill $! $server
	END
	mkdir "$T/tmp/there"
	mkfifo "$T/tmp/there/end"
	in_prog unshare -n bash "$T/tmp/elsewhere" "$T/build" "$T/tmp/there" <"$T/tmp/there/end" 3>&- &
	exec 9>"$T/tmp/there/end"
	wait_for 20 test -e "$T/tmp/there/pid"
	PROXY=socks5://127.0.0.1:1086 audit nsenter --net="/proc/$(<"$T/tmp/there/pid")/ns/net" curl -sS http://web.far.test:8099/
	exec 9>&-
	wait
	expect_output there
	expect_status 4
	ask "len(s) == 1 and s[0]['result'] == 'open' and s[0]['sent'] is None"
	ask "{x['check'] for x in f} == {'no-kernel'} and 'another network namespace' in str(f)"
}

# views LIE audit|past ARGUMENT…: one connection, whose Tor is far/torview.py
views()
{
	local view=$T/far/view.$BATS_TEST_NUMBER.$1

	rm -f "$view"
	far_start view "$PYTHON" "$T/e2e/far/torview.py" "$PROXY_IP" 1085 "$view" "$1"
	wait_for 10 far_listening 1085
	shift
	PROXY=socks5://$PROXY_IP:1085 TOR_VIEW=unix:$view "$@"
	far_stop view
}

@test "Tor's view: a stream that it has not, with another target, of another port, one too many; a lost control port" {
	local connect=(audit "$PYTHON" -c 'import socket; socket.create_connection(("web.far.test", 80))')

	views none "${connect[@]}"
	expect_status 0
	ask "a['views']['tor'] and len(s) == 1 and not f"
	views missing "${connect[@]}"
	expect_status 3
	ask "[x['check'] for x in f] == ['tor'] and 'Tor has not seen web.far.test:80 from port' in f[0]['words']"
	views source "${connect[@]}"
	expect_status 3
	ask "[x['check'] for x in f] == ['tor'] and 'Tor has not seen' in f[0]['words']"
	views target "${connect[@]}"
	expect_status 3
	ask "[x['check'] for x in f] == ['tor'] and 'asked for other.test:1, not for web.far.test:80' in f[0]['words']"
	views gone "${connect[@]}"
	expect_status 4
	ask "[x['check'] for x in f] == ['no-tor']"
	views more past "$PROXY_IP" 1085
	expect_status 3
	ask "sorted(x['check'] for x in f) == ['guard', 'tor', 'unmatched'] and 'the session has not' in str(f)"
}

@test "policies: expected targets, private networks, limits" {
	echo 'Expect *.far.test:80 203.0.113.0/24' >"$T/tmp/policy"
	audit --audit-policy "$T/tmp/policy" curl -sS http://web.far.test/ "http://$WEB_IP4/"
	expect_status 0
	audit --audit-policy "$T/tmp/policy" curl -sS "http://[$WEB_IP6]/"
	expect_status 3
	ask "[x['check'] for x in f] == ['unexpected'] and f[0]['target'] == '[$WEB_IP6]:80'"
	printf 'FailOn private\nFailOn failed\n' >"$T/tmp/policy"
	audit --audit-policy "$T/tmp/policy" curl -sS http://10.1.2.3/
	expect_status 3
	ask "sorted(x['check'] for x in f) == ['failed', 'private']"
	printf 'MaxShare 60\nMinCycle 30\n' >"$T/tmp/policy"
	audit --audit-policy "$T/tmp/policy" sh -c 'curl -sS http://web.far.test/; curl -sS http://web.far.test/'
	expect_status 3
	ask "sorted(x['check'] for x in f) == ['cycle', 'share'] and '100 %' in str(f) and '1 times' in str(f)"
	echo 'MaxAsymmetry 10' >"$T/tmp/policy"
	head -c 70000 /dev/zero >"$T/tmp/zeros"
	audit --audit-policy "$T/tmp/policy" curl -sS -H Expect: --data-binary @"$T/tmp/zeros" -o /dev/null http://web.far.test/
	expect_status 0 # they come back
	ask "s[0]['sent'] > 70000 and s[0]['received'] > 70000"
	audit --audit-policy "$T/tmp/policy" bash -c 'nc -N web.far.test 7002 <"$1"' bash "$T/tmp/zeros"
	expect_status 3
	ask "[x['check'] for x in f] == ['asymmetry'] and f[0]['target'] == 'web.far.test:7002' and 'more bytes' in f[0]['words']"
	ask "s[0]['sent'] == 70000 > 10 * s[0]['received'] > 0"
}

@test "every format is what its readers take" {
	local format

	audit "$P/leak" udp-sendto # something to report, with a name that must be escaped
	for format in text json junit sarif tap; do
		in_prog cp "$P/leak" "$T/tmp/bin/<l&\"eak> 100%"
		run --separate-stderr shim -q --audit=$format --audit-file "$T/tmp/out/all.$format" \
			sh -c "'$T/tmp/bin/<l&\"eak> 100%' udp-sendto; curl -sS http://web.far.test/ >/dev/null"
		expect_status 3
		run --separate-stderr shim -q --audit=$format --audit-file "$T/tmp/out/clean.$format" true
		expect_status 0
	done
	for format in all clean; do
		"$PYTHON" -m json.tool "$T/tmp/out/$format.json" >/dev/null
		xmllint --noout --schema "$E2E/formats/junit.xsd" "$T/tmp/out/$format.junit"
		"$PYTHON" "$E2E/formats/check.py" junit "$T/tmp/out/$format.junit"
		"$PYTHON" "$E2E/formats/check.py" sarif "$T/tmp/out/$format.sarif"
		LC_ALL=C.UTF-8 prove --source File --ext .tap "$T/tmp/out/$format.tap" >"$T/tmp/out/$format.proved" 2>&1 ||
			[ $format = all ] || fail "prove: $(<"$T/tmp/out/$format.proved")"
	done
	grep -q 'Failed test:  1$' "$T/tmp/out/all.proved" || fail "prove: $(<"$T/tmp/out/all.proved")"
	grep -q '^Result: PASS' "$T/tmp/out/clean.proved"
	grep -q '<failure message="datagrams' "$T/tmp/out/all.junit"
	grep -q '"ruleId":"udp"' "$T/tmp/out/all.sarif"
	grep -q 'FAIL.*udp.*: send 203.0.113.80:80 (library call, at ' "$T/tmp/out/all.text"
	! grep -q $'\033' "$T/tmp/out/all.text" || fail 'colours in a file'
}

@test "the text comes on stderr, in colours on a terminal alone" {
	run --separate-stderr shim --audit echo out
	expect_output out
	expect_match "$stderr" 'sockshim audit of echo: 0 streams.*verdict: clean'
	! grep -q $'\033' <<<"$stderr" || fail 'colours without a terminal'
	run in_prog env TERM=xterm script -qec "$T/build/sockshim -p $PROXY --audit true" /dev/null
	expect_match "$output" $'\033\\[32mverdict: clean'
	run in_prog env TERM=xterm NO_COLOR=1 script -qec "$T/build/sockshim -p $PROXY --audit true" /dev/null
	expect_match "$output" 'verdict: clean'
	! grep -q $'\033' <<<"$output" || fail 'colours with NO_COLOR'
	run in_prog env TERM=dumb script -qec "$T/build/sockshim -p $PROXY --audit true" /dev/null
	! grep -q $'\033' <<<"$output" || fail 'colours on a dumb terminal'
}

@test "job control and signals are as without an audit" {
	sessions() { in_prog sh -c 'ls /dev/shm | grep sockshim'; }
	sessions >"$BATS_TEST_TMPDIR/before" || : # of a test before, whose programs outlive it
	run in_prog bash -c "$T/build/sockshim -q -p $PROXY --audit=json --audit-file $J sleep 30 & "'
		until pgrep -xf "sleep 30" >/dev/null; do sleep 0.02; done
		kill -INT -- $!; kill -TERM $!; wait $!; echo status $?'
	expect_match "$output" 'status 1(43|30)'
	ask "a['verdict'] == 'clean'"
	run sessions
	run grep -vxFf "$BATS_TEST_TMPDIR/before" <(printf '%s' "$output")
	expect_output ''
}

# ci FILE INPUT=VALUE…: runs the scripts of a CI file in the program's namespace, in an empty directory
ci()
{
	local file=$1

	shift
	rm -rf "$T/tmp/ci"
	install -d -m 777 "$T/tmp/ci"
	"$PYTHON" "$E2E/formats/steps.py" "$REPO/conf/ci/$file" "$@" >"$T/tmp/ci.sh"
	touch "$T/tmp/ci/path"
	chmod 666 "$T/tmp/ci/path"
	LIMIT=${CI_LIMIT:-30} run in_prog env -C "$T/tmp/ci" PATH="${CI_PATH-$T/build:$PATH}" GITHUB_OUTPUT="$T/tmp/ci/output" \
		GITHUB_PATH="$T/tmp/ci/path" GITHUB_ACTION_PATH="$T/tmp/tree/conf/ci/github" CFLAGS=-O0 MAKEFLAGS=-j2 \
		bash "$T/tmp/ci.sh"
}

@test "the GitHub action and the GitLab template: their scripts, and what they publish" {
	check()
	{
		ci github/action.yml command='curl -sS http://web.far.test/' proxy="$PROXY"
		expect_status 0
		expect_match "$output" "$WEB_BODY"
		expect_match "$(<"$T/tmp/ci/output")" '^status=0$'
		"$PYTHON" "$E2E/formats/check.py" sarif "$T/tmp/ci/sockshim-audit.sarif"
		ci github/action.yml command="$P/leak udp-sendto; false" proxy="$PROXY" file=a.sarif
		expect_status 3 # the verdict, not what the command ended with
		ci github/action.yml command="$P/leak udp-sendto || true" proxy="$PROXY" file=a.sarif
		expect_status 3
		expect_match "$(<"$T/tmp/ci/output")" '^status=3$'
		"$PYTHON" "$E2E/formats/check.py" sarif "$T/tmp/ci/a.sarif"
		grep -q '"ruleId":"udp"' "$T/tmp/ci/a.sarif"
		echo 'Tolerate udp' >"$T/tmp/policy"
		ci github/action.yml command="$P/leak udp-sendto || true" proxy="$PROXY" policy="$T/tmp/policy"
		expect_status 0

		ci gitlab.yml AUDIT_COMMAND='curl -sS http://web.far.test/' AUDIT_PROXY="$PROXY"
		expect_status 0
		xmllint --noout --schema "$E2E/formats/junit.xsd" "$T/tmp/ci/sockshim-audit.xml"
		ci gitlab.yml AUDIT_COMMAND="$P/leak udp-sendto || true" AUDIT_PROXY="$PROXY" AUDIT_FILE=x.xml
		expect_status 3
		xmllint --noout --schema "$E2E/formats/junit.xsd" "$T/tmp/ci/x.xml"
		"$PYTHON" "$E2E/formats/check.py" junit "$T/tmp/ci/x.xml"
		ci gitlab.yml AUDIT_COMMAND="$P/leak udp-sendto || exit 7" AUDIT_PROXY="$PROXY" AUDIT_POLICY="$T/tmp/policy"
		expect_status 7
	}
	both check
}

@test "the GitHub action builds sockshim where it is not installed" {
	mkdir "$T/tmp/tree"
	cp -R "$REPO"/{Makefile,src,include,conf,man} "$T/tmp/tree"
	CI_PATH=/usr/bin:/bin CI_LIMIT=300 ci github/action.yml command='curl -sS http://web.far.test/' proxy="$PROXY"
	expect_status 0
	expect_match "$output" "$WEB_BODY"
	[ "$(<"$T/tmp/ci/path")" = "$T/tmp/tree/build" ] || fail 'path'
	"$PYTHON" "$E2E/formats/check.py" sarif "$T/tmp/ci/sockshim-audit.sarif"
	rm -r "$T/tmp/tree"
}
