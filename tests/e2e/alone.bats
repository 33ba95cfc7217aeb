#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# The library alone, without the launcher: LD_PRELOAD and settings from the environment or a file.

load lib/common

setup_file()
{
	net_up
	proxy_up embedded
	proxy_up microsocks
}

alone()
{
	in_prog env LD_PRELOAD="$T/build/libsockshim.so" SOCKSHIM_PROXY="$PROXY" "$@"
}

# page COMMAND…
page()
{
	run --separate-stderr alone "$@"
	expect_status 0
	expect_output "$WEB_BODY"
	[ -z "$stderr" ] || fail 'a word on stderr'
}

proxied()
{
	both page "$@"
	clean
}

@test "curl, wget and python by name" {
	proxied curl -sS http://web.far.test/
	proxied wget -q -O - http://web.far.test/
	proxied "$PYTHON" -c 'import urllib.request as r
print(r.urlopen("http://web.far.test/", timeout=20).read().decode(), end="")'
}

@test "names are shared with forks and kept across exec" {
	proxied sh -c 'curl -sS http://web.far.test/; true'
	proxied env -i /usr/bin/curl -sS http://web.far.test/
	check()
	{
		run alone "$T/build/tests/e2e/sockets" fork
		expect_status 0
	}
	both check
}

# Each has addresses of its own. One that comes from another program stands for no name, rather than for the name that
# this one was given as its first.
@test "an address that another program looked up" {
	check()
	{
		local address

		address=$(alone getent ahostsv4 tcp.far.test | awk 'NR == 1 { print $1 }')
		expect_match "$address" '^198\.1[89]\.'
		run alone env SOCKSHIM_LOG=silent "$PYTHON" -c 'import errno, socket, sys
socket.getaddrinfo("web.far.test", 80)
print(errno.errorcode[socket.socket().connect_ex((sys.argv[1], 80))])' "$address"
		expect_output EHOSTUNREACH
	}
	both check
	quiet
}

@test "100 threads" {
	run alone "$T/build/tests/e2e/sockets" threads
	expect_status 0
	assert_only_proxy_traffic "$PROXY_IP" "$PROXY_PORT"
}

@test "dig ends, and so does a datagram" {
	check()
	{
		LIMIT=20 run alone dig web.far.test
		[ "$status" -ne 0 ] && [ "$status" -lt 124 ] || fail 'no clear end'
		run alone "$T/build/tests/e2e/leak" udp-sendto
		expect_status 1
	}
	both check
	quiet
}

@test "the proxy from a configuration file" {
	mkdir -p "$T/home/user/.config/sockshim"
	echo "Proxy socks5://$PROXY_IP:$PROXY_PORT" >"$T/home/user/.config/sockshim/sockshim.conf"
	run in_prog --user env LD_PRELOAD="$T/build/libsockshim.so" curl -sS http://web.far.test/
	expect_output "$WEB_BODY"
	rm "$T/home/user/.config/sockshim/sockshim.conf"
	assert_only_proxy_traffic "$PROXY_IP" "$PROXY_PORT"
}

@test "bad settings close everything, and are named" {
	check()
	{
		run --separate-stderr in_prog env LD_PRELOAD="$T/build/libsockshim.so" SOCKSHIM_PROXY=nonsense \
			curl -s "http://$WEB_IP4/"
		[ "$status" -ne 0 ] || fail 'it went'
		expect_match "$stderr" '^sockshim: .*environment: PROXY: '
	}
	both check
	assert_no_packets
}

@test "a program without network calls runs whatever the settings" {
	run in_prog env LD_PRELOAD="$T/build/libsockshim.so" SOCKSHIM_PROXY=nonsense echo fine
	expect_status 0
	expect_match "$output" fine
}

