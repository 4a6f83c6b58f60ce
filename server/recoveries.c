/* recoveries.c - see recoveries.h. */
#include "server/recoveries.h"

#include "base/check.h"

#include <string.h>

/* {"cause": ..., and the members of body. */
static void put_line(const char *body, size_t len, const char *cause, struct bytes *line)
{
	struct json_out o;
	CHECK(len > 2 && body[0] == '{' && body[1] == '"');
	jout_begin(&o, line, false);
	jout_object(&o);
	jout_key(&o, "cause");
	cause && *cause ? jout_string(&o, cause) : jout_null(&o);
	bytes_put_u8(line, ',');
	bytes_put(line, body + 1, len - 1);
}

void recoveries_add(struct recoveries *rs, const char *body, size_t len, const char *cause,
		    struct mem *mem, struct bytes *line)
{
	put_line(body, len, cause, line);
	char *text = bytes_ok(line) ? mem_string(mem, bytes_text(line)) : NULL;
	if (!text)
		return;
	char **at = &rs->text[rs->n++ % RECOVERIES_KEPT];
	mem_put(mem, *at);
	*at = text;
}

void recoveries_write(const struct recoveries *rs, struct json_out *o)
{
	uint64_t from = rs->n < RECOVERIES_KEPT ? 0 : rs->n - RECOVERIES_KEPT;
	jout_object(o);
	jout_key(o, "recoveries");
	jout_array(o);
	for (uint64_t i = from; i < rs->n; i++) {
		const char *text = rs->text[i % RECOVERIES_KEPT];
		jout_raw(o, text, strlen(text));
	}
	jout_array_end(o);
	jout_object_end(o);
}

void recoveries_close(struct recoveries *rs, struct mem *mem)
{
	for (size_t i = 0; i < RECOVERIES_KEPT; i++)
		mem_put(mem, rs->text[i]);
	*rs = (struct recoveries){0};
}
