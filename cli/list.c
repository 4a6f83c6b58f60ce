/* list.c - `weir list`: every job of a server, a line each. */
#include "cli/remote.h"
#include "cli/scan.h"

#include "base/check.h"

#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

static const struct arg_def options[] = {REMOTE_OPTIONS, {0}};

/* What a line shows, as it stands in the answer. */
struct line {
	struct slice name, state, attempt, since, checkpoint, error;
};

struct table {
	struct mem *mem;
	struct line *line;
	size_t n, cap;
};

static bool table_add(struct table *t, const struct line *l)
{
	if (t->n == t->cap) {
		size_t cap = t->cap ? t->cap * 2 : 64;
		struct line *more = mem_resize(t->mem, t->line, cap * sizeof *more);
		if (!more)
			return false;
		t->line = more;
		t->cap = cap;
	}
	t->line[t->n++] = *l;
	return true;
}

static void line_read(struct line *l, struct scan *s)
{
	struct slice key;
	*l = (struct line){0};
	while (scan_member(s, &key)) {
		struct slice v = scan_value(s);
		if (slice_is(key, "name"))
			l->name = v;
		else if (slice_is(key, "state"))
			l->state = v;
		else if (slice_is(key, "attempt"))
			l->attempt = v;
		else if (slice_is(key, "since_wall_us"))
			l->since = v;
		else if (slice_is(key, "checkpoint"))
			l->checkpoint = v;
		else if (slice_is(key, "error"))
			l->error = v;
	}
}

static enum rc table_read(struct table *t, const struct client_reply *reply, struct err *e)
{
	struct scan s = scan_of((const char *)reply->body.data, reply->body.len);
	struct slice key;
	struct line l;
	bool found = false;
	if (scan_object(&s))
		while (scan_member(&s, &key)) {
			if (!slice_is(key, "jobs") || !scan_array(&s)) {
				scan_value(&s);
				continue;
			}
			found = true;
			while (scan_item(&s) && scan_object(&s)) {
				line_read(&l, &s);
				if (!table_add(t, &l))
					return ERR(e, E_NO_MEMORY, "no memory for the list of jobs");
			}
		}
	if (!found || s.failed)
		return ERR(e, E_IO, "the server's answer is no list of jobs");
	return OK;
}

/* Names have no escapes: as they are written is as they sort. */
static int by_name(const void *a, const void *b)
{
	const struct slice *x = &((const struct line *)a)->name, *y = &((const struct line *)b)->name;
	int order = memcmp(x->at, y->at, x->len < y->len ? x->len : y->len);
	return order ? order : (x->len > y->len) - (x->len < y->len);
}

/* Columns of the terminal; 0: it is none, and nothing is cut. */
static size_t width(const struct paint *p)
{
	struct winsize w;
	if (!p->terminal || ioctl(fileno(p->to), TIOCGWINSZ, &w) != 0 || !w.ws_col)
		return 0;
	return w.ws_col;
}

#define NAME_LEAST 8   /* of the column */
#define OTHERS 40      /* columns of STATE to CHECKPOINT, with their gaps */
#define ERROR_LEAST 12 /* less of an error says nothing */

static void put_line(struct bytes *to, const struct paint *p, const struct line *l,
		     size_t name_width, size_t columns, int64_t now_us)
{
	char name[REMOTE_NAME_MAX + 1], state[24], error[1100], ago[PAINT_TEXT], checkpoint[24];
	slice_text(l->name, name, sizeof name);
	slice_text(l->state, state, sizeof state);
	slice_text(l->error, error, sizeof error);
	int64_t since = slice_int(l->since, 0), id = slice_int(l->checkpoint, 0);
	text_ago(since && now_us > since ? (uint64_t)(now_us - since) : 0, ago);
	snprintf(checkpoint, sizeof checkpoint, id ? "%lld" : "-", (long long)id);
	remote_put_plain(to, name, 0);
	bytes_printf(to, "%*s  %s%-10.10s%s", (int)(name_width - strlen(name)), "",
		     remote_state_colour(p, state), state, paint_off(p));
	char attempt[PAINT_TEXT];
	long long n = (long long)slice_int(l->attempt, 0);
	snprintf(attempt, sizeof attempt, n ? "%lld" : "-", n); /* of a server before this one */
	bytes_printf(to, " %7s  %8s %9s", attempt, since ? ago : "-",
		     checkpoint);
	/* What does not fit is cut; what has no room at all stands below. */
	if (*error) {
		size_t used = name_width + OTHERS, room = columns > used + 2 ? columns - used - 2 : 0;
		bool below = columns && room < ERROR_LEAST;
		bytes_printf(to, "%s%s", below ? "\n  " : "  ", paint_on(p, PAINT_RED));
		remote_put_plain(to, error, below ? (columns > 6 ? columns - 4 : 2) : columns ? room : 0);
		bytes_put_text(to, paint_off(p));
	}
	bytes_put_u8(to, '\n');
}

