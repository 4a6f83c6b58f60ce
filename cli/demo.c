/* demo.c - `weir demo`: counts the words of a real text while it kills its own worker. */
#include "cli/cli.h"

static const struct arg_def options[] = {
	{0},
};

static int demo(struct cli *c, const struct args *a)
{
	struct err e = {0};
	(void)a;
	ERR(&e, E_USAGE, "the demo is being built");
	return cli_fail(c, &e);
}

const struct verb verb_demo = {
	.name = "demo",
	.arguments = "[FILE]",
	.summary = "kills its own worker in mid-stream, several times, and compares the counts",
	.help = "",
	.most = 1,
	.options = options,
	.run = demo,
};
