/* entry.c - see entry.h. A first line with lengths and checksums, the facts as JSON, and the
 * description as it was submitted: so a start reads heads only, and `cat` shows all of it. */
#include "server/entry.h"

#include "base/check.h"
#include "base/hash.h"
#include "base/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { FIRST_LINE = 65, FORMAT_VERSION = 1 };
#define MAGIC "weir-entry "

static const char *const standings[] = {
	[STANDING_RUNNING] = "running",	    [STANDING_STOPPED] = "stopped",
	[STANDING_CANCELLED] = "cancelled", [STANDING_FINISHED] = "finished",
	[STANDING_FAILED] = "failed",	    [STANDING_REMOVED] = "removed",
};

const char *standing_name(enum standing s)
{
	return standings[s];
}

bool standing_parse(const char *name, enum standing *s)
{
	for (size_t i = 0; i < ARRAY_LEN(standings); i++)
		if (!strcmp(name, standings[i])) {
			*s = (enum standing)i;
			return true;
		}
	return false;
}

bool entry_name_ok(const char *name)
{
	size_t len = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-");
	return len && len <= ENTRY_NAME_MAX && !name[len];
}

/* --- copies --- */
void entry_close(struct entry *en)
{
	if (en->mem) {
		mem_put(en->mem, en->error);
		mem_put(en->mem, en->file);
		mem_put(en->mem, en->restore);
		for (unsigned i = 0; i < en->n_sets; i++)
			mem_put(en->mem, en->set[i]);
		mem_put(en->mem, en->job);
	}
	*en = (struct entry){.mem = NULL};
}

static enum rc no_memory(struct err *e)
{
	return ERR(e, E_NO_MEMORY, "no memory for a job's entry");
}

/* False: out of memory. from may be NULL. */
static bool own_text(struct mem *mem, char **to, const char *from)
{
	*to = from ? mem_string(mem, from) : NULL;
	return *to || !from;
}

static bool own_job(struct entry *en, const void *job, size_t len)
{
	en->job = mem_get(en->mem, len + 1);
	if (!en->job)
		return false;
	if (len)
		memcpy(en->job, job, len);
	en->job[len] = '\0';
	en->job_len = len;
	return true;
}

RC entry_copy(struct entry *to, const struct entry *from, struct mem *mem, struct err *e)
{
	*to = *from;
	to->mem = mem;
	to->error = to->file = to->restore = to->job = NULL;
	to->n_sets = 0;
	memset(to->set, 0, sizeof to->set);
	CHECK(from->n_sets <= ENTRY_SETS_MAX);
	bool good = own_text(mem, &to->error, from->error) && own_text(mem, &to->file, from->file) &&
		    own_text(mem, &to->restore, from->restore);
	for (unsigned i = 0; good && i < from->n_sets; i++) {
		good = own_text(mem, &to->set[i], from->set[i]);
		to->n_sets += good;
	}
	if (good && from->job)
		good = own_job(to, from->job, from->job_len);
	if (good)
		return OK;
	entry_close(to);
	return no_memory(e);
}

void entry_forget_restore(struct entry *en)
{
	mem_put(en->mem, en->restore);
	en->restore = NULL;
	en->rewind = en->claim = false;
}

RC entry_set_error(struct entry *en, enum rc code, const char *text, struct err *e)
{
	char *own;
	if (!own_text(en->mem, &own, text))
		return no_memory(e);
	mem_put(en->mem, en->error);
	en->error = own;
	en->code = code;
	return OK;
}

/* --- writing --- */
static enum rc may_be_written(const struct entry *en, struct err *e)
{
	if (!entry_name_ok(en->name))
		return ERR(e, E_INVALID, "'%.80s' is no name of a job: [A-Za-z0-9_-], at most %d",
			   en->name, ENTRY_NAME_MAX);
	if (en->job_len && memchr(en->job, '\0', en->job_len))
		return ERR(e, E_INVALID, "the job holds a NUL");
	if (en->file && !utf8_is(en->file, strlen(en->file)))
		return ERR(e, E_INVALID, "the path of the job file is not UTF-8");
	if (en->restore && !utf8_is(en->restore, strlen(en->restore)))
		return ERR(e, E_INVALID, "what is to be restored is not UTF-8");
	CHECK(en->n_sets <= ENTRY_SETS_MAX);
	for (unsigned i = 0; i < en->n_sets; i++)
		if (!utf8_is(en->set[i], strlen(en->set[i])))
			return ERR(e, E_INVALID, "--set argument %u is not UTF-8", i + 1);
	return OK;
}

