/* fail.c - how every verb says what went wrong, and the environment that job files read. */
#include "cli/cli.h"

#include <stdlib.h>

int cli_fail(struct cli *c, const struct err *e)
{
	fflush(c->out.to);
	fprintf(c->err.to, "%sweir: %s%s\n", paint_on(&c->err, PAINT_RED), e->text, paint_off(&c->err));
	return err_exit_code(e->code);
}

const char *cli_env(void *arg, const char *name)
{
	(void)arg;
	return getenv(name);
}
