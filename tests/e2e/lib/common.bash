# SPDX-License-Identifier: MIT
# Loaded by each bats file: paths, bounded waiting, and the two libraries beside this one.
bats_require_minimum_version 1.7.0

E2E=${BATS_TEST_DIRNAME:?run by bats}
REPO=$(cd "$E2E/../.." && pwd)
B=${B:-$REPO/build}
PYTHON=/usr/bin/python3

# wait_for SECONDS COMMAND…: polls until COMMAND succeeds; says what it waited for when it never does.
wait_for()
{
	local limit=$((SECONDS + $1 + 1))

	shift
	until "$@" >/dev/null 2>&1; do
		if [ "$SECONDS" -ge "$limit" ]; then
			echo "waited in vain for: $*" >&2
			return 1
		fi
		sleep 0.02
	done
}

# fail TEXT…: ends the test and shows what the last `run` saw.
fail()
{
	{
		echo "$* (as ${AS:-root})"
		echo "status: ${status-}"
		echo "output: ${output-}"
		echo "stderr: ${stderr-}"
	} >&2
	return 1
}

expect_status()
{
	[ "$status" -eq "$1" ] || fail "exit status is not $1"
}

expect_output()
{
	[ "$output" = "$1" ] || fail "output is not: $1"
}

# expect_match TEXT REGEX
expect_match()
{
	[[ "$1" =~ $2 ]] || fail "no match for /$2/ in: $1"
}

# both FUNCTION…: runs it as root, then as an ordinary user; in_prog looks at AS. Nothing may stand around the call that
# tests its status: bash would go on after a failure inside.
both()
{
	local AS

	for AS in root user; do
		"$@"
	done
}

load lib/net
load lib/proxy

# What most files do; those that need more define their own behind `load lib/common`.
setup_file()
{
	net_up
	proxy_up embedded
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

# clean: nothing but the proxy's traffic left, and nobody was asked for a name.
clean()
{
	assert_only_proxy_traffic "$PROXY_IP" "$PROXY_PORT"
	assert_no_dns_questions
}

# quiet: nothing left at all.
quiet()
{
	assert_no_packets
	assert_no_dns_questions
}
