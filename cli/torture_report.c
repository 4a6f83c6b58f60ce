/* torture_report.c - what the report of an undisturbed run says to torture. See torture.h. */
#include "cli/torture.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#define REPORT_MAX (64u << 20) /* bytes; by feel */

static RC report_open(struct torture *t, const char *path, struct json_doc **doc, struct err *e)
{
	struct json_at at;
	uint8_t *text = NULL;
	size_t len;
	*doc = NULL;
	enum rc rc = fs_read_all(t->cli->env->fs, path, REPORT_MAX, &text, &len, e);
	if (rc == OK)
		rc = json_parse(doc, (const char *)text, len, t->cli->env->mem, &at, e);
	mem_put(t->cli->env->mem, text);
	return rc;
}

/* The next member of report[list] from *i on whose id is `id`, or NULL. */
static const struct json *next_of(const struct json_doc *doc, const char *list, const char *id,
				  size_t *i)
{
	const struct json *all = json_get(json_root(doc), list);
	while (all && *i < json_count(all)) {
		const struct json *v = json_item(all, (*i)++);
		if (!strcmp(json_string(json_get(v, "id"), NULL), id))
			return v;
	}
	return NULL;
}

RC torture_set(struct torture *t, struct err *e, const char *fmt, ...)
{
	char text[200];
	va_list args;
	va_start(args, fmt);
	vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	if (t->n_sets == ARGS_MAX || t->n_own == SPEC_STAGES_MAX + 1)
		return ERR(e, E_USAGE, "too many --set");
	char *own = mem_string(t->cli->env->mem, text);
	if (!own)
		return ERR(e, E_NO_MEMORY, "no memory for a setting");
	t->own[t->n_own++] = own;
	t->sets[t->n_sets++] = own;
	return OK;
}

RC torture_report_rates(struct torture *t, const char *path, uint64_t want_us, struct err *e)
{
	const struct plan *p = t->text.plan;
	struct json_doc *doc;
	enum rc rc = report_open(t, path, &doc, e);
	for (uint32_t s = 0; rc == OK && s < p->n_stages; s++) {
		const struct plan_stage *st = &p->stage[s];
		uint64_t rows = 0;
		size_t i = 0;
		if (st->ops->role != OP_SOURCE || opt_has(st->spec->json, "rate"))
			continue;
		for (const struct json *v; (v = next_of(doc, "operators", st->spec->id, &i));)
			rows += (uint64_t)json_int(json_get(v, "records_out"));
		if (!rows)
			continue;
		t->rates++;
		rc = torture_set(t, e, "pipeline.%s.rate=%.3f", st->spec->id,
				 (double)rows * 1e6 / (double)want_us);
	}
	json_close(doc);
	return rc;
}

RC torture_report_checksum(struct torture *t, const char *path, const char *sink,
			   char to[TORTURE_CHECKSUM], struct err *e)
{
	struct json_doc *doc;
	size_t i = 0;
	to[0] = '\0';
	enum rc rc = report_open(t, path, &doc, e);
	const struct json *v = rc == OK ? next_of(doc, "sinks", sink, &i) : NULL;
	if (v)
		snprintf(to, TORTURE_CHECKSUM, "%s", json_string(json_get(v, "checksum"), NULL));
	json_close(doc);
	return rc;
}