static void put_facts(const struct entry *en, struct bytes *to)
{
	struct json_out o;
	jout_begin(&o, to, false);
	jout_object(&o);
	jout_kv_string(&o, "name", en->name);
	jout_kv_string(&o, "standing", standing_name(en->standing));
	if (en->code != OK)
		jout_kv_string(&o, "code", err_name(en->code));
	if (en->error)
		jout_kv_string(&o, "error", en->error);
	if (en->exit)
		jout_kv_int(&o, "exit", en->exit);
	if (en->erase)
		jout_kv_bool(&o, "erase", true);
	jout_kv_int(&o, "submitted_wall_us", en->submitted_wall_us);
	jout_kv_int(&o, "since_wall_us", en->since_wall_us);
	if (en->file)
		jout_kv_string(&o, "file", en->file);
	if (en->parallelism)
		jout_kv_uint(&o, "parallelism", en->parallelism);
	if (en->restore)
		jout_kv_string(&o, "restore", en->restore);
	if (en->rewind)
		jout_kv_bool(&o, "rewind", true);
	if (en->claim)
		jout_kv_bool(&o, "claim", true);
	if (en->n_sets) {
		jout_key(&o, "set");
		jout_array(&o);
		for (unsigned i = 0; i < en->n_sets; i++)
			jout_string(&o, en->set[i]);
		jout_array_end(&o);
	}
	jout_object_end(&o);
	bytes_put_u8(to, '\n');
}

/* What the first line says; the one place that knows its form, in both directions. */
struct first_line {
	size_t facts_len, job_len;
	uint64_t facts_sum, job_sum;
};

static void first_line_text(const struct first_line *l, char to[FIRST_LINE + 1])
{
	int n = snprintf(to, FIRST_LINE + 1, MAGIC "%d %08zu %016" PRIx64 " %08zu %016" PRIx64 "\n",
			 FORMAT_VERSION, l->facts_len, l->facts_sum, l->job_len, l->job_sum);
	CHECK(n == FIRST_LINE);
}

RC entry_encode(const struct entry *en, struct bytes *to, struct err *e)
{
	enum rc rc = may_be_written(en, e);
	if (rc != OK)
		return rc;
	struct bytes facts;
	bytes_init(&facts, en->mem ? en->mem : to->mem);
	put_facts(en, &facts);
	size_t size = FIRST_LINE + facts.len + en->job_len;
	if (!bytes_ok(&facts))
		rc = no_memory(e);
	else if (size > ENTRY_TEXT_MAX || en->job_len > ENTRY_TEXT_MAX)
		rc = ERR(e, E_INVALID, "the job and what is known of it are %zu bytes, %u at most", size,
			 ENTRY_TEXT_MAX);
	if (rc == OK) {
		struct first_line l = {facts.len, en->job_len, checksum64(facts.data, facts.len),
				       checksum64(en->job ? en->job : "", en->job_len)};
		char line[FIRST_LINE + 1];
		first_line_text(&l, line);
		bytes_put_text(to, line);
		bytes_put(to, facts.data, facts.len);
		if (en->job_len)
			bytes_put(to, en->job, en->job_len);
		if (!bytes_ok(to))
			rc = no_memory(e);
	}
	bytes_close(&facts);
	return rc;
}

/* --- reading --- */
/* A number of exactly that many digits of the base, at *at; *at goes behind it and its blank. */
static uint64_t digits(const char **at, unsigned n, unsigned base)
{
	uint64_t v = 0;
	for (unsigned i = 0; i < n; i++) {
		unsigned c = (unsigned char)(*at)[i];
		v = v * base + (c <= '9' ? c - '0' : c - 'a' + 10);
	}
	*at += n + 1;
	return v;
}

/* Reads what a good line would say there, writes that, and compares: so no second form passes. */
static enum rc read_first_line(struct first_line *l, const uint8_t *data, struct err *e)
{
	char text[FIRST_LINE + 1], same[FIRST_LINE + 1];
	size_t magic = strlen(MAGIC);
	if (memcmp(data, MAGIC, magic))
		return ERR(e, E_CORRUPT, "it does not begin as an entry");
	memcpy(text, data, FIRST_LINE);
	text[FIRST_LINE] = '\0';
	size_t n = strspn(text + magic, "0123456789");
	if (n && text[magic + n] == ' ' && (n > 1 || text[magic] != '0' + FORMAT_VERSION))
		return ERR(e, E_CORRUPT, "it is of version %.*s; this weir reads %d", (int)n,
			   text + magic, FORMAT_VERSION);
	const char *at = text + magic + 2;
	l->facts_len = digits(&at, 8, 10);
	l->facts_sum = digits(&at, 16, 16);
	l->job_len = digits(&at, 8, 10);
	l->job_sum = digits(&at, 16, 16);
	if (l->facts_len > ENTRY_TEXT_MAX || l->job_len > ENTRY_TEXT_MAX)
		return ERR(e, E_CORRUPT, "its first line is not what was written");
	first_line_text(l, same);
	if (memcmp(text, same, FIRST_LINE))
		return ERR(e, E_CORRUPT, "its first line is not what was written");
	return OK;
}

