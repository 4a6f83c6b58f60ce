/* spec_blocks.c - what the readers of the blocks checkpoint, restart and limits share. Apart from
 * the job itself because a server's defaults are made of the same blocks (config.c). */
#include "jobs/spec_parts.h"

#include <stdio.h>

const struct json *spec_block(const struct json *root, const char *name,
			      const struct opt_def *defs, const struct opt_alias *names,
			      struct diags *ds)
{
	const struct json *v = json_get(root, name);
	if (!v || json_kind(v) != JSON_OBJECT)
		return NULL;
	struct diag_report r;
	opt_check(defs, v, NULL, names, diag_report(&r, ds, "%s", name));
	return v;
}

unsigned spec_clamped(int64_t v, int64_t min, int64_t max)
{
	return (unsigned)(v < min ? min : v > max ? max : v);
}

bool spec_is_inherited(const struct json *v)
{
	return v && json_text_of(v)->is_file;
}

const char *spec_place_of(const struct json *v, char *to, size_t size)
{
	struct json_at at = json_where(v);
	snprintf(to, size, "%s:%u:%u", json_text_of(v)->name, at.line, at.column);
	return to;
}

void spec_read_blocks(struct spec *s, const struct json *root, struct diags *ds)
{
	spec_read_checkpoint(s, root, ds);
	spec_read_restart(s, root, ds);
	spec_read_limits(s, root, ds);
}
