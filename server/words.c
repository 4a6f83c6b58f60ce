/* words.c - see words.h. Both ends are this binary: a member that is missing or of another kind is
 * a bug or a broken peer, and is refused as a whole. */
#include "server/words.h"

#include <string.h>

/* ---- writing ---- */

static void begin(struct json_out *o, struct bytes *to)
{
	jout_begin(o, to, false);
	jout_object(o);
}

static void put_error(struct json_out *o, const struct err *error)
{
	jout_kv_string(o, "code", err_name(error->code));
	jout_kv_string(o, "error", error->code == OK ? "" : error->text);
}

static void put_restarts(struct json_out *o, const struct restart_state *s)
{
	uint32_t n = s->n_failed < RESTART_FAILURES_MAX ? s->n_failed : RESTART_FAILURES_MAX;
	jout_key(o, "restarts");
	jout_object(o);
	jout_kv_uint(o, "restarts", s->restarts);
	jout_kv_uint(o, "delay_us", s->delay_us);
	jout_kv_uint(o, "running_since_us", s->running_since_us);
	jout_kv_uint(o, "n_failed", s->n_failed);
	jout_key(o, "failed_us");
	jout_array(o);
	for (uint32_t i = 0; i < n; i++)
		jout_uint(o, s->failed_us[i]);
	jout_array_end(o);
	jout_object_end(o);
}

static void put_optional(struct json_out *o, const char *key, const char *text)
{
	if (text)
		jout_kv_string(o, key, text);
}

void start_write(const struct word_start *s, struct bytes *to)
{
	struct json_out o;
	begin(&o, to);
	jout_kv_string(&o, "name", s->entry.name);
	put_optional(&o, "file", s->entry.file);
	jout_key(&o, "job");
	jout_string_n(&o, s->entry.job, s->entry.job_len);
	jout_kv_uint(&o, "parallelism", s->entry.parallelism);
	jout_key(&o, "sets");
	jout_array(&o);
	for (unsigned i = 0; i < s->entry.n_sets; i++)
		jout_string(&o, s->entry.set[i]);
	jout_array_end(&o);
	put_optional(&o, "restore", s->entry.restore);
	jout_kv_bool(&o, "rewind", s->entry.rewind);
	jout_kv_bool(&o, "claim", s->entry.claim);
	jout_kv_string(&o, "dir", s->dir);
	jout_kv_string(&o, "log", s->log);
	put_optional(&o, "config_file", s->config_file);
	put_optional(&o, "config", s->config);
	if (s->allow.confines) {
		jout_key(&o, "allow");
		allow_write(&s->allow, &o);
	}
	put_restarts(&o, &s->restarts);
	if (s->log_json)
		jout_kv_bool(&o, "log_json", true);
	jout_kv_uint(&o, "lock_wait_us", s->lock_wait_us);
	jout_object_end(&o);
}

static void put_one(const char *key, uint64_t n, struct bytes *to)
{
	struct json_out o;
	begin(&o, to);
	jout_kv_uint(&o, key, n);
	jout_object_end(&o);
}

void up_write(uint64_t checkpoint, struct bytes *to)
{
	put_one("checkpoint", checkpoint, to);
}

void request_write(const struct job_ask *a, struct bytes *to)
{
	struct json_out o;
	begin(&o, to);
	jout_kv_string(&o, "ask", ask_kind_name(a->kind));
	jout_kv_uint(&o, "request", a->request);
	jout_kv_bool(&o, "full", a->full);
	jout_kv_bool(&o, "drain", a->drain);
	jout_kv_bool(&o, "savepoint", a->savepoint);
	jout_kv_bool(&o, "dry_run", a->dry_run);
	jout_kv_string(&o, "name", a->name);
	jout_kv_uint(&o, "id", a->id);
	jout_object_end(&o);
}

void answer_write(const struct word_answer *a, struct bytes *to)
{
	struct json_out o;
	begin(&o, to);
	jout_kv_uint(&o, "request", a->request);
	jout_kv_uint(&o, "checkpoint", a->checkpoint);
	put_optional(&o, "found", a->found);
	put_error(&o, &a->error);
	jout_object_end(&o);
}

void watch_write(bool on, struct bytes *to)
{
	struct json_out o;
	begin(&o, to);
	jout_kv_bool(&o, "on", on);
	jout_object_end(&o);
}

