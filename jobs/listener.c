/* listener.c - see listener.h. */
#include "jobs/listener.h"

#include "base/check.h"
#include "jobs/secrets.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#define ARGUMENTS_MAX 64

struct facts {
	enum listen_kind kind;
	char *text; /* owned */
	size_t len;
};

struct listener {
	struct listener_options o;
	const struct json *who[LISTEN_KINDS]; /* NULL: nobody */
	struct facts queue[LISTENER_QUEUE];
	uint32_t n;
	uint64_t dropped;
	struct checkpoint_record waiting[CO_CONCURRENT_MAX]; /* for their commit, ids ascending */
	uint32_t n_waiting;
	struct loop_child *child;   /* NULL: none runs */
	enum listen_kind running;
	bool killed;
	struct loop_timer *timer;   /* its limit; then the next one's turn */
	struct secrets secrets;
};

static const char *const key[] = {"on_complete", "on_abort", "on_restore"};

static void warn(struct listener *l, const char *which, const char *text)
{
	if (l->o.log)
		log_line(l->o.log, LOG_WARN, "%s: %s", which, text);
}

/* ---- one run ---- */

static void next(struct listener *l);

static void on_gone(void *arg, int status, int number)
{
	struct listener *l = arg;
	char text[80];
	loop_child_close(&l->child);
	if (l->killed)
		snprintf(text, sizeof text, "it was killed: it did not end in time");
	else if (number)
		snprintf(text, sizeof text, "it died of signal %d", number);
	else
		snprintf(text, sizeof text, "it ended with exit code %d", status);
	if (status || number)
		warn(l, key[l->running], text);
	loop_timer_off(l->timer);
	next(l);
}

/* The program's path, relative to the job's folder, and its arguments. False: too long. */
static bool command(const struct listener *l, const struct json *who, char path[INTENT_PATH_MAX],
		    char *argv[ARGUMENTS_MAX + 1])
{
	bool list = json_kind(who) == JSON_ARRAY;
	size_t n = list ? json_count(who) : 1;
	if (n > ARGUMENTS_MAX)
		return false;
	for (size_t i = 0; i < n; i++)
		argv[i] = (char *)json_string(list ? json_item(who, i) : who, NULL);
	argv[n] = NULL;
	const char *folder = l->o.spec->folder;
	bool joined = argv[0][0] != '/' && folder && *folder;
	int len = snprintf(path, INTENT_PATH_MAX, "%s%s%s", joined ? folder : "", joined ? "/" : "",
			   argv[0]);
	/* Without any slash it would be looked for in PATH. */
	if (len > 0 && len < INTENT_PATH_MAX - 2 && !strchr(path, '/')) {
		memmove(path + 2, path, (size_t)len + 1);
		memcpy(path, "./", 2);
	}
	argv[0] = path;
	return len > 0 && len < INTENT_PATH_MAX - 2;
}

/* A pipe that holds the facts, and then ends. */
static RC facts_pipe(const struct facts *f, int *in, struct err *e)
{
	int fd[2];
	if (pipe2(fd, O_CLOEXEC | O_NONBLOCK))
		return err_errno(e, errno, "cannot make a pipe");
	ssize_t n = write(fd[1], f->text, f->len);
	int failed = n < 0 ? errno : 0;
	close(fd[1]);
	*in = fd[0];
	if (n == (ssize_t)f->len && fcntl(fd[0], F_SETFL, 0) == 0)
		return OK;
	close(fd[0]);
	return err_errno(e, failed ? failed : EIO, "cannot hand the facts over");
}

static RC start(struct listener *l, const struct facts *f, struct err *e)
{
	char path[INTENT_PATH_MAX], *argv[ARGUMENTS_MAX + 1];
	int in = -1;
	if (!command(l, l->who[f->kind], path, argv))
		return ERR(e, E_INVALID, "its path or its arguments are too long");
	if (facts_pipe(f, &in, e) != OK)
		return e->code;
	int log = l->o.log && l->o.log->to ? fileno(l->o.log->to) : -1;
	int fds[] = {in, log, log};
	l->running = f->kind;
	l->killed = false;
	enum rc rc = loop_child_start(&l->child, l->o.loop, path, argv, l->secrets.envp, fds, 3,
				      on_gone, l, e);
	close(in);
	if (rc == OK)
		loop_timer_set(l->timer, l->o.limit_us);
	return rc;
}

/* What waits longest; what cannot be started is told and left out. */
static void next(struct listener *l)
{
	while (!l->child && l->n) {
		struct facts f = l->queue[0];
		struct err e = {0};
		memmove(l->queue, l->queue + 1, --l->n * sizeof *l->queue);
		if (start(l, &f, &e) != OK)
			warn(l, key[f.kind], e.text);
		mem_put(l->o.mem, f.text);
	}
	if (listener_is_idle(l) && l->o.idle)
		l->o.idle(l->o.arg);
}

static void on_timer(void *arg)
{
	struct listener *l = arg;
	if (!l->child) {
		next(l);
		return;
	}
	l->killed = true;
	loop_child_kill(l->child, SIGKILL);
}

/* ---- the queue ---- */

