#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Ordinary programs reach a name that only the proxy knows: one of each kind of network code.

load lib/common

setup_file()
{
	local work=$BATS_FILE_TMPDIR

	net_up
	proxy_up embedded
	sshd_up
	git init -q -b main "$work/repo"
	git -C "$work/repo" -c user.name=far -c user.email=far@far.test commit -q --allow-empty -m far
	git clone -q --bare "$work/repo" "$T/www/repo.git"
	git -C "$T/www/repo.git" update-server-info
	git -C "$work/repo" rev-parse HEAD >"$T/commit"
	javac -d "$T/www" "$E2E/programs/Fetch.java"
}

# gives TEXT COMMAND…: as both users the command ends well and prints TEXT, and the cable is clean.
gives()
{
	local text=$1

	shift
	check()
	{
		run --separate-stderr shim "$@"
		expect_status 0
		expect_output "$text"
		[ -z "$stderr" ] || fail 'a word on stderr'
	}
	both check "$@"
	clean
}

@test "wget" {
	gives "$WEB_BODY" wget -q -O - http://web.far.test/
}

@test "git ls-remote" {
	gives "$(printf '%s\tHEAD\n%s\trefs/heads/main' "$(<"$T/commit")" "$(<"$T/commit")")" \
		git ls-remote http://web.far.test/repo.git
}

@test "git clone: many processes and one name" {
	check()
	{
		run shim git clone -q http://web.far.test/repo.git "clone-$AS"
		expect_status 0
		[ -d "$T/home/$AS/clone-$AS/.git" ]
	}
	both check
	clean
}

@test "ssh to a server by name" {
	gives 'hello from far' ssh "${SSH_OPTIONS[@]}" -i key root@ssh.far.test 'echo hello from $(hostname)'
}

@test "ssh -W" {
	check()
	{
		run in_prog bash -c "printf 'GET / HTTP/1.0\r\n\r\n' |
			$T/build/sockshim -p $PROXY ssh ${SSH_OPTIONS[*]} -i key -W web.far.test:80 root@ssh.far.test | tail -1"
		expect_output "$WEB_BODY"
	}
	both check
	clean
}

@test "python3 urllib" {
	gives "$WEB_BODY" "$PYTHON" -c 'import urllib.request as r
print(r.urlopen("http://web.far.test/", timeout=20).read().decode(), end="")'
}

@test "python3 asyncio: four streams at a time" {
	gives "$(printf "$WEB_BODY\n%.0s" 1 2 3 4)" "$PYTHON" "$T/e2e/programs/fetch_asyncio.py" \
		web.far.test dual.far.test "$WEB_IP4" web6.far.test
}

@test "perl IO::Socket::INET" {
	gives "$WEB_BODY" perl -MIO::Socket::INET -e '
		my $s = IO::Socket::INET->new(PeerAddr => "web.far.test", PeerPort => 80, Timeout => 20) or die "$@";
		print $s "GET / HTTP/1.0\r\n\r\n";
		my @lines = <$s>;
		print $lines[-1]'
}

@test "perl HTTP::Tiny" {
	gives "$WEB_BODY" perl -MHTTP::Tiny -e 'print HTTP::Tiny->new->get("http://web.far.test/")->{content}'
}

@test "node http" {
	gives "$WEB_BODY" node -e '
		require("http").get("http://web.far.test/", r => r.pipe(process.stdout)).on("error", e => { throw e })'
}

@test "node net, by IPv6" {
	gives "$WEB_BODY" node -e '
		const s = require("net").connect({host: "web6.far.test", port: 80, family: 6});
		let all = "";
		s.on("connect", () => s.write("GET / HTTP/1.0\r\n\r\n"));
		s.on("data", d => all += d);
		s.on("end", () => console.log(all.trim().split("\n").pop()))'
}

@test "java" {
	LIMIT=60 gives "$WEB_BODY" java -cp "$T/www" Fetch http://web.far.test/
}

@test "valgrind finds nothing in the library, and the program its page" {
	AS=user LIMIT=60 run --separate-stderr shim valgrind -q --error-exitcode=9 curl -sS http://web.far.test/
	expect_status 0
	expect_output "$WEB_BODY"
	[ -z "$stderr" ] || fail 'a word on stderr'
	clean
}

@test "bash and /dev/tcp" {
	gives "$WEB_BODY" bash -c 'exec 3<>/dev/tcp/web.far.test/80
		printf "GET / HTTP/1.0\r\n\r\n" >&3
		tail -1 <&3'
}

@test "curl, many at a time on one event loop" {
	check()
	{
		run shim curl -sS -Z --parallel-max 30 --max-time 20 -o '#1.out' 'http://web.far.test/?[1-30]'
		expect_status 0
		run bash -c "sort -u '$T/home/$AS'/*.out"
		expect_output "$WEB_BODY"
	}
	both check
	clean
	[ "$(requests | grep -c "^$WEB_IP4 web.far.test GET /")" -eq 60 ]
}

# Clang links its sanitizers into the program; gcc's AddressSanitizer is a library that wants to be the first one.
@test "programs with sanitizers" {
	local sanitizer

	in_prog bash -e <<-'END'
		for sanitizer in address thread undefined leak; do
			gcc -fsanitize=$sanitizer -o $T/tmp/$sanitizer -x c - <<-'C'
				#include <netdb.h>
				#include <stdio.h>
				#include <sys/socket.h>
				#include <unistd.h>
				int main(void)
				{
					struct addrinfo *a, hints = {.ai_socktype = SOCK_STREAM};
					char text[4096];
					int fd;
					if (getaddrinfo("web.far.test", "80", &hints, &a)) return 1;
					fd = socket(a->ai_family, SOCK_STREAM, 0);
					if (connect(fd, a->ai_addr, a->ai_addrlen)) return 1;
					freeaddrinfo(a);
					write(fd, "GET / HTTP/1.0\r\n\r\n", 18);
					for (ssize_t n; (n = read(fd, text, sizeof(text))) > 0;) fwrite(text, 1, n, stdout);
					return close(fd);
				}
			C
		done
	END
	check()
	{
		run --separate-stderr shim "$T/tmp/$1"
		expect_status 0
		expect_match "$output" "$WEB_BODY"
		[ -z "$stderr" ] || fail 'a word on stderr'
	}
	for sanitizer in address thread undefined leak; do
		both check "$sanitizer"
	done
	clean
}

@test "socat" {
	check()
	{
		run in_prog bash -c "printf 'GET / HTTP/1.0\r\n\r\n' |
			$T/build/sockshim -p $PROXY socat -t 10 - TCP:web.far.test:80 | tail -1"
		expect_output "$WEB_BODY"
	}
	both check
	clean
}