static enum rc print(struct remote *r, struct table *t, struct err *e)
{
	const struct paint *p = &r->cli->out;
	struct bytes text;
	size_t name_width = NAME_LEAST;
	char name[REMOTE_NAME_MAX + 1];
	int64_t now_us = clock_wall_us(r->cli->env->clock);
	size_t columns = width(p);
	for (size_t i = 0; i < t->n; i++) {
		size_t len = slice_text(t->line[i].name, name, sizeof name);
		name_width = len > name_width ? len : name_width;
	}
	bytes_init(&text, r->cli->env->mem);
	bytes_printf(&text, "%s%-*s  %-10s %7s  %8s %9s  %s%s\n", paint_on(p, PAINT_BOLD),
		     (int)name_width, "NAME", "STATE", "ATTEMPT", "SINCE", "CHECKPT",
		     columns && columns < name_width + OTHERS + ERROR_LEAST ? "" : "LAST ERROR",
		     paint_off(p));
	for (size_t i = 0; i < t->n; i++)
		put_line(&text, p, &t->line[i], name_width, columns, now_us);
	enum rc rc = OK;
	if (bytes_ok(&text))
		fwrite(text.data, 1, text.len, p->to);
	else
		rc = ERR(e, E_NO_MEMORY, "no memory for the list of jobs");
	bytes_close(&text);
	return rc;
}

static enum rc list_jobs(struct remote *r, struct err *e)
{
	struct client_reply reply = {0};
	struct table t = {.mem = r->cli->env->mem};
	char command[REMOTE_COMMAND];
	enum rc rc = remote_get(r, "/v1/jobs", &reply, e);
	if (rc == OK && r->json)
		remote_print(r, &reply);
	else if (rc == OK && (rc = table_read(&t, &reply, e)) == OK) {
		if (t.n)
			qsort(t.line, t.n, sizeof *t.line, by_name);
		if (t.n)
			rc = print(r, &t, e);
		else
			fprintf(r->cli->out.to, "no jobs; to submit one: %s\n",
				remote_command(r, command, "submit", "JOB.json"));
	}
	mem_put(t.mem, t.line);
	client_reply_close(&reply);
	return rc;
}

static int list(struct cli *c, const struct args *a)
{
	struct remote r = {0};
	struct err e = {0};
	int code = 0;
	if (remote_open(&r, c, a, &e) != OK || list_jobs(&r, &e) != OK)
		code = remote_fail(&r, &e);
	remote_close(&r);
	return code;
}

const struct verb verb_list = {
	.name = "list",
	.arguments = "[OPTION]...",
	.summary = "the jobs of a server: state, attempt, since when, last error",
	.help = "Lists the jobs of a server, sorted by name: their state, which attempt this is\n"
		"since they were started, how long they have been in that state, their newest\n"
		"checkpoint, and their last error in one line.\n"
		"\n"
		"    weir serve --dir data &\n"
		"    weir submit examples/word-count.json --dir data\n"
		"    weir list --dir data\n"
		"    weir list --dir data --json | jq -r '.jobs[] | select(.state == \"FAILED\") | .name'\n"
		"\n"
		"STATE: STARTING, RUNNING, WAITING (for the next attempt), STOPPING, STOPPED,\n"
		"CANCELLING, CANCELLED, FINISHED, FAILED, REMOVING.",
	.options = options,
	.run = list,
};
