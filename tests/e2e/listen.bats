#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# sockshimctl listen: a controller that prints the reports it gets, runs a command for each, and answers.

load lib/common

setup_file()
{
	net_up
	proxy_up embedded
	cat >"$T/tmp/with" <<-'END'
		# with FILE [OPTION…] -- COMMAND…: the command while a listener prints to FILE; fd 3 says it is ready
		file=$1 options=()
		shift
		until [ "$1" = -- ]; do
			options+=("$1")
			shift
		done
		shift
		mkfifo "$file.ready"
		sockshimctl listen "${options[@]}" "$file.socket" >"$file" 2>"$file.ready" &
		listener=$!
		read -r said <"$file.ready"
		echo "$said"
		"$@"
		echo "status $?"
		kill "$listener"
		wait "$listener"
		echo "listener $?"
		[ ! -e "$file.socket" ] && rm "$file.ready"
	END
}

# listening OPTION… -- COMMAND…: its output, and what the listener printed in $printed
listening()
{
	local file

	file=$(in_prog mktemp -u "$T/tmp/heard.XXXXXX")
	run in_prog env PATH="$T/build:$PATH" bash "$T/tmp/with" "$file" "${@//FILE/$file}"
	expect_match "$output" 'listener 0'
	printed=$(cat "$file")
}

@test "listen prints who connects where, and what became of it" {
	check()
	{
		listening -- sockshim -p "$PROXY" -o Report=unix:FILE.socket --tag mine curl -sS http://web.far.test/
		expect_match "$output" 'Report=unix:.*/heard'
		expect_match "$output" 'status 0'
		expect_match "$printed" 'connect  [0-9.]+:[0-9]+ +curl\[[0-9]+\] web.far.test:80 .*tag=mine'
		expect_match "$printed" 'reply    [0-9.]+:[0-9]+ +curl\[[0-9]+\]'
	}
	both check
	assert_only_proxy_traffic "$PROXY_IP" "$PROXY_PORT"
}

@test "listen --json prints the reports as they came" {
	listening --json -- sockshim -p "$PROXY" -o Report=unix:FILE.socket curl -sS http://web.far.test/
	run "$PYTHON" -c 'import json, sys; print(*[json.loads(l)["event"] for l in sys.argv[1].splitlines()])' "$printed"
	expect_match "$output" '^start connect reply'
}

@test "listen --exec: its status is the answer" {
	check()
	{
		listening --exec 'grep -q far.test || exit 0; exit 3' -- \
			sockshim -q -p "$PROXY" -o Report=unix:FILE.socket -o ReportAck=yes curl -sS http://web.far.test/
		expect_match "$output" 'status 7'
		expect_match "$printed" 'reply .*errno=EACCES'
		listening --exec 'cat >/dev/null' -- \
			sockshim -q -p "$PROXY" -o Report=unix:FILE.socket -o ReportAck=yes curl -sS http://web.far.test/
		expect_match "$output" 'status 0'
	}
	both check
}

@test "listen: a line that is no report, one without end, a socket left behind, a file in its place" {
	listening -- "$PYTHON" -c '
import socket
for data in b"rubbish\n", b"x" * 10000, b"{\"event\":\"st\\u001b[2Jart\"}\n":
    s = socket.socket(socket.AF_UNIX)
    s.connect("FILE.socket")
    try:
        s.sendall(data)
        s.shutdown(socket.SHUT_WR)
        s.recv(1)
    except (BrokenPipeError, ConnectionResetError):
        pass
'
	expect_match "$output" 'status 0'
	expect_match "$printed" '^st\\x1b\[2Jart'

	in_prog "$PYTHON" -c 'import socket; socket.socket(socket.AF_UNIX).bind("'"$T"'/tmp/heard.left.socket")'
	run in_prog env PATH="$T/build:$PATH" bash "$T/tmp/with" "$T/tmp/heard.left" -- true
	expect_match "$output" 'listener 0'
	in_prog sh -c 'echo mine >'"$T/tmp/file"
	run in_prog "$T/build/sockshimctl" listen "$T/tmp/file"
	expect_status 1
	expect_match "$output" 'in use'
	run in_prog cat "$T/tmp/file"
	expect_output mine
}
