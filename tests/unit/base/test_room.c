/* test_room.c - arrays that grow: what stood there stands there, what is new is zero, and the
 * budget knows. */
#include "base/check.h"
#include "base/room.h"
#include "tests/lib/test.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

#define MEGA ((size_t)1 << 20)

/* Byte i of a room is what nobody else would write there. */
static uint8_t sign(size_t i)
{
	return (uint8_t)(i * 2654435761u >> 24 | 1);
}

static void keeps_what_it_had(bool huge)
{
	struct mem m;
	struct room r;
	size_t written = 0;
	mem_init(&m, 0);
	room_init(&r, &m, huge);
	for (size_t bytes = 100; bytes < 80 * MEGA; bytes += bytes / 2 + 61) {
		EXPECT(room_grow(&r, bytes) && r.bytes >= bytes && (uintptr_t)r.at % 64 == 0);
		EXPECT(atomic_load(&m.used_bytes) >= r.bytes);
		EXPECT(room_grow(&r, bytes / 2) && r.bytes >= bytes); /* never less */
		for (size_t i = 0; i < bytes; i += bytes < MEGA ? 1 : 4093)
			EXPECT(r.at[i] == (i < written ? sign(i) : 0));
		for (size_t i = 0; i < bytes; i++)
			r.at[i] = sign(i);
		written = bytes;
	}
	room_close(&r);
	EXPECT(r.at == NULL && atomic_load(&m.used_bytes) == 0);
	EXPECT(room_grow(&r, 3 * MEGA) && r.at[3 * MEGA - 1] == 0); /* it can be used again */
	room_close(&r);
	room_close(&r);
	EXPECT(atomic_load(&m.used_bytes) == 0);
}

TEST(whatever_its_size_a_room_keeps_what_it_had_and_the_rest_is_zero)
{
	keeps_what_it_had(false);
	keeps_what_it_had(true);
}

TEST(a_large_room_stays_where_it_is_until_its_addresses_are_used_up)
{
	struct mem m;
	struct room r;
	mem_init(&m, 0);
	room_init(&r, &m, true);
	EXPECT(room_grow(&r, 2 * MEGA) && r.reserved >= r.bytes);
	uint8_t *at = r.at;
	size_t reserved = r.reserved;
	memset(r.at, 7, 2 * MEGA);
	for (size_t bytes = 2 * MEGA; bytes < reserved; bytes += bytes / 2)
		EXPECT(room_grow(&r, bytes) && r.at == at);
	size_t had = r.bytes;
	EXPECT(room_grow(&r, reserved + 1) && r.reserved > reserved);
	EXPECT(atomic_load(&m.peak_bytes) < had + reserved); /* it was moved, not copied */
	EXPECT(r.at[0] == 7 && r.at[2 * MEGA - 1] == 7 && r.at[2 * MEGA] == 0);
	EXPECT(r.at[reserved] == 0);
	room_close(&r);
}

TEST(inv31_inv35_a_refused_room_is_as_it_was)
{
	struct mem m;
	struct room r;
	mem_init(&m, 10 * MEGA);
	room_init(&r, &m, true);
	const size_t sizes[] = {1000, MEGA / 2, 3 * MEGA, 6 * MEGA};
	for (size_t s = 0; s < ARRAY_LEN(sizes); s++) {
		m.fail_at = atomic_load(&m.calls) + 1;
		uint8_t *at = r.at;
		size_t bytes = r.bytes, used = atomic_load(&m.used_bytes);
		EXPECT(!room_grow(&r, sizes[s]) && r.at == at && r.bytes == bytes);
		EXPECT(atomic_load(&m.used_bytes) == used);
		EXPECT(room_grow(&r, sizes[s]));
		r.at[sizes[s] - 1] = 9;
	}
	EXPECT(!room_grow(&r, 11 * MEGA) && r.at[6 * MEGA - 1] == 9 && r.at[999] == 9);
	room_close(&r);
	EXPECT(atomic_load(&m.used_bytes) == 0);
}

/* Whether all of it is one mapping: else Linux before 6.17 does not move it. */
static bool is_one_mapping(const struct room *r)
{
	char line[512];
	FILE *f = fopen("/proc/self/maps", "re");
	bool one = false;
	while (f && fgets(line, sizeof line, f)) {
		unsigned long from, to;
		if (sscanf(line, "%lx-%lx", &from, &to) == 2)
			one |= from <= (uintptr_t)r->at && to >= (uintptr_t)r->at + r->bytes;
	}
	EXPECT(f && !fclose(f));
	return one;
}

