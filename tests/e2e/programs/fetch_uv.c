/* SPDX-License-Identifier: MIT */
// fetch_uv COUNT HOST PORT: so many pages at once with libuv: uv_getaddrinfo in its threads,
// uv_tcp_connect.
// ld: -luv
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

struct page {
	uv_tcp_t tcp;
	uv_getaddrinfo_t name;
	uv_connect_t connect;
	uv_write_t write;
	char room[4096];
};

static int failed;

static void give_up(const char *what, int error)
{
	fprintf(stderr, "%s: %s\n", what, uv_strerror(error));
	failed = 1;
}

static void on_room(uv_handle_t *h, size_t wish, uv_buf_t *buf)
{
	struct page *p = h->data;

	(void)wish;
	*buf = uv_buf_init(p->room, sizeof(p->room));
}

static void on_read(uv_stream_t *s, ssize_t n, const uv_buf_t *buf)
{
	if (n > 0)
		fwrite(buf->base, 1, (size_t)n, stdout);
	if (n < 0 && n != UV_EOF)
		give_up("read", (int)n);
	if (n < 0)
		uv_close((uv_handle_t *)s, NULL);
}

static void on_connect(uv_connect_t *c, int error)
{
	struct page *p = c->data;
	uv_buf_t ask = uv_buf_init((char[]){"GET / HTTP/1.0\r\n\r\n"}, 18);

	if (error) {
		give_up("connect", error);
		uv_close((uv_handle_t *)&p->tcp, NULL);
		return;
	}
	uv_write(&p->write, (uv_stream_t *)&p->tcp, &ask, 1, NULL);
	uv_read_start((uv_stream_t *)&p->tcp, on_room, on_read);
}

static void on_name(uv_getaddrinfo_t *name, int error, struct addrinfo *found)
{
	struct page *p = name->data;

	if (!error)
		error = uv_tcp_connect(&p->connect, &p->tcp, found->ai_addr, on_connect);
	if (error) {
		give_up("name", error);
		uv_close((uv_handle_t *)&p->tcp, NULL);
	}
	uv_freeaddrinfo(found);
}

int main(int argc, char **argv)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
	uv_loop_t *loop = uv_default_loop();
	int count = argc == 4 ? atoi(argv[1]) : 0;
	struct page *pages = calloc((size_t)count + 1, sizeof(*pages));

	for (struct page *p = pages; p && p < pages + count; p++) {
		p->tcp.data = p->name.data = p->connect.data = p;
		uv_tcp_init(loop, &p->tcp);
		uv_getaddrinfo(loop, &p->name, on_name, argv[2], argv[3], &hints);
	}
	uv_run(loop, UV_RUN_DEFAULT);
	free(pages);
	return failed;
}
