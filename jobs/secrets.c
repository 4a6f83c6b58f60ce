/* secrets.c - see secrets.h. */
#include "jobs/secrets.h"

#include "jobs/spec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The secret's own place in s, of size bytes; NULL: no memory (told). */
static char *take(struct secrets *s, const char *name, size_t size, size_t *at, struct err *e)
{
	*at = strlen(name) + 1;
	s->len[s->n] = *at + size + 1;
	char *text = s->text[s->n] = mem_get(s->mem, s->len[s->n]);
	if (!text) {
		(void)!ERR(e, E_NO_MEMORY, "no memory for a secret");
		return NULL;
	}
	s->n++;
	snprintf(text, *at + 1, "%s=", name);
	return text;
}

static RC from_env(struct secrets *s, const char *name, const char *where, struct err *e)
{
	size_t at;
	const char *value = getenv(where);
	if (!value)
		return ERR(e, E_NOT_FOUND, "'%s' is not set in the environment", where);
	char *text = take(s, name, strlen(value), &at, e);
	if (text)
		memcpy(text + at, value, strlen(value) + 1);
	return text ? OK : e->code;
}

static RC read_value(struct secrets *s, const char *name, struct fs *fs, int fd, const char *path,
		     struct err *e)
{
	struct fs_stat st;
	size_t at, got = 0;
	if (fs_fstat(fs, fd, &st, e) != OK)
		return e->code;
	if (st.size_bytes > SECRET_MAX)
		return ERR(e, E_LIMIT, "'%s' has over %u bytes", path, SECRET_MAX);
	char *text = take(s, name, (size_t)st.size_bytes, &at, e);
	if (!text || fs_pread(fs, fd, text + at, (size_t)st.size_bytes, 0, &got, e) != OK)
		return e->code;
	while (got && (text[at + got - 1] == '\n' || text[at + got - 1] == '\r'))
		got--; /* of the editor that wrote it */
	text[at + got] = '\0';
	if (strlen(text + at) != got)
		return ERR(e, E_INVALID, "'%s' holds a NUL character", path);
	return OK;
}

static RC from_file(struct secrets *s, const char *name, const char *path, struct fs *fs,
		    struct err *e)
{
	int fd;
	if (fs_open(fs, path, FS_READ_SECRET, &fd, e) != OK)
		return e->code;
	enum rc rc = read_value(s, name, fs, fd, path, e);
	(void)!fs_close(fs, &fd, NULL); /* nothing was written */
	return rc;
}

static RC fetch(struct secrets *s, const struct spec *spec, size_t i, struct fs *fs, struct err *e)
{
	struct secret_ref ref;
	const char *name = json_key(spec->secrets, i);
	if (!secret_ref_parse(&ref, json_value(spec->secrets, i)))
		return ERR(e, E_INVALID, "it is no reference");
	if (ref.by == SECRET_ENV)
		return from_env(s, name, ref.where, e);
	char *path = spec_path(spec, ref.where);
	if (!path)
		return ERR(e, E_NO_MEMORY, "no memory for a path");
	enum rc rc = from_file(s, name, path, fs, e);
	mem_put(s->mem, path);
	return rc;
}

/* A variable that a secret takes the place of is not there twice. */
static bool is_taken(const struct secrets *s, const char *variable)
{
	for (unsigned i = 0; i < s->n; i++)
		if (!strncmp(s->text[i], variable, strcspn(s->text[i], "=") + 1))
			return true;
	return false;
}

static RC make_environment(struct secrets *s, struct err *e)
{
	size_t n = 0, to = 0;
	while (environ && environ[n])
		n++;
	s->envp = mem_get(s->mem, (n + s->n + 1) * sizeof *s->envp);
	if (!s->envp)
		return ERR(e, E_NO_MEMORY, "no memory for the environment");
	for (size_t i = 0; i < n; i++)
		if (!is_taken(s, environ[i]))
			s->envp[to++] = environ[i];
	for (unsigned i = 0; i < s->n; i++)
		s->envp[to++] = s->text[i];
	s->envp[to] = NULL;
	return OK;
}

RC secrets_open(struct secrets *s, const struct spec *spec, struct fs *fs, struct mem *mem,
		struct err *e)
{
	*s = (struct secrets){.mem = mem};
	if (!spec->secrets || !json_count(spec->secrets))
		return OK;
	for (size_t i = 0; i < json_count(spec->secrets); i++)
		if (fetch(s, spec, i, fs, e) != OK) {
			secrets_close(s);
			return err_in(e, "secret '%s'", json_key(spec->secrets, i));
		}
	if (make_environment(s, e) != OK)
		secrets_close(s);
	return e->code;
}

void secrets_close(struct secrets *s)
{
	for (unsigned i = 0; i < s->n; i++) {
		explicit_bzero(s->text[i], s->len[i]);
		mem_put(s->mem, s->text[i]);
	}
	mem_put(s->mem, s->envp);
	*s = (struct secrets){.mem = s->mem};
}