struct facts_reader {
	const struct json *o;
	struct mem *mem;
	enum rc rc; /* the first thing wrong stands; from then on every getter gives nothing */
	struct err *e;
};

#define WRONG(r, ...) ((void)((r)->rc == OK ? ((r)->rc = ERR((r)->e, E_CORRUPT, __VA_ARGS__)) : OK))

/* NULL when it is not there, or wrong. */
static const struct json *member(struct facts_reader *r, const char *key, enum json_kind kind,
				 bool must)
{
	const struct json *v = r->rc == OK ? json_get(r->o, key) : NULL;
	if (!v && must)
		WRONG(r, "'%s' is missing", key);
	if (v && json_kind(v) != kind) {
		WRONG(r, "'%s' is %s", key, json_kind_name(json_kind(v)));
		return NULL;
	}
	return v;
}

/* Borrowed; NULL when it is not there, or wrong. */
static const char *string_of(struct facts_reader *r, const struct json *v, const char *key)
{
	size_t len;
	const char *text = v ? json_string(v, &len) : NULL;
	if (text && strlen(text) != len) {
		WRONG(r, "'%s' holds a NUL", key);
		return NULL;
	}
	return text;
}

static char *text_of(struct facts_reader *r, const char *key)
{
	const char *text = string_of(r, member(r, key, JSON_STRING, false), key);
	char *own;
	if (!own_text(r->mem, &own, text) && r->rc == OK)
		r->rc = no_memory(r->e);
	return own;
}

static int64_t whole(struct facts_reader *r, const char *key, bool must, int64_t least,
		     int64_t most)
{
	const struct json *v = member(r, key, JSON_INT, must);
	int64_t n = v ? json_int(v) : 0;
	if (v && (n < least || n > most))
		WRONG(r, "'%s' is %" PRId64, key, n);
	return r->rc == OK ? n : 0;
}

static bool is_true(struct facts_reader *r, const char *key)
{
	const struct json *v = member(r, key, JSON_BOOL, false);
	return v && json_bool(v);
}

static enum rc code_named(struct facts_reader *r, const char *name)
{
	static const enum rc all[] = {
#define X(code, class, exit, says) code,
		ERR_CODES(X)
#undef X
	};
	for (size_t i = 0; name && i < ARRAY_LEN(all); i++)
		if (!strcmp(name, err_name(all[i])))
			return all[i];
	if (name)
		WRONG(r, "'code' is '%.40s'", name);
	return OK;
}

static void read_sets(struct facts_reader *r, struct entry *en)
{
	const struct json *list = member(r, "set", JSON_ARRAY, false);
	size_t n = list ? json_count(list) : 0;
	if (n > ENTRY_SETS_MAX)
		WRONG(r, "'set' has %zu items", n);
	for (size_t i = 0; r->rc == OK && i < n; i++) {
		const struct json *v = json_item(list, i);
		const char *text = json_kind(v) == JSON_STRING ? string_of(r, v, "set") : NULL;
		if (!text)
			WRONG(r, "'set' is no list of strings");
		else if (!own_text(r->mem, &en->set[i], text))
			r->rc = no_memory(r->e);
		else
			en->n_sets++;
	}
}

static void refuse_unknown(struct facts_reader *r)
{
	static const char *const known[] = {
		"name", "standing", "code", "error", "exit", "erase", "submitted_wall_us",
		"since_wall_us", "file", "parallelism", "set", "restore", "rewind", "claim",
	};
	size_t n = json_count(r->o);
	for (size_t i = 0; r->rc == OK && i < n; i++) {
		const char *key = json_key(r->o, i);
		bool found = false;
		for (size_t k = 0; k < ARRAY_LEN(known); k++)
			found |= !strcmp(key, known[k]);
		if (!found)
			WRONG(r, "'%.40s' is unknown", key);
	}
}

