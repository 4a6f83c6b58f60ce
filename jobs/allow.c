/* allow.c - see allow.h. */
#include "jobs/allow.h"

#include "base/check.h"
#include "base/landlock.h"
#include "base/secret.h"

#include <stdio.h>

static const struct {
	const char *name, *does; /* "read from" */
	unsigned may;
} kinds[] = {
	[ALLOW_READ] = {"read", "read", ROOT_READ},
	[ALLOW_WRITE] = {"write", "write", ROOT_READ | ROOT_WRITE},
	[ALLOW_RUN] = {"run", "run programs of", ROOT_RUN},
	[ALLOW_SECRETS] = {"secrets", "take secrets from", ROOT_SECRET},
	[ALLOW_ENV] = {"env", "ask for", 0},
};

const struct opt_def allow_opts[] = {
	{"read", OPT_LIST | OPT_PATH, .help = "folders that jobs may read"},
	{"write", OPT_LIST | OPT_PATH, .help = "folders that jobs may write, and read"},
	{"run", OPT_LIST | OPT_PATH, .help = "folders of programs that jobs may run: on_complete, ..."},
	{"secrets", OPT_LIST | OPT_PATH, .help = "folders of files that hold secrets"},
	{"landlock", OPT_BOOL, .help = "false: the kernel is not asked to hold jobs to it as well"},
	{"env", OPT_LIST, .help = "names of the environment that jobs may ask for"},
	{0},
};

void allow_init(struct allow *a, struct mem *mem)
{
	*a = (struct allow){.mem = mem, .landlock = true};
}

void allow_close(struct allow *a)
{
	for (unsigned k = 0; k < ALLOW_KINDS; k++)
		for (unsigned i = 0; i < a->n[k]; i++)
			mem_put(a->mem, a->item[k][i]);
	*a = (struct allow){.mem = a->mem};
}

const char *allow_kind_name(enum allow_kind k)
{
	return kinds[k].name;
}

RC allow_add(struct allow *a, enum allow_kind k, const char *text, struct err *e)
{
	char plain[ROOT_PATH_MAX];
	a->confines = true;
	if (k == ALLOW_ENV) {
		if (!secret_name_ok(text))
			return ERR(e, E_INVALID, "'%.60s' is no name of the environment", text);
		snprintf(plain, sizeof plain, "%s", text);
	} else if (path_plain(plain, text, e) != OK) {
		return e->code;
	}
	for (unsigned i = 0; i < a->n[k]; i++)
		if (!strcmp(a->item[k][i], plain))
			return OK;
	if (a->n[k] == ALLOW_MAX)
		return ERR(e, E_LIMIT, "at most %d can be allowed", ALLOW_MAX);
	a->item[k][a->n[k]] = mem_string(a->mem, plain);
	if (!a->item[k][a->n[k]])
		return ERR(e, E_NO_MEMORY, "no memory for what jobs may touch");
	a->n[k]++;
	return OK;
}

RC allow_read(struct allow *a, const struct json *v, struct err *e)
{
	a->confines = true;
	a->landlock = opt_bool(v, "landlock", a->landlock);
	for (unsigned k = 0; k < ALLOW_KINDS; k++)
		for (size_t i = 0; i < opt_list_count(v, kinds[k].name); i++)
			if (allow_add(a, k, opt_list_item(v, kinds[k].name, i), e) != OK)
				return err_in(e, "allow.%s", kinds[k].name);
	return OK;
}

void allow_write(const struct allow *a, struct json_out *o)
{
	jout_object(o);
	jout_kv_bool(o, "landlock", a->landlock);
	for (unsigned k = 0; k < ALLOW_KINDS; k++) {
		if (!a->n[k])
			continue;
		jout_key(o, kinds[k].name);
		jout_array(o);
		for (unsigned i = 0; i < a->n[k]; i++)
			jout_string(o, a->item[k][i]);
		jout_array_end(o);
	}
	jout_object_end(o);
}

bool allow_has_env(const struct allow *a, const char *name)
{
	for (unsigned i = 0; i < a->n[ALLOW_ENV]; i++)
		if (!strcmp(a->item[ALLOW_ENV][i], name))
			return true;
	return !a->confines;
}

/* ---- a submission, by its text ---- */

static bool lies_in(const struct allow *a, enum allow_kind k, const char *plain)
{
	for (unsigned i = 0; i < a->n[k]; i++)
		if (path_below(a->item[k][i], plain))
			return true;
	return false;
}

/* "they may read /srv/in; weir serve --allow-read adds a folder" */
static void cure(const struct allow *a, enum allow_kind k, char *to, size_t size)
{
	size_t at = 0;
	for (unsigned i = 0; i < a->n[k] && at < size / 2; i++)
		at += (size_t)snprintf(to + at, size - at, "%s%s", i ? ", " : "they may: ", a->item[k][i]);
	snprintf(to + (at < size ? at : size - 1), at < size ? size - at : 1,
		 "%sweir serve --allow-%s %s", at ? "; more with " : "start it with ", kinds[k].name,
		 k == ALLOW_ENV ? "NAME" : "DIR");
}

