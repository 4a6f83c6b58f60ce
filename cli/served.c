/* served.c - see served.h. */
#include "cli/served.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- whose it is ---- */

/* Whether who made the wire is our parent no more. */
static bool is_orphan(void)
{
	struct ucred server;
	socklen_t len = sizeof server;
	return !getsockopt(SERVED_WIRE, SOL_SOCKET, SO_PEERCRED, &server, &len) && server.pid > 0 &&
	       server.pid != getppid();
}

RC served_begin(struct err *e)
{
	int type;
	socklen_t len = sizeof type;
	if (getsockopt(SERVED_WIRE, SOL_SOCKET, SO_TYPE, &type, &len))
		return ERR(e, E_USAGE, "this verb is how `weir serve` starts a process; people submit "
			   "jobs: weir submit");
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (is_orphan()) /* the server went before that */
		_exit(1);
	prctl(PR_SET_NAME, "weir");
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	if (fcntl(SERVED_WIRE, F_SETFD, FD_CLOEXEC) < 0)
		return err_errno(e, errno, "the wire");
	return OK;
}

/* ---- what it may touch ---- */

/* From here on its files are those its server allows, and the job's own. The folders stay open till
 * the process ends. */
static RC confine(struct cli *c, const struct word_start *start, struct err *e)
{
	struct mem *mem = c->env->mem;
	if (!start->allow.confines || c->files->roots)
		return OK;
	struct roots *roots = mem_get(mem, sizeof *roots);
	if (!roots)
		return ERR(e, E_NO_MEMORY, "no memory for the folders it may touch");
	roots_init(roots, mem);
	const char *dir = start->dir[0] ? start->dir : NULL; /* a step session has none */
	if ((dir && fs_mkdir_all(c->env->fs, dir, e) != OK) ||
	    allow_roots(&start->allow, dir, roots, e) != OK) {
		roots_close(roots);
		mem_put(mem, roots);
		return e->code;
	}
	fs_real_confine(c->files, roots);
	char logs[ROOT_PATH_MAX];
	fs_dirname(start->log, logs, sizeof logs);
	const char *own[] = {dir, logs, NULL}; /* the log is renamed by who writes it */
	bool is_on;
	return start->allow.landlock ? allow_landlock(&start->allow, own, &is_on, e) : OK;
}

/* ---- its job ---- */

static RC read_config(struct served_text *t, struct cli *c, const struct word_start *start,
		      struct err *e)
{
	struct diags ds;
	struct mem *mem = c->env->mem;
	if (!start->config)
		return OK;
	diags_init(&ds, start->config_file, start->config, strlen(start->config), mem);
	enum rc rc = config_parse(&t->config, start->config_file, start->config,
				  strlen(start->config), &ds, mem, e);
	diags_close(&ds);
	return rc;
}

static void tell_faults(struct served_text *t, struct cli *c)
{
	struct bytes text;
	bytes_init(&text, c->env->mem);
	diags_print(&t->file.ds, &text);
	fputs(bytes_text(&text), c->err.to);
	bytes_close(&text);
}

RC served_text_open(struct served_text *t, struct cli *c, const struct word_start *start,
		    const char *set, struct err *e)
{
	const struct entry *en = &start->entry;
	size_t n = 0;
	memset(t, 0, sizeof *t);
	if (confine(c, start, e) != OK || read_config(t, c, start, e) != OK)
		return e->code;
	for (; n < en->n_sets; n++)
		t->sets[n] = en->set[n];
	if (en->parallelism) {
		snprintf(t->parallelism, sizeof t->parallelism, "parallelism=%u", en->parallelism);
		t->sets[n++] = t->parallelism;
	}
	if (set)
		t->sets[n++] = set;
	struct job_text_source from = {.file = en->file, .text = en->job, .len = en->job_len,
				       .sets = t->sets, .n_sets = n, .defaults = t->config,
				       .allow = &start->allow, .env = cli_env};
	enum rc rc = job_text_parse(&t->file, c->env, &from, e);
	if (t->file.ds.n)
		tell_faults(t, c);
	if (rc == E_INVALID && t->file.ds.errors) {
		err_clear(e);
		return ERR(e, E_INVALID, "the job has faults (see its log): was something changed since "
			   "it was submitted?");
	}
	return rc;
}

void served_text_close(struct served_text *t)
{
	job_text_close(&t->file);
	config_close(t->config);
	memset(t, 0, sizeof *t);
}