/* Takes *text. Started in the loop's next turn: who tells may stand in the middle of something. */
static void put(struct listener *l, enum listen_kind kind, struct bytes *text)
{
	if (!bytes_ok(text) || text->len > LISTENER_FACTS) {
		warn(l, key[kind], "no memory for the facts, or too many");
		bytes_close(text);
		return;
	}
	if (l->n == LISTENER_QUEUE) {
		uint32_t i = 0;
		while (i < l->n - 1 && l->queue[i].kind != kind)
			i++;
		mem_put(l->o.mem, l->queue[i].text);
		memmove(l->queue + i, l->queue + i + 1, (--l->n - i) * sizeof *l->queue);
		if (!l->dropped++)
			warn(l, key[kind], "it is slower than the checkpoints: the oldest facts are dropped");
	}
	l->queue[l->n++] = (struct facts){kind, (char *)text->data, text->len};
	if (!l->child)
		loop_timer_set(l->timer, 0);
}

static void facts_begin(const struct listener *l, struct json_out *o, struct bytes *text,
			const char *event, uint64_t checkpoint)
{
	bytes_init(text, l->o.mem);
	jout_begin(o, text, false);
	jout_object(o);
	jout_kv_string(o, "event", event);
	jout_kv_string(o, "job", l->o.spec->name);
	jout_kv_string(o, "dir", l->o.dir);
	jout_kv_uint(o, "checkpoint", checkpoint);
}

static void facts_end(struct listener *l, enum listen_kind kind, struct json_out *o,
		      struct bytes *text)
{
	jout_object_end(o);
	bytes_put_u8(text, '\n');
	put(l, kind, text);
}

/* ---- what is told ---- */

static void tell_checkpoint(struct listener *l, const struct checkpoint_record *r)
{
	struct bytes text;
	struct json_out o;
	facts_begin(l, &o, &text, r->completed ? "completed" : "aborted", r->id);
	jout_kv_string(&o, "kind", co_kind_name(r->kind));
	jout_kv_int(&o, "wall_us", r->wall_us);
	jout_kv_uint(&o, "total_us", r->total_us);
	if (!r->completed) {
		jout_kv_string(&o, "error", r->error);
	} else {
		jout_kv_uint(&o, "bytes_written", r->bytes_written);
		jout_kv_uint(&o, "state_bytes", r->state_bytes);
		jout_kv_uint(&o, "keys", r->keys);
		jout_kv_uint(&o, "keys_changed", r->keys_changed);
		jout_kv_uint(&o, "align_us", r->align_us);
		jout_kv_uint(&o, "sync_us_max", r->sync_us_max);
	}
	facts_end(l, r->completed ? LISTEN_COMPLETE : LISTEN_ABORT, &o, &text);
}

void listener_checkpoint(struct listener *l, const struct checkpoint_record *r)
{
	if (!l || !l->who[r->completed ? LISTEN_COMPLETE : LISTEN_ABORT])
		return;
	if (!r->completed) {
		tell_checkpoint(l, r);
		return;
	}
	if (l->n_waiting == CO_CONCURRENT_MAX) /* their attempt ended before it could commit them */
		memmove(l->waiting, l->waiting + 1, --l->n_waiting * sizeof *l->waiting);
	l->waiting[l->n_waiting++] = *r;
}

void listener_committed(struct listener *l, uint64_t id)
{
	uint32_t n = 0;
	if (!l)
		return;
	for (; n < l->n_waiting && l->waiting[n].id <= id; n++)
		tell_checkpoint(l, &l->waiting[n]);
	l->n_waiting -= n;
	memmove(l->waiting, l->waiting + n, l->n_waiting * sizeof *l->waiting);
}

void listener_restored(struct listener *l, const struct job_recovery *r, uint32_t attempt)
{
	struct bytes text;
	struct json_out o;
	if (!l || !l->who[LISTEN_RESTORE] || !r->restored)
		return;
	facts_begin(l, &o, &text, "restored", r->checkpoint);
	jout_kv_uint(&o, "attempt", attempt);
	jout_kv_int(&o, "checkpoint_wall_us", r->checkpoint_wall_us);
	jout_kv_uint(&o, "keys", r->keys);
	jout_kv_uint(&o, "bytes_read", r->bytes_read);
	jout_kv_uint(&o, "files_committed", r->intents_committed);
	facts_end(l, LISTEN_RESTORE, &o, &text);
}

bool listener_is_idle(const struct listener *l)
{
	return !l || (!l->child && !l->n);
}

/* ---- from the beginning to the end ---- */

RC listener_open(struct listener **out, const struct listener_options *o, struct err *e)
{
	const struct spec_checkpoint *c = &o->spec->checkpoint;
	*out = NULL;
	if (!c->on_complete && !c->on_abort && !c->on_restore)
		return OK;
	struct listener *l = mem_get(o->mem, sizeof *l);
	if (!l)
		return ERR(e, E_NO_MEMORY, "no memory for the job's listeners");
	l->o = *o;
	l->who[LISTEN_COMPLETE] = c->on_complete;
	l->who[LISTEN_ABORT] = c->on_abort;
	l->who[LISTEN_RESTORE] = c->on_restore;
	if (secrets_open(&l->secrets, o->spec, o->fs, o->mem, e) != OK ||
	    loop_timer_open(&l->timer, o->loop, on_timer, l, e) != OK) {
		secrets_close(&l->secrets);
		mem_put(o->mem, l);
		return e->code;
	}
	*out = l;
	return OK;
}

void listener_close(struct listener *l)
{
	if (!l)
		return;
	if (l->child) {
		warn(l, key[l->running], "it was killed: the job is over");
		loop_child_kill(l->child, SIGKILL);
		loop_child_close(&l->child);
	}
	for (uint32_t i = 0; i < l->n; i++)
		mem_put(l->o.mem, l->queue[i].text);
	loop_timer_close(&l->timer);
	secrets_close(&l->secrets);
	mem_put(l->o.mem, l);
}