static void check_path(const struct allow *a, const struct spec *s, enum allow_kind k,
		       const struct json *v, const char *path, const char *key, struct opt_report *r)
{
	char plain[ROOT_PATH_MAX], hint[400];
	struct err e = {0};
	char *full = spec_path(s, path);
	if (!full)
		return; /* the file system will say it */
	enum rc rc = path_plain(plain, full, &e);
	mem_put(s->mem, full);
	bool writes = rc == OK && k == ALLOW_READ && lies_in(a, ALLOW_WRITE, plain);
	if (rc == OK && (writes || lies_in(a, k, plain)))
		return;
	cure(a, k, hint, sizeof hint);
	opt_error(r, v, hint, "'%s': jobs of this server may not %s that", key, kinds[k].does);
}

static void check_stage(const struct allow *a, const struct spec *s, unsigned i, struct diags *ds)
{
	const struct spec_stage *st = &s->stages[i];
	struct diag_report dr;
	if (!st->ok)
		return; /* told already */
	enum allow_kind k = st->type->role == SPEC_SINK ? ALLOW_WRITE : ALLOW_READ;
	for (const struct opt_def *d = st->type->options; d && d->name; d++)
		if (d->kinds & OPT_PATH && opt_string(st->json, d->name, NULL))
			check_path(a, s, k, opt_json(st->json, d->name),
				   opt_string(st->json, d->name, NULL), d->name,
				   spec_report(s, i, &dr, ds));
}

static void check_program(const struct allow *a, const struct spec *s, const struct json *who,
			  const char *key, struct diags *ds)
{
	struct diag_report dr;
	if (!who)
		return;
	const struct json *v = json_kind(who) == JSON_ARRAY ? json_item(who, 0) : who;
	check_path(a, s, ALLOW_RUN, v, json_string(v, NULL), key, diag_report(&dr, ds, "checkpoint"));
}

static void check_secret(const struct allow *a, const struct spec *s, const struct json *v,
			 const char *key, struct diags *ds)
{
	struct diag_report dr;
	char hint[400];
	struct opt_report *r = diag_report(&dr, ds, "secrets");
	struct secret_ref ref;
	if (!secret_ref_parse(&ref, v))
		return; /* told */
	if (ref.by == SECRET_FILE) {
		check_path(a, s, ALLOW_SECRETS, v, ref.where, key, r);
	} else if (!allow_has_env(a, ref.where)) {
		cure(a, ALLOW_ENV, hint, sizeof hint);
		opt_error(r, v, hint, "'%s': jobs of this server may not ask for '%s'", key, ref.where);
	}
}

void allow_check(const struct allow *a, const struct spec *s, struct diags *ds)
{
	if (!a->confines)
		return;
	for (unsigned i = 0; i < s->n_stages; i++)
		check_stage(a, s, i, ds);
	check_program(a, s, s->checkpoint.on_complete, "on_complete", ds);
	check_program(a, s, s->checkpoint.on_abort, "on_abort", ds);
	check_program(a, s, s->checkpoint.on_restore, "on_restore", ds);
	for (size_t i = 0; s->secrets && i < json_count(s->secrets); i++)
		check_secret(a, s, json_value(s->secrets, i), json_key(s->secrets, i), ds);
}

/* ---- the folders ---- */

RC allow_roots(const struct allow *a, const char *own, struct roots *rs, struct err *e)
{
	static const char *const cures[] = {
		"weir serve --allow-read DIR", "weir serve --allow-write DIR", "weir serve --allow-run DIR",
		"weir serve --allow-secrets DIR"};
	_Static_assert(ARRAY_LEN(cures) == ARRAY_LEN(rs->cure), "a bit of may, a cure");
	memcpy(rs->cure, cures, sizeof cures);
	if (roots_supported(e) != OK || (own && roots_add(rs, own, ROOT_READ | ROOT_WRITE, e) != OK))
		return e->code;
	for (unsigned k = 0; k < ALLOW_ENV; k++)
		for (unsigned i = 0; i < a->n[k]; i++)
			if (roots_add(rs, a->item[k][i], kinds[k].may, e) != OK)
				return err_in(e, "allow.%s", kinds[k].name);
	return OK;
}

#define OWN_MAX 8

RC allow_landlock(const struct allow *a, const char *const *own, bool *is_on, struct err *e)
{
	struct landlock_path p[ALLOW_KINDS * ALLOW_MAX + OWN_MAX];
	size_t n = 0;
	for (; own[n]; n++) {
		CHECK(n < OWN_MAX);
		p[n] = (struct landlock_path){own[n], ROOT_READ | ROOT_WRITE};
	}
	for (unsigned k = 0; k < ALLOW_ENV; k++)
		for (unsigned i = 0; i < a->n[k]; i++)
			p[n++] = (struct landlock_path){
				a->item[k][i], k == ALLOW_SECRETS ? ROOT_READ : kinds[k].may};
	return landlock_enter(p, n, is_on, e);
}
