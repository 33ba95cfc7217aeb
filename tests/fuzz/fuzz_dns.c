/* SPDX-License-Identifier: MIT */
/*
 * DNS messages: a question that was read is written and read again the same; every answer reads as
 * an answer, stays in its room, and never grows when the room shrinks.
 */
#include <stdlib.h>
#include <string.h>

#include "dns.h"

#define CHECK(x)                                                                                   \
	do {                                                                                       \
		if (!(x))                                                                          \
			abort();                                                                   \
	} while (0)

static void check_name(const struct dns_question *q)
{
	struct dns_question made;

	CHECK(q->wire_len <= DNS_WIRE && strlen(q->name) == q->name_len);
	if (!q->name_len)
		return;
	CHECK(q->wire_len == q->name_len + 2);
	CHECK(dns_question(&made, q->id, q->name, q->name_len, q->type, q->class));
	CHECK(made.wire_len == q->wire_len && !memcmp(made.wire, q->wire, q->wire_len));
}

static void check_again(const struct dns_question *q)
{
	struct dns_question again;
	uint8_t out[DNS_LEAST];
	size_t len = dns_ask(q, out, sizeof(out));

	CHECK(len >= 17 && dns_parse(&again, out, len));
	CHECK(again.rcode == DNS_NOERROR && again.flags == q->flags && again.type == q->type);
	CHECK(again.wire_len == q->wire_len && !memcmp(again.wire, q->wire, q->wire_len));
	CHECK(!again.udp_size == !q->udp_size);
}

static void check_answer(const struct dns_question *q, const uint8_t *out, size_t len, size_t size)
{
	struct dns_question none;

	CHECK(len <= size && (!len || len >= 12));
	CHECK(len || size < DNS_LEAST);
	if (!len)
		return;
	CHECK((out[0] << 8 | out[1]) == q->id && out[2] & 0x80);
	CHECK(!dns_parse(&none, out, len));
	/* the question stands in it as it came */
	CHECK(out[5] == (q->wire_len > 0));
	CHECK(!q->wire_len || !memcmp(out + 12, q->wire, q->wire_len));
}

/* Input: room for the answer, how many addresses, the message. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t ip4[4] = {198, 18}, ip6[16] = {0xfd};
	struct addr list[32], a;
	struct dns_question q;
	uint8_t out[DNS_MESSAGE];
	size_t room, count, len;

	if (size < 3)
		return 0;
	room = (size_t)(data[0] << 8 | data[1]) % (sizeof(out) + 1);
	count = data[2] % 33;
	for (size_t i = 0; i < count; i++)
		list[i] = i % 3 ? addr_v4(ip4, 0) : addr_v6(ip6, 0);
	if (!dns_parse(&q, data + 3, size - 3))
		return 0;
	check_name(&q);
	if (!q.rcode)
		check_again(&q);
	CHECK(dns_room(&q) >= DNS_DATAGRAM && dns_room(&q) <= DNS_MESSAGE);
	len = dns_answer(&q, q.rcode, list, count, 60, out, room);
	check_answer(&q, out, len, room);
	len = dns_answer(&q, DNS_NXDOMAIN, list, count, 60, out, room);
	check_answer(&q, out, len, room);
	len = dns_answer_name(&q, q.name, 60, out, room);
	check_answer(&q, out, len, room);
	if (dns_reverse(&q, &a))
		CHECK(q.name_len > 8);
	return 0;
}