static void read_members(struct facts_reader *r, struct entry *en)
{
	refuse_unknown(r);
	const char *name = string_of(r, member(r, "name", JSON_STRING, true), "name");
	if (name && entry_name_ok(name))
		snprintf(en->name, sizeof en->name, "%s", name);
	else
		WRONG(r, "'name' is no name of a job");
	const char *standing = string_of(r, member(r, "standing", JSON_STRING, true), "standing");
	if (standing && !standing_parse(standing, &en->standing))
		WRONG(r, "'standing' is '%.40s'", standing);
	en->code = code_named(r, string_of(r, member(r, "code", JSON_STRING, false), "code"));
	en->error = text_of(r, "error");
	en->exit = (int)whole(r, "exit", false, 1, 255);
	en->erase = is_true(r, "erase");
	en->restore = text_of(r, "restore");
	en->rewind = is_true(r, "rewind");
	en->claim = is_true(r, "claim");
	if (!en->restore && (en->rewind || en->claim))
		WRONG(r, "'restore' is missing");
	en->submitted_wall_us = whole(r, "submitted_wall_us", true, INT64_MIN, INT64_MAX);
	en->since_wall_us = whole(r, "since_wall_us", true, INT64_MIN, INT64_MAX);
	en->file = text_of(r, "file");
	en->parallelism = (uint32_t)whole(r, "parallelism", false, 1, UINT32_MAX);
	read_sets(r, en);
}

static enum rc read_facts(struct entry *en, const uint8_t *data, const struct first_line *l,
			  struct err *e)
{
	if (checksum64(data, l->facts_len) != l->facts_sum)
		return ERR(e, E_CORRUPT, "its facts are not what was written (checksum)");
	if (!l->facts_len || data[l->facts_len - 1] != '\n')
		return ERR(e, E_CORRUPT, "its facts do not end");
	struct json_doc *doc = NULL;
	struct err why = {OK};
	enum rc rc = json_parse(&doc, (const char *)data, l->facts_len - 1, en->mem, NULL, &why);
	if (rc != OK)
		return ERR(e, rc == E_NO_MEMORY ? rc : E_CORRUPT, "its facts: %s", why.text);
	struct facts_reader r = {json_root(doc), en->mem, OK, e};
	if (json_kind(r.o) == JSON_OBJECT)
		read_members(&r, en);
	else
		WRONG(&r, "its facts are %s", json_kind_name(json_kind(r.o)));
	json_close(doc);
	return r.rc;
}

static enum rc verify_job(const uint8_t *job, const struct first_line *l, struct err *e)
{
	if (checksum64(job, l->job_len) != l->job_sum)
		return ERR(e, E_CORRUPT, "the description is not what was written (checksum)");
	if (l->job_len && memchr(job, '\0', l->job_len))
		return ERR(e, E_CORRUPT, "the description holds a NUL");
	return OK;
}

RC entry_decode_head(struct entry *en, const uint8_t *data, size_t len, size_t total_bytes,
		     size_t *need, struct mem *mem, struct err *e)
{
	struct first_line l = {0};
	*en = (struct entry){.mem = mem};
	*need = 0;
	CHECK(len <= total_bytes);
	if (total_bytes < FIRST_LINE || total_bytes > ENTRY_TEXT_MAX)
		return ERR(e, E_CORRUPT, "it has %zu bytes", total_bytes);
	size_t wants = FIRST_LINE;
	if (len >= FIRST_LINE) {
		enum rc rc = read_first_line(&l, data, e);
		if (rc != OK)
			return rc;
		wants += l.facts_len;
		if (wants + l.job_len != total_bytes)
			return ERR(e, E_CORRUPT, "it has %zu bytes and says %zu", total_bytes,
				   wants + l.job_len);
	}
	if (len < wants) {
		*need = wants;
		return OK;
	}
	enum rc rc = read_facts(en, data + FIRST_LINE, &l, e);
	if (rc == OK && len == total_bytes)
		rc = verify_job(data + wants, &l, e);
	if (rc != OK)
		entry_close(en);
	else
		en->job_len = l.job_len;
	return rc;
}

RC entry_decode(struct entry *en, const uint8_t *data, size_t len, struct mem *mem, struct err *e)
{
	size_t need;
	enum rc rc = entry_decode_head(en, data, len, len, &need, mem, e);
	CHECK(rc != OK || !need);
	if (rc == OK && !own_job(en, data + len - en->job_len, en->job_len)) {
		entry_close(en);
		rc = no_memory(e);
	}
	return rc;
}
