/* job_view.c - see job_view.h. */
#include "cli/job_view.h"

#include "cli/paint.h"

static const char *text_of(const struct json *object, const char *key)
{
	size_t len;
	const struct json *v = json_get(object, key);
	return v && json_kind(v) == JSON_STRING ? json_string(v, &len) : "";
}

static int64_t number_of(const struct json *object, const char *key, int64_t absent)
{
	const struct json *v = json_get(object, key);
	return v && json_kind(v) == JSON_INT ? json_int(v) : absent;
}

/* Histories say `total_us`, reports and events `total_ms`. */
static int64_t duration_of(const struct json *object)
{
	const struct json *ms = json_get(object, "total_ms");
	bool number = ms && (json_kind(ms) == JSON_REAL || json_kind(ms) == JSON_INT);
	if (!number || !(json_real(ms) >= 0 && json_real(ms) < 1e15))
		return number_of(object, "total_us", 0);
	return (int64_t)(json_real(ms) * 1e3);
}

static uint64_t count(int64_t n)
{
	return n > 0 ? (uint64_t)n : 0;
}

RC job_view_read(struct job_view *v, const struct json *job, struct err *e)
{
	*v = (struct job_view){.name = "", .state = ""};
	if (!job || json_kind(job) != JSON_OBJECT)
		return ERR(e, E_INVALID, "the server's answer is no job");
	const struct json *facts = json_get(job, "facts");
	*v = (struct job_view){
		.name = text_of(job, "name"),
		.state = text_of(job, "state"),
		.file = text_of(job, "file"),
		.dir = text_of(job, "dir"),
		.log = text_of(job, "log"),
		.error = text_of(job, "error"),
		.attempt = number_of(job, "attempt", 0),
		.pid = number_of(job, "pid", 0),
		.since_wall_us = number_of(job, "since_wall_us", 0),
		.submitted_wall_us = number_of(job, "submitted_wall_us", 0),
		.parallelism = number_of(job, "parallelism", 0),
		.checkpoint = number_of(job, "checkpoint", 0),
		.exit = number_of(job, "exit", -1),
		.facts = facts && json_kind(facts) == JSON_OBJECT ? facts : NULL,
	};
	outlook_read(&v->outlook, job);
	if (!*v->name || !*v->state)
		return ERR(e, E_INVALID, "the server's answer is no job: it has no name, or no state");
	return OK;
}

RC record_view_read(struct record_view *v, const struct json *record, struct err *e)
{
	*v = (struct record_view){.error = ""};
	if (!record || json_kind(record) != JSON_OBJECT)
		return ERR(e, E_INVALID, "the server's answer is no checkpoint");
	const char *state = text_of(record, "state");
	*v = (struct record_view){
		.id = number_of(record, "id", 0),
		.wall_us = number_of(record, "wall_us", 0),
		.bytes_written = number_of(record, "bytes_written", 0),
		.keys_changed = number_of(record, "keys_changed", 0),
		.total_us = duration_of(record),
		.completed = !strcmp(state, "completed"),
		.error = text_of(record, "error"),
	};
	return OK;
}

const char *record_view_text(const struct record_view *v, char to[RECORD_TEXT])
{
	char bytes[PAINT_TEXT], keys[PAINT_TEXT], took[PAINT_TEXT];
	snprintf(to, RECORD_TEXT, "%s, %s changed, %s", text_bytes(count(v->bytes_written), bytes),
		 text_many(count(v->keys_changed), "key", keys), text_us(count(v->total_us), took));
	return to;
}