void failed_write(const struct word_failed *f, struct bytes *to)
{
	struct json_out o;
	begin(&o, to);
	put_error(&o, &f->error);
	put_restarts(&o, &f->restarts);
	jout_kv_uint(&o, "after_us", f->after_us);
	jout_object_end(&o);
}

static const char *const ends[] = {
	[LIFE_ENDED_FINISHED] = "finished",
	[LIFE_ENDED_STOPPED] = "stopped",
	[LIFE_ENDED_FAILED] = "failed",
};

void ended_write(const struct word_ended *w, struct bytes *to)
{
	struct json_out o;
	begin(&o, to);
	jout_kv_string(&o, "ended", ends[w->ended]);
	jout_kv_bool(&o, "unsaved_stop", w->unsaved_stop);
	jout_kv_int(&o, "exit", w->exit);
	put_error(&o, &w->error);
	jout_object_end(&o);
}

void recovery_take(struct word_recovery *w, const struct job *j, struct clock *clock,
		   const char *lines)
{
	const struct job_recovery *r = job_recovery(j);
	uint64_t now_us = clock_mono_us(clock);
	*w = (struct word_recovery){
		.lines = lines, .wall_us = clock_wall_us(clock), .attempt = job_attempt_number(j),
		.checkpoint = r->checkpoint, .checkpoint_wall_us = r->checkpoint_wall_us,
		.recovery_us = job_recovery_us(j), .keys = r->keys, .bytes_read = r->bytes_read,
		.knows_replays = r->knows_replays, .replays = r->replays,
		.fell_back = r->fell_back, .rewound = r->rewound};
	int64_t began = w->wall_us - (int64_t)(now_us - r->began_us);
	if (w->attempt == 1 && r->last_sign_wall_us && began > r->last_sign_wall_us)
		w->gone_us = (uint64_t)(began - r->last_sign_wall_us);
}

void recovery_write(const struct word_recovery *w, struct bytes *to)
{
	struct json_out o;
	begin(&o, to);
	jout_kv_int(&o, "wall_us", w->wall_us);
	jout_kv_uint(&o, "attempt", w->attempt);
	jout_kv_uint(&o, "checkpoint", w->checkpoint);
	jout_kv_int(&o, "checkpoint_wall_us", w->checkpoint_wall_us);
	jout_kv_uint(&o, "recovery_us", w->recovery_us);
	jout_kv_uint(&o, "gone_us", w->gone_us);
	jout_kv_uint(&o, "keys", w->keys);
	jout_kv_uint(&o, "bytes_read", w->bytes_read);
	jout_key(&o, "replays");
	w->knows_replays ? jout_uint(&o, w->replays) : jout_null(&o);
	jout_kv_bool(&o, "fell_back", w->fell_back);
	jout_kv_bool(&o, "rewound", w->rewound);
	jout_kv_string(&o, "lines", w->lines);
	jout_object_end(&o);
}

void step_write(const struct word_step *s, struct bytes *to)
{
	struct json_out o;
	begin(&o, to);
	jout_kv_uint(&o, "do", (uint64_t)s->what);
	jout_kv_uint(&o, "n", s->n);
	jout_object_end(&o);
}

/* JSON holds characters, a key any bytes: each as the character of its number. */
static void put_any(struct json_out *o, const char *text)
{
	struct bytes chars;
	bytes_init(&chars, o->to->mem);
	for (; *text; text++) {
		uint8_t c = (uint8_t)*text;
		if (c >= 0x80)
			bytes_put_u8(&chars, (uint8_t)(0xC0 | c >> 6));
		bytes_put_u8(&chars, c < 0x80 ? c : (uint8_t)(0x80 | (c & 0x3F)));
	}
	jout_string(o, bytes_text(&chars));
	o->to->failed |= chars.failed;
	bytes_close(&chars);
}

void lookup_write(const struct word_lookup *l, struct bytes *to)
{
	struct json_out o;
	begin(&o, to);
	jout_kv_uint(&o, "request", l->request);
	jout_kv_string(&o, "stage", l->stage);
	jout_key(&o, "key");
	jout_array(&o);
	for (unsigned i = 0; i < l->n_keys; i++)
		put_any(&o, l->key[i]);
	jout_array_end(&o);
	jout_object_end(&o);
}

void found_take(struct word_found *w, const struct job_found *f)
{
	*w = (struct word_found){.request = f->request, .error = f->error,
				 .row = f->error.code == OK ? f->row : NULL,
				 .subtask = f->subtask, .records = f->records, .barrier = f->barrier,
				 .wall_us = f->wall_us};
}

