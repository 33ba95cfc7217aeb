# SPDX-License-Identifier: MIT
# Clients that do not wait in connect, one of each event loop.

CLIENTS=(aiohttp asyncio asio curl evdns event glib mio nio node uv)

# client_is NAME COUNT HOST PORT: sets CLIENT to the command that fetches the page so many times at once, and prints it.
client_is()
{
	local name=$1 built=$T/build/tests/e2e hosts

	shift
	case $name in
	aiohttp) CLIENT=("$PYTHON" "$T/e2e/programs/fetch_aiohttp.py" "$1" "http://$2:$3/") ;;
	asyncio)
		mapfile -t hosts < <(yes "$2" | head -n "$1")
		CLIENT=("$PYTHON" "$T/e2e/programs/fetch_asyncio.py" --port "$3" "${hosts[@]}")
		;;
	asio | event | uv) CLIENT=("$built/fetch_$name" "$@") ;;
	evdns) CLIENT=("$built/fetch_event" "$@" evdns) ;;
	curl) CLIENT=(curl -sS --parallel --parallel-immediate "http://$2:$3/?[1-$1]") ;;
	glib) CLIENT=("$PYTHON" "$T/e2e/programs/fetch_glib.py" "$@") ;;
	mio) CLIENT=("$built/fetch_mio" "$1" "$2:$3") ;;
	nio) CLIENT=(java -XX:+UseSerialGC -cp "$built" Nio "$@") ;;
	node)
		CLIENT=(node -e '
			const [count, host, port] = process.argv.slice(1), http = require("http");
			for (let i = 0; i < count; i++)
				http.get({host, port, agent: false}, r => r.pipe(process.stdout, {end: false}));' "$@")
		;;
	*) echo "no such client: $name" >&2; return 1 ;;
	esac
}
