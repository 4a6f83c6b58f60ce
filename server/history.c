/* history.c - see history.h. */
#include "server/history.h"

#include <stdio.h>
#include <string.h>

#define HISTORY_SHOWN 1000     /* of the newest; by feel */
#define HISTORY_BYTES (4u << 20) /* more than checkpoint/history.h lets it grow to */
#define PATH_BYTES 4200

static bool is_json(const char *line, size_t len, struct mem *mem)
{
	struct json_doc *doc = NULL;
	struct err ignored = {0};
	bool is = json_parse(&doc, line, len, mem, NULL, &ignored) == OK;
	json_close(doc);
	return is;
}

/* Where the newest HISTORY_SHOWN lines begin. */
static const char *newest_lines(const char *text, size_t len)
{
	size_t lines = 0;
	for (size_t i = len; i-- > 0;)
		if (text[i] == '\n' && i + 1 < len && ++lines == HISTORY_SHOWN)
			return text + i + 1;
	return text;
}

static void history_write(const char *text, size_t len, struct json_out *o, struct mem *mem)
{
	const char *end = text + len;
	jout_array(o);
	for (const char *at = newest_lines(text, len), *eol; at < end; at = eol + 1) {
		eol = memchr(at, '\n', (size_t)(end - at));
		if (!eol)
			break; /* being written */
		if (is_json(at, (size_t)(eol - at), mem)) /* else a crash has cut it */
			jout_raw(o, at, (size_t)(eol - at));
	}
	jout_array_end(o);
}

/* An absent file is empty. The text is mem's. */
static RC history_read(struct env *env, const char *dir, uint8_t **text, size_t *len,
		       struct err *e)
{
	char path[PATH_BYTES];
	struct err why = {0};
	*text = NULL;
	*len = 0;
	snprintf(path, sizeof path, "%s/history.jsonl", dir);
	enum rc rc = fs_read_all(env->fs, path, HISTORY_BYTES, text, len, &why);
	return rc == OK || rc == E_NOT_FOUND ? OK : ERR(e, rc, "%s", why.text);
}

RC history_find(struct env *env, const char *dir, uint64_t id, struct bytes *to, struct err *e)
{
	char begin[40];
	uint8_t *text;
	size_t len;
	if (history_read(env, dir, &text, &len, e) != OK)
		return e->code;
	size_t n = (size_t)snprintf(begin, sizeof begin, "{\"id\":%llu,", (unsigned long long)id);
	/* From the newest on; what no line feed ends is being written. */
	for (size_t end = len; end && !to->len; end--) {
		size_t from = end - 1;
		while (from && text[from - 1] != '\n')
			from--;
		if (text[end - 1] == '\n' && end - 1 - from > n && !memcmp(text + from, begin, n) &&
		    is_json((const char *)text + from, end - 1 - from, env->mem))
			bytes_put(to, text + from, end - 1 - from);
		end = from + 1;
	}
	mem_put(env->mem, text);
	return bytes_ok(to) ? OK : ERR(e, E_NO_MEMORY, "no memory for a checkpoint's line");
}

RC history_list(struct env *env, const char *dir, struct json_out *o, struct err *e)
{
	uint8_t *text;
	size_t len;
	if (history_read(env, dir, &text, &len, e) != OK)
		return e->code;
	jout_object(o);
	jout_key(o, "checkpoints");
	history_write(text ? (const char *)text : "", len, o, env->mem);
	jout_object_end(o);
	mem_put(env->mem, text);
	return OK;
}
