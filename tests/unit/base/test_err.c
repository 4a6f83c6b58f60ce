/* test_err.c - the first error wins, its text grows on the way out and is never torn. */
#include "base/err.h"
#include "tests/lib/test.h"

#include <errno.h>

TEST(the_first_error_wins)
{
	struct err e = {OK};
	EXPECT(ERR(&e, E_CORRUPT, "footer says %d", 7) == E_CORRUPT);
	EXPECT(ERR(&e, E_IO, "later") == E_IO); /* the caller's code, the first one's text */
	EXPECT(e.code == E_CORRUPT && !strcmp(e.text, "footer says 7"));
	EXPECT(ERR(NULL, E_IO, "nobody listens") == E_IO);
	err_clear(&e);
	EXPECT(e.code == OK && !e.text[0]);
	EXPECT(ERR(&e, E_IO, "again") == E_IO && !strcmp(e.text, "again"));
}

TEST(context_stands_before_what_it_explains)
{
	struct err e = {OK};
	(void)ERR(&e, E_UNREACHABLE, "refused");
	EXPECT(err_in(&e, "broker %s", "b1:9092") == E_UNREACHABLE);
	EXPECT(err_in(&e, "source 'orders'[%d]", 2) == E_UNREACHABLE);
	EXPECT(!strcmp(e.text, "source 'orders'[2]: broker b1:9092: refused"));
}

TEST(a_text_that_is_too_long_is_cut_at_its_end)
{
	struct err e = {OK};
	char big[3000];
	memset(big, 'x', sizeof big);
	big[sizeof big - 1] = '\0';
	(void)ERR(&e, E_IO, "%s", big);
	EXPECT(strlen(e.text) == ERR_TEXT_MAX - 1);
	EXPECT(err_in(&e, "context") == E_IO);
	EXPECT(strlen(e.text) == ERR_TEXT_MAX - 1 && !strncmp(e.text, "context: xxx", 12));
	EXPECT(err_in(&e, "%s", big) == E_IO); /* no room for both: what went wrong stays */
	EXPECT(!strncmp(e.text, "context: xxx", 12));
	err_clear(&e);
	EXPECT(err_errno(&e, ENOSPC, "write '%s'", big) == E_NO_SPACE);
	EXPECT(strstr(e.text, "No space left on device"));
}

TEST(errno_becomes_a_code_that_somebody_can_act_on)
{
	static const struct {
		int errnum;
		enum rc code;
	} cases[] = {{ENOSPC, E_NO_SPACE},     {EDQUOT, E_NO_SPACE},   {EMFILE, E_LIMIT},
		     {ENFILE, E_LIMIT},        {ENOMEM, E_NO_MEMORY},  {EACCES, E_PERMISSION},
		     {EPERM, E_PERMISSION},    {EROFS, E_PERMISSION},  {ENOENT, E_NOT_FOUND},
		     {EEXIST, E_EXISTS},       {EIO, E_IO},            {EINVAL, E_IO}};
	for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++)
		EXPECT(err_errno(NULL, cases[i].errnum, "x") == cases[i].code);
}

TEST(each_code_has_a_name_a_class_an_exit_code_and_words)
{
	static const enum rc codes[] = {
#define X(code, class, exit, says) code,
		ERR_CODES(X)
#undef X
	};
	for (unsigned i = 0; i < sizeof codes / sizeof codes[0]; i++) {
		enum rc rc = codes[i];
		EXPECT(err_name(rc)[0] && err_says(rc)[0]);
		EXPECT((err_class_of(rc) == CLASS_NONE) == (rc == OK));
		EXPECT(err_exit_code(rc) >= 0 && err_exit_code(rc) <= 6);
	}
	EXPECT(!strcmp(err_name(E_CORRUPT), "E_CORRUPT") && err_exit_code(E_CORRUPT) == 6);
	EXPECT(err_class_of(E_NO_SPACE) == CLASS_RESOURCE && err_exit_code(E_FENCED) == 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(the_first_error_wins),
		T(context_stands_before_what_it_explains),
		T(a_text_that_is_too_long_is_cut_at_its_end),
		T(errno_becomes_a_code_that_somebody_can_act_on),
		T(each_code_has_a_name_a_class_an_exit_code_and_words),
	};
	return RUN(tests);
}
