/* test_secret_file.c - a file with a secret is read only where nobody else gets at it. */
#include "base/secret_file.h"

#include "base/check.h"
#include "tests/lib/test.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct place {
	struct mem mem;
	char dir[64], path[96];
};

static void place_open(struct place *p)
{
	mem_init(&p->mem, 0);
	snprintf(p->dir, sizeof p->dir, "/tmp/weir-secret-XXXXXX");
	EXPECT(mkdtemp(p->dir) != NULL);
	snprintf(p->path, sizeof p->path, "%s/secret", p->dir);
}

static void place_close(struct place *p)
{
	unlink(p->path);
	EXPECT(rmdir(p->dir) == 0);
	assert_int_equal(p->mem.used_bytes, 0);
}

static void write_file(const struct place *p, const char *text, mode_t mode)
{
	int fd = open(p->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	EXPECT(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	EXPECT(fchmod(fd, mode) == 0);
	close(fd);
}

static enum rc read_it(struct place *p, size_t max, char *to, size_t size, struct err *e)
{
	struct bytes b;
	bytes_init(&b, &p->mem);
	err_clear(e);
	enum rc rc = secret_file_read(&b, p->path, "token file", max, e);
	snprintf(to, size, "%s", bytes_text(&b));
	bytes_close(&b);
	return rc;
}

TEST(one_that_others_may_touch_is_refused_with_the_cure)
{
	static const struct { mode_t mode; bool fine; } t[] = {
		{0600, true}, {0400, true}, {0700, true}, {0640, false}, {0604, false}, {0660, false},
		{0620, false}, {0602, false}, {0610, false}, {0601, false}, {0644, false}, {0666, false},
	};
	struct place p;
	struct err e = {0};
	char got[64], mode[32], cure[160];
	place_open(&p);
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		write_file(&p, "swordfish", t[i].mode);
		enum rc rc = read_it(&p, 100, got, sizeof got, &e);
		assert_int_equal(rc, t[i].fine ? OK : E_INVALID);
		assert_string_equal(got, t[i].fine ? "swordfish" : "");
		snprintf(mode, sizeof mode, "mode %04o", (unsigned)t[i].mode);
		snprintf(cure, sizeof cure, "chmod 600 %s", p.path);
		EXPECT(t[i].fine || (strstr(e.text, mode) && strstr(e.text, cure)));
		EXPECT(!strstr(e.text, "swordfish"));
	}
	place_close(&p);
}

TEST(what_is_no_regular_file_is_refused_and_holds_nobody)
{
	struct place p;
	struct err e = {0};
	char got[64];
	place_open(&p);
	assert_int_equal(read_it(&p, 100, got, sizeof got, &e), E_NOT_FOUND);
	EXPECT(mkfifo(p.path, 0600) == 0);
	assert_int_equal(read_it(&p, 100, got, sizeof got, &e), E_INVALID);
	EXPECT(strstr(e.text, "no regular file"));
	unlink(p.path);
	EXPECT(symlink("/dev/null", p.path) == 0);
	assert_int_equal(read_it(&p, 100, got, sizeof got, &e), E_INVALID);
	unlink(p.path);
	EXPECT(symlink(p.dir, p.path) == 0);
	assert_int_equal(read_it(&p, 100, got, sizeof got, &e), E_INVALID);
	place_close(&p);
}

TEST(one_that_is_too_long_is_refused_and_one_that_just_fits_is_whole)
{
	struct place p;
	struct err e = {0};
	char got[64];
	place_open(&p);
	write_file(&p, "0123456789", 0600);
	assert_int_equal(read_it(&p, 10, got, sizeof got, &e), OK);
	assert_string_equal(got, "0123456789");
	assert_int_equal(read_it(&p, 9, got, sizeof got, &e), E_INVALID);
	assert_string_equal(got, "");
	place_close(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(one_that_others_may_touch_is_refused_with_the_cure),
		T(what_is_no_regular_file_is_refused_and_holds_nobody),
		T(one_that_is_too_long_is_refused_and_one_that_just_fits_is_whole),
	};
	return RUN(tests);
}