void found_write(const struct word_found *f, struct bytes *to)
{
	struct json_out o;
	begin(&o, to);
	jout_kv_uint(&o, "request", f->request);
	put_error(&o, &f->error);
	put_optional(&o, "row", f->row);
	jout_kv_uint(&o, "subtask", f->subtask);
	jout_kv_uint(&o, "records", f->records);
	jout_kv_uint(&o, "barrier", f->barrier);
	jout_kv_int(&o, "wall_us", f->wall_us);
	jout_object_end(&o);
}

/* ---- reading ---- */

/* One body being read; the first thing that is wrong makes all of it wrong. */
struct word {
	struct mem *mem;
	struct json_doc *doc;
	const struct json *v;
	bool bad;
};

static void word_open(struct word *w, const char *body, size_t len, struct mem *mem)
{
	struct err ignored = {0};
	*w = (struct word){.mem = mem};
	w->bad = json_parse(&w->doc, body, len, mem, NULL, &ignored) != OK;
	w->v = w->bad ? NULL : json_root(w->doc);
}

static RC word_close(struct word *w, const char *what, struct err *e)
{
	json_close(w->doc);
	return w->bad ? ERR(e, E_INVALID, "a '%s' that cannot be understood", what) : OK;
}

/* The same of one whose texts are borrowed as long as *doc is open. */
static RC word_keep(struct word *w, struct json_doc **doc, const char *what, struct err *e)
{
	if (!w->bad)
		return OK;
	*doc = NULL;
	return word_close(w, what, e);
}

/* The member, NULL when it is not there or of another kind. */
static const struct json *member(const struct json *v, const char *key, enum json_kind kind)
{
	const struct json *m = v && json_kind(v) == JSON_OBJECT ? json_get(v, key) : NULL;
	return m && json_kind(m) == kind ? m : NULL;
}

static uint64_t take_uint(struct word *w, const struct json *v, const char *key)
{
	const struct json *m = member(v, key, JSON_INT);
	w->bad |= !m || json_int(m) < 0;
	return m ? (uint64_t)json_int(m) : 0;
}

static bool take_bool(struct word *w, const char *key)
{
	const struct json *m = member(w->v, key, JSON_BOOL);
	w->bad |= !m;
	return m && json_bool(m);
}

/* One that is only said when it is so. */
static bool take_flag(struct word *w, const char *key)
{
	return member(w->v, key, JSON_BOOL) && take_bool(w, key);
}

/* "" when it is not there, which only matters where w->bad is looked at. */
static const char *take_text(struct word *w, const char *key)
{
	size_t len;
	const struct json *m = member(w->v, key, JSON_STRING);
	w->bad |= !m;
	return m ? json_string(m, &len) : "";
}

static char *copy_text(struct word *w, const char *key, bool optional)
{
	if (optional && !member(w->v, key, JSON_STRING))
		return NULL;
	char *text = mem_string(w->mem, take_text(w, key));
	w->bad |= !text;
	return text;
}

static void take_error(struct word *w, struct err *error)
{
	err_clear(error);
	w->bad |= !err_parse(take_text(w, "code"), &error->code);
	snprintf(error->text, sizeof error->text, "%s", take_text(w, "error"));
}

static void take_restarts(struct word *w, struct restart_state *s)
{
	const struct json *v = member(w->v, "restarts", JSON_OBJECT);
	const struct json *list = member(v, "failed_us", JSON_ARRAY);
	memset(s, 0, sizeof *s);
	s->restarts = (uint32_t)take_uint(w, v, "restarts");
	s->delay_us = take_uint(w, v, "delay_us");
	s->running_since_us = take_uint(w, v, "running_since_us");
	s->n_failed = (uint32_t)take_uint(w, v, "n_failed");
	w->bad |= !list || json_count(list) > RESTART_FAILURES_MAX;
	for (size_t i = 0; !w->bad && i < json_count(list); i++) {
		const struct json *at = json_item(list, i);
		w->bad |= json_kind(at) != JSON_INT || json_int(at) < 0;
		s->failed_us[i] = w->bad ? 0 : (uint64_t)json_int(at);
	}
}

static void take_sets(struct word *w, struct entry *en)
{
	const struct json *list = member(w->v, "sets", JSON_ARRAY);
	size_t len;
	w->bad |= !list || json_count(list) > ENTRY_SETS_MAX;
	for (size_t i = 0; !w->bad && i < json_count(list); i++) {
		const struct json *v = json_item(list, i);
		w->bad |= json_kind(v) != JSON_STRING;
		en->set[i] = w->bad ? NULL : mem_string(w->mem, json_string(v, &len));
		w->bad |= !en->set[i];
		en->n_sets = (unsigned)i + 1;
	}
}

