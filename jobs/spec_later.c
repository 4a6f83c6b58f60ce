/* spec_later.c - keys that are read and checked, and that nothing acts on yet: refused by name,
 * never accepted and ignored. A row goes when its feature stands; with the last row the file goes.
 */
#include "jobs/spec_parts.h"

#include <stdio.h>

struct later {
	const char *block, *key;
	bool (*asks)(const struct spec *s); /* whether the job asks for it */
	const char *value;                  /* which value it is, when others work; NULL: any */
	const char *now;                    /* what works now, for the hint; NULL: nothing */
};

static bool asks_sweep(const struct spec *s)
{
	return s->limits.sweep_bytes;
}

static const struct later later[] = {
	{"limits", "sweep", asks_sweep, NULL, NULL},
	{0},
};

static void refuse(const struct later *l, const struct json *block, struct diags *ds)
{
	struct diag_report dr;
	struct opt_report *r = diag_report(&dr, ds, "%s", l->block);
	char hint[80] = "";
	if (l->now)
		snprintf(hint, sizeof hint, "now: %s", l->now);
	opt_error(r, json_get(block, l->key), hint, "'%s'%s%s comes with a later version", l->key,
		  l->value ? ": " : "", l->value ? l->value : "");
}

void spec_refuse_later(const struct spec *s, const struct json *root, struct diags *ds)
{
	for (const struct later *l = later; l->key; l++) {
		const struct json *block = json_get(root, l->block);
		if (block && json_kind(block) == JSON_OBJECT && json_get(block, l->key) && l->asks(s))
			refuse(l, block, ds);
	}
}