TEST(whatever_its_size_a_large_room_is_one_mapping_so_that_it_can_be_moved)
{
	struct mem m;
	struct room r;
	mem_init(&m, 0);
	for (int huge = 0; huge < 2; huge++) {
		room_init(&r, &m, huge);
		for (size_t bytes = MEGA; bytes < 2000 * MEGA; bytes += bytes / 2) {
			EXPECT(room_grow(&r, bytes) && is_one_mapping(&r));
			EXPECT(r.bytes % (64 << 10) == 0); /* the largest pages a kernel may have */
			r.at[0] = r.at[bytes - 1] = 1;
		}
		room_close(&r);
	}
}

/* How much this process has of what `limit` is of, in bytes: all addresses, or data. */
static rlim_t has_of(int limit)
{
	unsigned long all, data;
	FILE *f = fopen("/proc/self/statm", "re");
	EXPECT(f && fscanf(f, "%lu %*u %*u %*u %*u %lu", &all, &data) == 2 && !fclose(f));
	return (limit == RLIMIT_AS ? all : data) * (rlim_t)4096;
}

TEST(a_room_leaves_others_what_a_limit_of_the_system_allows)
{
	const int limit[] = {RLIMIT_AS, RLIMIT_DATA};
	const size_t other_bytes = 1536 * MEGA;
	for (size_t i = 0; i < ARRAY_LEN(limit); i++) {
		struct mem m;
		struct room r;
		struct rlimit was, now;
		mem_init(&m, 0);
		room_init(&r, &m, true);
		EXPECT(getrlimit(limit[i], &was) == 0);
		now = (struct rlimit){has_of(limit[i]) + 2048 * MEGA, was.rlim_max};
		EXPECT(setrlimit(limit[i], &now) == 0);
		for (size_t bytes = MEGA; bytes <= 64 * MEGA; bytes *= 2)
			EXPECT(room_grow(&r, bytes));
		r.at[64 * MEGA - 1] = 1;
		void *other = mmap(NULL, other_bytes, PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		EXPECT(setrlimit(limit[i], &was) == 0);
		EXPECT(other != MAP_FAILED && munmap(other, other_bytes) == 0);
		room_close(&r);
	}
}

TEST(pages_that_do_not_move_are_copied)
{
	struct mem m;
	struct room r;
	struct rlimit was, now = {(rlim_t)1 << 60, RLIM_INFINITY};
	mem_init(&m, 0);
	EXPECT(getrlimit(RLIMIT_AS, &was) == 0);
	now.rlim_max = was.rlim_max;
	if (setrlimit(RLIMIT_AS, &now)) {
		print_message("addresses are limited already\n");
		return;
	}
	for (int huge = 0; huge < 2; huge++) {
		room_init(&r, &m, huge);
		EXPECT(room_grow(&r, 4 * MEGA));
		memset(r.at, 7, 4 * MEGA);
		EXPECT(madvise(r.at + MEGA, 4096, MADV_DONTFORK) == 0 && !is_one_mapping(&r));
		EXPECT(room_grow(&r, 9 * MEGA) && is_one_mapping(&r));
		EXPECT(r.at[0] == 7 && r.at[4 * MEGA - 1] == 7 && r.at[4 * MEGA] == 0);
		r.at[9 * MEGA - 1] = 1;
		room_close(&r);
	}
	EXPECT(setrlimit(RLIMIT_AS, &was) == 0 && atomic_load(&m.used_bytes) == 0);
}

TEST(inv34_a_size_that_no_system_has_is_refused)
{
	struct mem m;
	struct room r;
	mem_init(&m, 0);
	for (int huge = 0; huge < 2; huge++)
		for (unsigned bit = 47; bit < 64; bit++) {
			room_init(&r, &m, huge);
			EXPECT(!room_grow(&r, (size_t)1 << bit) && !r.at);
			EXPECT(!room_grow(&r, SIZE_MAX - bit) && atomic_load(&m.used_bytes) == 0);
		}
}

TEST(touching_ahead_changes_nothing)
{
	struct mem m;
	struct room r;
	mem_init(&m, 0);
	room_init(&r, &m, true);
	EXPECT(room_grow(&r, 8 * MEGA));
	r.at[4 * MEGA] = 5;
	if (!room_touch(r.at, 8 * MEGA))
		print_message("nothing is touched ahead here\n");
	EXPECT(r.at[4 * MEGA] == 5 && r.at[0] == 0 && r.at[8 * MEGA - 1] == 0);
	room_close(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(whatever_its_size_a_room_keeps_what_it_had_and_the_rest_is_zero),
		T(a_large_room_stays_where_it_is_until_its_addresses_are_used_up),
		T(inv31_inv35_a_refused_room_is_as_it_was),
		T(whatever_its_size_a_large_room_is_one_mapping_so_that_it_can_be_moved),
		T(a_room_leaves_others_what_a_limit_of_the_system_allows),
		T(pages_that_do_not_move_are_copied),
		T(inv34_a_size_that_no_system_has_is_refused),
		T(touching_ahead_changes_nothing),
	};
	return RUN(tests);
}