static void take_allow(struct word *w, struct allow *a)
{
	struct err ignored = {0};
	const struct json *v = member(w->v, "allow", JSON_OBJECT);
	allow_init(a, w->mem);
	if (v)
		w->bad |= allow_read(a, v, &ignored) != OK;
}

RC start_read(struct word_start *s, const char *body, size_t len, struct mem *mem, struct err *e)
{
	struct word w;
	memset(s, 0, sizeof *s);
	word_open(&w, body, len, mem);
	s->entry.mem = mem;
	snprintf(s->entry.name, sizeof s->entry.name, "%s", take_text(&w, "name"));
	s->entry.file = copy_text(&w, "file", true);
	s->entry.job = copy_text(&w, "job", false);
	s->entry.job_len = s->entry.job ? strlen(s->entry.job) : 0;
	s->entry.parallelism = (uint32_t)take_uint(&w, w.v, "parallelism");
	take_sets(&w, &s->entry);
	s->entry.restore = copy_text(&w, "restore", true);
	s->entry.rewind = take_bool(&w, "rewind");
	s->entry.claim = take_bool(&w, "claim");
	s->dir = copy_text(&w, "dir", false);
	s->log = copy_text(&w, "log", false);
	s->config_file = copy_text(&w, "config_file", true);
	s->config = copy_text(&w, "config", true);
	take_allow(&w, &s->allow);
	take_restarts(&w, &s->restarts);
	s->log_json = take_flag(&w, "log_json");
	s->lock_wait_us = take_uint(&w, w.v, "lock_wait_us");
	return word_close(&w, "start", e);
}

void start_close(struct word_start *s, struct mem *mem)
{
	if (s->entry.mem)
		entry_close(&s->entry);
	mem_put(mem, s->dir);
	mem_put(mem, s->log);
	mem_put(mem, s->config_file);
	mem_put(mem, s->config);
	allow_close(&s->allow);
	memset(s, 0, sizeof *s);
}

static enum ask_kind take_ask_kind(struct word *w)
{
	const char *what = take_text(w, "ask");
	unsigned i = 0;
	while (i < ASK_KINDS && strcmp(what, ask_kind_name((enum ask_kind)i)))
		i++;
	w->bad |= i == ASK_KINDS;
	return (enum ask_kind)i;
}

static RC take_one(const char *key, uint64_t *n, const char *body, size_t len, struct mem *mem,
		   struct err *e)
{
	struct word w;
	word_open(&w, body, len, mem);
	*n = take_uint(&w, w.v, key);
	return word_close(&w, key, e);
}

RC up_read(uint64_t *checkpoint, const char *body, size_t len, struct mem *mem, struct err *e)
{
	return take_one("checkpoint", checkpoint, body, len, mem, e);
}

RC request_read(struct job_ask *a, const char *body, size_t len, struct mem *mem, struct err *e)
{
	struct word w;
	memset(a, 0, sizeof *a);
	word_open(&w, body, len, mem);
	a->kind = take_ask_kind(&w);
	a->request = take_uint(&w, w.v, "request");
	a->full = take_bool(&w, "full");
	a->drain = take_bool(&w, "drain");
	a->savepoint = take_bool(&w, "savepoint");
	a->dry_run = take_bool(&w, "dry_run");
	const char *name = take_text(&w, "name");
	w.bad |= strlen(name) > ASK_NAME_MAX;
	snprintf(a->name, sizeof a->name, "%s", name);
	a->id = take_uint(&w, w.v, "id");
	return word_close(&w, "request", e);
}

RC answer_read(struct word_answer *a, const char *body, size_t len, struct mem *mem, struct err *e)
{
	struct word w;
	word_open(&w, body, len, mem);
	a->request = take_uint(&w, w.v, "request");
	a->checkpoint = take_uint(&w, w.v, "checkpoint");
	a->found = copy_text(&w, "found", true);
	take_error(&w, &a->error);
	enum rc rc = word_close(&w, "answer", e);
	if (rc != OK)
		answer_close(a, mem);
	return rc;
}

void answer_close(struct word_answer *a, struct mem *mem)
{
	mem_put(mem, a->found);
	a->found = NULL;
}

