// SPDX-License-Identifier: MIT
// fetch_asio COUNT HOST PORT: so many pages at once with Asio, which puts a socket into its epoll, edge-triggered, before
// it connects it.
#include <asio.hpp>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <string>

using asio::ip::tcp;

static bool failed;

struct page : std::enable_shared_from_this<page> {
	tcp::resolver resolver;
	tcp::socket socket;
	std::string in, out = "GET / HTTP/1.0\r\n\r\n";

	explicit page(asio::io_context &io) : resolver(io), socket(io) {}

	bool good(const char *what, const asio::error_code &error)
	{
		if (!error)
			return true;
		std::cerr << what << ": " << error.message() << std::endl;
		failed = true;
		return false;
	}

	void get(const char *host, const char *port)
	{
		auto self = shared_from_this();

		resolver.async_resolve(host, port, [this, self](auto error, auto found) {
			if (good("resolve", error))
				asio::async_connect(socket, found, [this, self](auto e, auto) { ask(e); });
		});
	}

	void ask(const asio::error_code &error)
	{
		auto self = shared_from_this();

		if (!good("connect", error))
			return;
		asio::async_write(socket, asio::buffer(out), [this, self](auto e, auto) {
			if (good("write", e))
				asio::async_read(socket, asio::dynamic_buffer(in), [this, self](auto end, auto) {
					if (end == asio::error::eof || good("read", end))
						std::cout << in;
				});
		});
	}
};

int main(int argc, char **argv)
{
	asio::io_context io;

	if (argc != 4)
		return 2;
	for (int i = std::atoi(argv[1]); i > 0; i--)
		std::make_shared<page>(io)->get(argv[2], argv[3]);
	io.run();
	return failed;
}
