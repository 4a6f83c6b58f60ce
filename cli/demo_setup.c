/* demo_setup.c - the demo's folder and what stands in it before the first start. See demo.h. */
#include "cli/demo.h"

#include "base/check.h"
#include "base/json.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <unistd.h>

#define MARKER ".made-by-weir-demo"

/* ---- the folder ---- */

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	(void)st;
	(void)kind;
	(void)at;
	return remove(path) && errno != ENOENT;
}

/* Only what a demo makes, never through a symbolic link. */
static RC empty(struct err *e)
{
	static const char *const made[] = {
		DEMO_DIR "/job.json",      DEMO_DIR "/control.json", DEMO_DIR "/text.txt",
		DEMO_DIR "/counts",        DEMO_DIR "/state",        DEMO_DIR "/control-state",
		DEMO_DIR "/control.csv",   DEMO_DIR "/position",     DEMO_DIR "/lossy.txt",
		DEMO_DIR "/plain.txt",     DEMO_DIR "/server",       DEMO_DIR "/token",
		DEMO_DIR "/" MARKER};
	for (size_t i = 0; i < ARRAY_LEN(made); i++)
		if (nftw(made[i], remove_one, 16, FTW_DEPTH | FTW_PHYS) && errno != ENOENT)
			return err_errno(e, errno, "remove '%s' of an earlier demo", made[i]);
	return OK;
}

static RC make_folder(struct demo *d, struct err *e)
{
	struct fs_stat st;
	struct err why = {0};
	struct fs_names names;
	enum rc rc = fs_stat(d->env->fs, DEMO_DIR, &st, &why);
	if (rc == E_NOT_FOUND)
		rc = fs_mkdir(d->env->fs, DEMO_DIR, NULL, e);
	else if (rc != OK)
		return ERR(e, rc, "%s", why.text);
	if (rc != OK)
		return err_in(e, "the demo needs a folder '" DEMO_DIR "' where you are");
	if (fs_list(d->env->fs, DEMO_DIR, &names, e) != OK)
		return e->code;
	bool ours = !names.n;
	for (size_t i = 0; i < names.n; i++)
		ours |= !strcmp(names.name[i], MARKER);
	fs_names_close(&names);
	if (!ours)
		return ERR(e, E_REFUSED,
			   "there is a folder '" DEMO_DIR "' here that no demo made; go to another folder, or "
			   "move it away");
	if (empty(e) != OK)
		return e->code;
	return fs_write_new(d->env->fs, DEMO_DIR "/" MARKER, "", 0, e);
}

/* ---- job files ---- */

/* As a JSON string in which a '$' is no reference to the environment. */
static void put_path(struct bytes *to, const char *path)
{
	struct bytes plain;
	struct json_out o;
	bytes_init(&plain, to->mem);
	for (; *path; path++) {
		if (*path == '$')
			bytes_put_u8(&plain, '$');
		bytes_put_u8(&plain, (uint8_t)*path);
	}
	jout_begin(&o, to, false);
	jout_string(&o, bytes_text(&plain));
	bytes_close(&plain);
}

static RC write_job(struct demo *d, const char *path, const char *name, const char *sink,
		    struct err *e)
{
	uint64_t rate = (uint64_t)((double)d->text.lines / d->seconds);
	struct bytes to;
	bytes_init(&to, d->env->mem);
	bytes_printf(&to,
		     "{ \"name\": \"%s\",\n"
		     "  \"checkpoint\": { \"interval\": \"100ms\" },\n"
		     "  \"restart\": { \"initial\": \"100ms\", \"max\": \"400ms\" },\n"
		     "  \"pipeline\": [\n"
		     "    { \"id\": \"lines\", \"type\": \"file_source\", \"rate\": %llu,\n"
		     "      \"path\": ",
		     name, (unsigned long long)(rate ? rate : 1));
	put_path(&to, d->text.copy ? "text.txt" : d->text.path);
	bytes_printf(&to,
		     " },\n"
		     "    { \"id\": \"words\", \"type\": \"flat_map\",    "
		     "\"expr\": \"split(lower(line))\", \"as\": \"word\" },\n"
		     "    { \"id\": \"count\", \"type\": \"keyed_sum\",   "
		     "\"key\": \"word\", \"value\": \"1\", \"as\": \"n\" },\n"
		     "    { \"id\": \"out\",   %s } ] }\n",
		     sink);
	enum rc rc = bytes_ok(&to) ? fs_write_new(d->env->fs, path, to.data, to.len, e)
				   : ERR(e, E_NO_MEMORY, "no memory for a job file");
	bytes_close(&to);
	return rc;
}

/* ---- the command ---- */

/* Within single quotes where the shell would see more than a word. */
static void put_quoted(struct bytes *to, const char *text)
{
	static const char plain[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+,@";
	if (!text[strspn(text, plain)]) {
		bytes_put_text(to, text);
		return;
	}
	bytes_put_u8(to, '\'');
	for (; *text; text++)
		if (*text == '\'')
			bytes_put_text(to, "'\\''");
		else
			bytes_put_u8(to, (uint8_t)*text);
	bytes_put_u8(to, '\'');
}

static RC make_command(struct demo *d, struct err *e)
{
	struct bytes to;
	bytes_init(&to, d->env->mem);
	bytes_put_text(&to, "  ( export LC_ALL=C; cat ");
	/* The words of the original. Only of a folder with torn files is it the copy: `cat` would join
	 * their words. */
	if (d->text.folder && d->text.copy)
		bytes_put_text(&to, DEMO_DIR "/text.txt");
	else
		put_quoted(&to, d->text.path);
	if (d->text.folder && !d->text.copy)
		bytes_put_text(&to, "/*");
	bytes_put_text(&to, " | tr A-Z a-z |\n"
			    "    tr -s ' \\t\\n\\v\\f\\r' '\\n' | sed '/^$/d' | sort | uniq -c >" DEMO_DIR
			    "/plain.txt\n"
			    "    cat " DEMO_DIR "/counts/*.csv | grep -av '^word,n$' |\n"
			    "    sed -E 's/,[0-9]+$//; s/^\"(.*)\"$/\\1/; s/\"\"/\"/g' | sort | uniq -c |\n"
			    "    diff - " DEMO_DIR "/plain.txt && echo identical )\n");
	enum rc rc = OK;
	if (!bytes_ok(&to) || to.len >= sizeof d->command)
		rc = ERR(e, E_USAGE, "the path of the text is too long");
	else
		memcpy(d->command, bytes_text(&to), to.len + 1);
	bytes_close(&to);
	return rc;
}

RC demo_setup(struct demo *d, struct err *e)
{
	if (make_folder(d, e) != OK)
		return e->code;
	if (d->text.copy && demo_text_copy(&d->text, d->env, DEMO_DIR "/text.txt", e) != OK)
		return e->code;
	if (write_job(d, DEMO_DIR "/job.json", "demo",
		      "\"type\": \"file_sink\",   \"path\": \"counts\", \"format\": \"csv\"", e) != OK ||
	    write_job(d, DEMO_DIR "/control.json", "demo-control", "\"type\": \"print_sink\"", e) != OK)
		return e->code;
	return make_command(d, e);
}
