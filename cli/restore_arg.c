/* restore_arg.c - see restore_arg.h. */
#include "cli/restore_arg.h"

#include "jobs/export.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Nothing that a later start, from elsewhere, would not find again. */
static RC absolute(char to[LAYOUT_PATH_MAX], const char *path, struct err *e)
{
	char cwd[LAYOUT_PATH_MAX];
	if (path[0] != '/' && !getcwd(cwd, sizeof cwd))
		return err_errno(e, errno, "the working directory");
	int n = path[0] == '/' ? snprintf(to, LAYOUT_PATH_MAX, "%s", path)
			       : snprintf(to, LAYOUT_PATH_MAX, "%s/%s", cwd, path);
	if (n < 0 || n >= LAYOUT_PATH_MAX)
		return ERR(e, E_INVALID, "the path '%.80s...' is too long", path);
	while (n > 1 && to[n - 1] == '/')
		to[--n] = '\0';
	return OK;
}

/* A number is an id, anything else a name. */
static struct store_want want_of(const char *text)
{
	struct store_want w = {.by = WANT_NAME, .name = text};
	char *end;
	if (*text >= '0' && *text <= '9') {
		w.id = strtoull(text, &end, 10);
		w.by = *end ? WANT_NAME : WANT_ID;
	}
	return w;
}

static bool is_path(const char *text)
{
	return strchr(text, '/') || !strcmp(text, ".") || !strcmp(text, "..");
}

/* PATH, or PATH@ID, PATH@NAME. A path whose own last part has an '@' is written with a '/' behind
 * it. */
static RC read_path(struct restore_arg *r, const char *text, struct err *e)
{
	char path[LAYOUT_PATH_MAX];
	const char *base = strrchr(text, '/'), *at = strrchr(base ? base : text, '@');
	size_t n = at ? (size_t)(at - text) : strlen(text);
	if (n >= sizeof path || (at && strlen(at + 1) >= sizeof r->at))
		return ERR(e, E_INVALID, "the path '%.80s...' is too long", text);
	memcpy(path, text, n);
	path[n] = '\0';
	if (at && (!at[1] || !n))
		return ERR(e, E_USAGE, "--restore %s: behind '@' comes the id or name of a checkpoint "
			   "there; a path that ends so is written with a '/' behind it", text);
	snprintf(r->at, sizeof r->at, "%s", at ? at + 1 : "");
	r->import.path = r->path;
	if (at)
		r->import.want = want_of(r->at);
	return absolute(r->path, path, e);
}

static void read_own(struct restore_arg *r, const char *text)
{
	r->want = want_of(text);
	if (r->want.by == WANT_NAME && savepoint_path(r->path, r->here, text))
		r->import.path = r->path;
}

RC restore_arg_parse(struct restore_arg *r, const char *text, bool claim, bool fresh,
		     const char *dir, struct err *e)
{
	*r = (struct restore_arg){.import = {.here = r->here, .claim = claim}};
	if (absolute(r->here, dir, e) != OK)
		return e->code;
	if (!text)
		return claim ? ERR(e, E_USAGE, "--claim takes a directory over: say which, with "
				   "--restore PATH")
			     : OK;
	if (is_path(text))
		return read_path(r, text, e);
	if (claim)
		return ERR(e, E_USAGE, "--claim is for --restore PATH: '%s' is this job's own (a "
			   "directory of that name is written './%s')", text, text);
	if (fresh)
		return ERR(e, E_USAGE, "--fresh leaves behind what the directory holds, --restore %s "
			   "starts from it: which?", text);
	read_own(r, text);
	return OK;
}

static RC check_rewind(const struct args *a, struct err *e)
{
	if (args_has(a, "--rewind") && !args_has(a, "--restore"))
		return ERR(e, E_USAGE, "--rewind goes back behind what was committed: say how far, with "
			   "--restore ID");
	return OK;
}

RC restore_arg_read(struct restore_arg *r, const struct args *a, const char *dir, struct err *e)
{
	if (check_rewind(a, e) != OK)
		return e->code;
	return restore_arg_parse(r, args_text(a, "--restore", NULL), args_has(a, "--claim"),
				 args_has(a, "--fresh"), dir, e);
}

RC restore_arg_send(char to[LAYOUT_PATH_MAX], const struct args *a, struct err *e)
{
	struct restore_arg r;
	const char *text = args_text(a, "--restore", NULL);
	char cwd[LAYOUT_PATH_MAX] = "";
	*to = '\0';
	if (check_rewind(a, e) != OK ||
	    restore_arg_parse(&r, text, args_has(a, "--claim"), false, ".", e) != OK || !text)
		return e->code;
	bool relative = is_path(text) && *text != '/';
	if (relative && !getcwd(cwd, sizeof cwd))
		return err_errno(e, errno, "the working directory");
	int n = snprintf(to, LAYOUT_PATH_MAX, "%s%s%s", cwd, relative ? "/" : "", text);
	return n < LAYOUT_PATH_MAX ? OK : ERR(e, E_USAGE, "the path '%.80s...' is too long", text);
}