RC watch_read(bool *on, const char *body, size_t len, struct mem *mem, struct err *e)
{
	struct word w;
	word_open(&w, body, len, mem);
	*on = take_bool(&w, "on");
	return word_close(&w, "watch", e);
}

RC failed_read(struct word_failed *f, const char *body, size_t len, struct mem *mem, struct err *e)
{
	struct word w;
	word_open(&w, body, len, mem);
	take_error(&w, &f->error);
	take_restarts(&w, &f->restarts);
	f->after_us = take_uint(&w, w.v, "after_us");
	return word_close(&w, "failed", e);
}

RC ended_read(struct word_ended *d, const char *body, size_t len, struct mem *mem, struct err *e)
{
	struct word w;
	word_open(&w, body, len, mem);
	const char *how = take_text(&w, "ended");
	unsigned i = 0;
	while (i < 3 && strcmp(how, ends[i]))
		i++;
	w.bad |= i == 3;
	d->ended = (enum life_ended)i;
	d->unsaved_stop = take_bool(&w, "unsaved_stop");
	d->exit = (int)take_uint(&w, w.v, "exit");
	take_error(&w, &d->error);
	return word_close(&w, "ended", e);
}

RC step_read(struct word_step *s, const char *body, size_t len, struct mem *mem, struct err *e)
{
	struct word w;
	word_open(&w, body, len, mem);
	uint64_t what = take_uint(&w, w.v, "do");
	s->n = take_uint(&w, w.v, "n");
	w.bad |= what >= STEP_DO_END;
	s->what = (enum step_do)what;
	return word_close(&w, "step", e);
}

/* put_any's other side, NUL behind it. False: a character that is no byte. */
static bool take_any(const char *text, struct bytes *to)
{
	for (; *text; text++) {
		uint8_t c = (uint8_t)*text;
		if (c > 0xC3)
			return false;
		if (c >= 0x80)
			c = (uint8_t)(c << 6 | (*++text & 0x3F));
		bytes_put_u8(to, c);
	}
	bytes_put_u8(to, 0);
	return true;
}

RC lookup_read(struct word_lookup *l, const char *body, size_t len, struct mem *mem, struct err *e)
{
	struct word w;
	size_t ignored;
	word_open(&w, body, len, mem);
	*l = (struct word_lookup){.request = take_uint(&w, w.v, "request")};
	bytes_init(&l->texts, mem);
	const char *stage = take_text(&w, "stage");
	w.bad |= strlen(stage) > ROUTE_STAGE_MAX;
	snprintf(l->stage, sizeof l->stage, "%s", stage);
	const struct json *list = member(w.v, "key", JSON_ARRAY);
	w.bad |= !list || json_count(list) > KEY_FIELDS_MAX;
	w.bad |= !bytes_reserve(&l->texts, len); /* they do not move */
	for (size_t i = 0; !w.bad && i < json_count(list); i++) {
		const struct json *v = json_item(list, i);
		l->key[l->n_keys++] = (const char *)l->texts.data + l->texts.len;
		w.bad |= json_kind(v) != JSON_STRING || !take_any(json_string(v, &ignored), &l->texts);
	}
	if (word_close(&w, "lookup", e) != OK)
		lookup_close(l);
	return e->code;
}

void lookup_close(struct word_lookup *l)
{
	bytes_close(&l->texts);
}

static bool is_object(const char *text, struct mem *mem)
{
	struct json_doc *doc = NULL;
	struct err ignored = {0};
	bool is = json_parse(&doc, text, strlen(text), mem, NULL, &ignored) == OK &&
		  json_kind(json_root(doc)) == JSON_OBJECT;
	json_close(doc);
	return is;
}

RC found_read(struct word_found *f, const char *body, size_t len, struct mem *mem, struct err *e)
{
	struct word w;
	word_open(&w, body, len, mem);
	*f = (struct word_found){.request = take_uint(&w, w.v, "request"), .doc = w.doc,
				 .subtask = (uint32_t)take_uint(&w, w.v, "subtask"),
				 .records = take_uint(&w, w.v, "records"),
				 .barrier = take_uint(&w, w.v, "barrier"),
				 .wall_us = (int64_t)take_uint(&w, w.v, "wall_us")};
	take_error(&w, &f->error);
	if (f->error.code == OK)
		f->row = take_text(&w, "row");
	w.bad |= f->row && !is_object(f->row, mem);
	return word_keep(&w, &f->doc, "found", e);
}

void found_close(struct word_found *f)
{
	json_close(f->doc);
	f->doc = NULL;
}
