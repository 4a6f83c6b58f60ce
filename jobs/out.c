/* out.c - see out.h. */
#include "jobs/out.h"

#include "base/check.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* A pipe that polls writable takes this much without blocking (PIPE_BUF). */
#define PIECE 4096
#define PIECES_A_TURN 64 /* so that one fast reader does not keep the loop from its letters */

struct out {
	struct mem *mem;
	int fd;
	int own;            /* the same, opened for us; -1: not */
	struct loop_watch *watch; /* NULL: a regular file, always writable */
	bool watching, gave_up;
	void (*written)(void *arg);
	void *arg;
	bool in_line;       /* the last byte written ended no line */
	struct mailbox *line_of; /* whose letter ended in a line: the rest of it comes first */
	bool torn;          /* and its rest was thrown away: a line feed is owed */
	struct print_letter *first, *last; /* linked by mail.next */
	size_t at;          /* of the first one's text is written */
	uint64_t dropped;
};

/* The watch makes what it watches non-blocking, and that is shared: with standard error, with
 * the shell, with what runs after us. So a pipe or a terminal is opened once more, for us alone.
 * -1: neither, or it may not be; then it stays as it was, and poll says before each piece that it
 * fits. */
static int reopen(int fd)
{
	struct stat st;
	char path[32];
	if (fstat(fd, &st) || !(S_ISFIFO(st.st_mode) || isatty(fd)))
		return -1;
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	return open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

static void on_writable(void *arg, int events, int error);

RC out_open(struct out **out, struct loop *loop, int fd, void (*written)(void *arg), void *arg,
	    struct mem *mem, struct err *e)
{
	struct out *o = *out = mem_get(mem, sizeof *o);
	struct err why = {0};
	if (!o)
		return ERR(e, E_NO_MEMORY, "no memory for standard output");
	o->mem = mem;
	o->written = written;
	o->arg = arg;
	o->fd = fd;
	o->own = reopen(fd);
	if (o->own >= 0)
		o->fd = o->own;
	int flags = fcntl(o->fd, F_GETFL);
	enum rc rc = loop_watch_open(&o->watch, loop, o->fd, on_writable, o, &why);
	if (o->own < 0 && flags >= 0)
		(void)!fcntl(fd, F_SETFL, flags);
	if (rc != E_NO_MEMORY)
		return OK; /* what cannot be watched is written all the same */
	out_close(o);
	*out = NULL;
	return ERR(e, rc, "%s", why.text);
}

static void give_back(struct print_letter *l)
{
	l->mail.kind = l->reply_kind;
	mailbox_put(l->reply, &l->mail);
}

static struct print_letter *letter_of(struct mail *m)
{
	return m ? CONTAINER_OF(m, struct print_letter, mail) : NULL;
}

static void take_first(struct out *o)
{
	struct print_letter *l = o->first;
	o->first = letter_of(l->mail.next);
	if (!o->first)
		o->last = NULL;
	o->at = 0;
	give_back(l);
}

/* Whether the first letter may be written. A long line comes in several letters, and those of
 * another subtask that come between them wait: what follows of it is brought forward. */
static bool is_ready(struct out *o)
{
	if (!o->first || o->at || !o->line_of || o->first->reply == o->line_of)
		return o->first != NULL;
	struct print_letter *before = o->first, *l;
	for (; (l = letter_of(before->mail.next)); before = l) {
		if (l->reply != o->line_of)
			continue;
		before->mail.next = l->mail.next;
		if (o->last == l)
			o->last = before;
		l->mail.next = &o->first->mail;
		o->first = l;
		return true;
	}
	return false;
}

static bool is_writable(struct out *o)
{
	struct pollfd p = {.fd = o->fd, .events = POLLOUT};
	return !o->watch || poll(&p, 1, 0) == 1;
}

/* Gives back all there is. What was written of the first may end in the middle of a line. */
static void give_all_back(struct out *o, int error)
{
	o->torn |= (o->first || o->line_of) && o->in_line;
	o->line_of = NULL;
	while (o->first) {
		o->dropped += o->first->len - o->at;
		o->first->error = error;
		take_first(o);
	}
}

static ssize_t write_some(struct out *o)
{
	size_t left = o->first->len - o->at;
	if (o->torn)
		return write(o->fd, "\n", 1);
	return write(o->fd, o->first->data + o->at, left < PIECE ? left : PIECE);
}

/* Whether anything was written. */
static bool write_pieces(struct out *o)
{
	bool some = false;
	for (int i = 0; is_ready(o) && i < PIECES_A_TURN && is_writable(o); i++) {
		ssize_t n = write_some(o);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n < 0) {
			give_all_back(o, errno);
			break;
		}
		some |= n > 0;
		if (o->torn) {
			o->torn = n == 0;
			continue;
		}
		o->at += (size_t)n;
		if (n)
			o->in_line = o->first->data[o->at - 1] != '\n';
		if (o->at == o->first->len) {
			o->line_of = o->in_line ? o->first->reply : NULL;
			take_first(o);
		}
	}
	return some;
}

static void out_write(struct out *o)
{
	if (write_pieces(o) && o->written)
		o->written(o->arg);
}

static void out_watch(struct out *o)
{
	if (!o->watch || o->watching == is_ready(o))
		return;
	o->watching = !o->watching;
	loop_watch_for(o->watch, o->watching ? LOOP_WRITE : 0);
}

static void on_writable(void *arg, int events, int error)
{
	(void)events;
	struct out *o = arg;
	if (error)
		give_all_back(o, error);
	else
		out_write(o);
	out_watch(o);
}

void out_print(struct out *o, struct print_letter *l)
{
	if (o->gave_up) {
		o->dropped += l->len;
		give_back(l);
		return;
	}
	l->mail.next = NULL;
	if (o->last)
		o->last->mail.next = &l->mail;
	else
		o->first = l;
	o->last = l;
	do
		out_write(o);
	while (!o->watch && is_ready(o));
	out_watch(o);
}

void out_end_line(struct out *o)
{
	if (!o->line_of)
		return;
	o->line_of = NULL;
	o->torn = true;
	out_write(o);
	out_watch(o);
}

void out_drop(struct out *o)
{
	give_all_back(o, ECANCELED);
	out_watch(o);
}

uint64_t out_give_up(struct out *o)
{
	give_all_back(o, 0);
	out_watch(o);
	o->gave_up = true;
	return o->dropped;
}

void out_close(struct out *o)
{
	if (!o)
		return;
	loop_watch_close(&o->watch);
	if (o->own >= 0)
		close(o->own);
	mem_put(o->mem, o);
}
