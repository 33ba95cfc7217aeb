#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Chromium, whose processes are forked by another, wear seccomp filters of their own, and hand each other descriptors.

load lib/common

# shellcheck disable=SC2120 # in its own sandbox it has none
# page [ARGUMENT…]: a page by a name that only the proxy knows
page()
{
	run --separate-stderr shim -q chromium-headless-shell "$@" --dump-dom http://web.far.test/
	expect_status 0
	expect_match "$output" "$WEB_BODY"
	[[ "$stderr" != *CRASHING* ]] || fail 'a process of it crashed'
}

@test "a page by name, without its sandbox" {
	both page --no-sandbox
	clean
}

@test "a page by name, in its own sandbox" {
	AS=user page
	clean
}

@test "a page by name through the supervisor alone: the library is not loaded" {
	# shellcheck disable=SC2120
	check()
	{
		run --separate-stderr shim -v busybox env -u LD_PRELOAD chromium-headless-shell "$@" \
			--dump-dom http://web.far.test/
		expect_status 0
		expect_match "$output" "$WEB_BODY"
		expect_match "$stderr" 'web.far.test:80 through .*, through the supervisor'
		[[ "$stderr" != *CRASHING* ]] || fail 'a process of it crashed'
	}
	both check --no-sandbox
	AS=user check
	clean
}
