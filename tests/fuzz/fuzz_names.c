/* SPDX-License-Identifier: MIT */
/*
 * The names table against a model, and with damage: the input is a list of operations, some of
 * which write anything anywhere into the table. Until the first of those, every answer must be the
 * model's; after it, readers must stay in bounds (AddressSanitizer watches the mapping's ends) and
 * come back.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "bytes.h"
#include "names.h"

#define MODEL 512

static struct {
	char name[MODEL][NAME_MAX_LEN + 1];
	int index[MODEL];
	size_t count;
	bool damaged;
} model;

static struct names *t;

#define CHECK(x)                                                                                   \
	do {                                                                                       \
		if (!(x))                                                                          \
			abort();                                                                   \
	} while (0)

/* What the table must make of a name: lower case, without its dot. */
static size_t normal(char out[NAME_MAX_LEN + 1], const char *name, size_t len)
{
	if (len && name[len - 1] == '.')
		len--;
	if (!names_valid(name, len))
		return 0;
	for (size_t i = 0; i < len; i++)
		out[i] = (char)(name[i] >= 'A' && name[i] <= 'Z' ? name[i] + 32 : name[i]);
	out[len] = '\0';
	return len;
}

static int known(const char *name)
{
	for (size_t i = 0; i < model.count; i++)
		if (!strcmp(model.name[i], name))
			return model.index[i];
	return -ENOENT;
}

static void add(const char *name, size_t len, uint32_t now)
{
	char norm[NAME_MAX_LEN + 1], out[NAME_MAX_LEN + 1];
	size_t n = normal(norm, name, len);
	int index = names_add(t, name, len, now, NULL, NULL);

	if (!n) {
		CHECK(index == -EINVAL);
		return;
	}
	CHECK(index == -ENOSPC || (index >= 0 && index < (int)NAMES_SLOTS));
	if (model.damaged || model.count == MODEL)
		return;
	CHECK(index >= 0 && names_get(t, (uint32_t)index, out) == (int)n && !strcmp(out, norm));
	if (known(norm) == -ENOENT) {
		memcpy(model.name[model.count], norm, sizeof(norm));
		model.index[model.count++] = index;
	}
	CHECK(known(norm) == index && names_count(t) == model.count);
}

static void find(const char *name, size_t len)
{
	char norm[NAME_MAX_LEN + 1], out[NAME_MAX_LEN + 1];
	size_t n = normal(norm, name, len);
	int index = names_find(t, name, len);

	CHECK(index == -ENOENT || (n && index >= 0 && index < (int)NAMES_SLOTS));
	if (!model.damaged && model.count < MODEL)
		CHECK(index == (n ? known(norm) : -ENOENT));
	if (index >= 0) /* even in damaged memory a name found is the name asked for */
		CHECK(names_get(t, (uint32_t)index, out) == (int)n && !strcmp(out, norm));
}

static void get(uint32_t index)
{
	char out[NAME_MAX_LEN + 1];
	int len = names_get(t, index, out);

	CHECK(len == -ENOENT || (len > 0 && len <= NAME_MAX_LEN && out[len] == '\0'));
	if (!model.damaged && model.count < MODEL)
		CHECK((len > 0) == (index < model.count));
}

static void damage(uint32_t where, const uint8_t *data, size_t len)
{
	size_t at = where % (names_size() - len);

	/* Mostly in the header, the first buckets and the first slots, which are in use. */
	if (where & 1)
		at = where % 4096;
	else if (where & 2)
		at = names_size() - (size_t)NAMES_SLOTS * 272 + where % 8192;
	memcpy((char *)t + at, data, len);
	model.damaged = true;
}

static void addresses(struct bytes_in *in)
{
	struct addr a = {0}, b;
	struct net n = {0};
	const uint8_t *ip = bytes_get(in, 16);
	uint32_t index = bytes_get_u32(in), turn = bytes_get_u32(in);

	n.bits = bytes_get_u8(in) % 129;
	if (!ip)
		return;
	memcpy(n.base.ip, ip, 16);
	for (unsigned int i = n.bits; i < 128; i++)
		n.base.ip[i / 8] &= (uint8_t) ~(128 >> i % 8);
	if (names_addr(&n, turn, index, &a)) {
		CHECK(names_index(&n, turn, &a) == (int)index);
		for (unsigned int i = 0; i < n.bits; i++)
			CHECK(!((a.ip[i / 8] ^ n.base.ip[i / 8]) & 128 >> i % 8));
	}
	memcpy(b.ip, ip, 16);
	if (names_index(&n, turn, &b) >= 0)
		CHECK(names_addr(&n, turn, (uint32_t)names_index(&n, turn, &b), &a) &&
		      !memcmp(a.ip, b.ip, 16));
}

static void fresh_table(void)
{
	if (t)
		madvise(t, names_size(), MADV_DONTNEED);
	else
		t = mmap(NULL, names_size(), PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	CHECK((void *)t != MAP_FAILED);
	model.count = 0;
	model.damaged = false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes_in in = bytes_in_init(data, size);

	fresh_table();
	while (!in.underflow && bytes_left(&in)) {
		uint8_t what = bytes_get_u8(&in), len;
		uint32_t number;
		const uint8_t *text;

		if (what % 8 == 7) {
			addresses(&in);
			continue;
		}
		number = what % 8 >= 5 ? bytes_get_u32(&in) : what;
		len = what % 8 == 5 ? 0 : bytes_get_u8(&in);
		text = bytes_get(&in, len);
		if (!text && len)
			break;
		if (what % 8 < 3)
			add((const char *)text, len, number);
		else if (what % 8 < 5)
			find((const char *)text, len);
		else if (what % 8 == 5)
			get(what & 8 ? number : number % MODEL);
		else if (len)
			damage(number, text, len);
	}
	return 0;
}