@test "a library preloaded behind ours is called where libc would be, one of an old kind of table too" {
	in_prog bash -e <<-'END'
		cd $T/tmp
		echo '#include <dlfcn.h>
		#include <unistd.h>
		int connect(int fd, const void *to, unsigned int len)
		{
			write(1, "behind\n", 7);
			return ((int (*)(int, const void *, unsigned int))dlsym(RTLD_NEXT, "connect"))(fd, to, len);
		}' >behind.c
		gcc -D_GNU_SOURCE -shared -fPIC -o behind.so behind.c
		gcc -D_GNU_SOURCE -shared -fPIC -Wl,--hash-style=sysv -o old.so behind.c
	END
	check()
	{
		run in_prog env LD_PRELOAD="$T/build/libsockshim.so:$T/tmp/$1" "$PYTHON" -c 'import socket
assert socket.socket(socket.AF_UNIX).connect_ex("/nobody") == 2'
		expect_status 0
		expect_output behind
	}
	both check behind.so
	both check old.so
}

# So PHP opens its extensions. The plugin is found by the RUNPATH of the library that asks for it.
@test "what a plugin calls is ours, opened with RTLD_DEEPBIND too" {
	in_prog bash -e <<-'END'
		mkdir -p $T/tmp/deep/plugins
		cd $T/tmp/deep
		gcc -shared -fPIC -o plugins/deep-plugin.so -x c - <<-'C'
			#include <netdb.h>
			#include <stdio.h>
			#include <sys/socket.h>
			#include <unistd.h>
			void plugin(void)
			{
				struct addrinfo *a, hints = {.ai_socktype = SOCK_STREAM};
				char text[4096] = "";
				int fd;
				if (getaddrinfo("web.far.test", "80", &hints, &a)) { puts("no name"); return; }
				fd = socket(a->ai_family, SOCK_STREAM, 0);
				if (connect(fd, a->ai_addr, a->ai_addrlen)) { puts("no connection"); return; }
				write(fd, "GET / HTTP/1.0\r\n\r\n", 18);
				for (ssize_t n; (n = read(fd, text, sizeof(text))) > 0;) fwrite(text, 1, n, stdout);
			}
		C
		gcc -shared -fPIC -D_GNU_SOURCE -Wl,-rpath,$PWD/plugins -o libdeep.so -x c - <<-'C'
			#include <dlfcn.h>
			#include <stdio.h>
			void deep(void)
			{
				void *lib = dlopen("deep-plugin.so", RTLD_NOW | RTLD_DEEPBIND);
				void (*run)(void) = lib ? (void (*)(void))dlsym(lib, "plugin") : NULL;
				run ? run() : (void)puts(dlerror());
			}
		C
		echo 'void deep(void); int main(void) { deep(); return 0; }' |
			gcc -Wl,-rpath,$PWD -o deep -x c - -x none libdeep.so
	END
	check()
	{
		run "$@" "$T/tmp/deep/deep"
		expect_match "$output" "$WEB_BODY"
	}
	both check alone
	both check shim -o Guard=off
	both check shim
	clean
}

# So ctypes calls libc, and Qt's QDnsLookup the resolver.
@test "what a program looks for in libc by its handle is ours" {
	cat >"$T/tmp/handle.py" <<-'END'
		import ctypes, socket
		libc = ctypes.CDLL("libc.so.6", use_errno=True)
		answer = ctypes.create_string_buffer(512)
		print(libc.res_query(b"web.far.test", 1, 1, answer, 512) > 0)
		page = socket.socket()
		to = (2).to_bytes(2, "little") + (80).to_bytes(2, "big") + socket.inet_aton("203.0.113.80") + bytes(8)
		print(libc.connect(page.fileno(), to, 16))
		page.sendall(b"GET / HTTP/1.0\r\n\r\n")
		print(page.makefile().read().splitlines()[-1])
		datagram = socket.socket(type=socket.SOCK_DGRAM)
		print(libc.sendto(datagram.fileno(), b"x", 1, 0, to, 16))
	END
	check()
	{
		run "$@" "$PYTHON" "$T/tmp/handle.py"
		expect_output "True
0
$WEB_BODY
-1"
	}
	both check alone env SOCKSHIM_LOG=silent
	both check shim -q -o Guard=off
	both check shim -q
	clean
}
