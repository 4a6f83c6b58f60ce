/* log_tail.c - see log_tail.h. */
#include "server/log_tail.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOOK_EVERY_US 200000
#define PIECE (64u << 10)
#define TAIL_BYTES_MAX (512u << 10) /* a stream takes 1 MiB unread */

struct log_tail {
	struct log_tails *t;
	struct log_tail *next;
	struct http_stream *stream;
	char path[4096];
	int fd;       /* -1: not there yet */
	ino_t inode;
};

static void tail_free(struct log_tail *l)
{
	struct log_tail **at = &l->t->first;
	while (*at && *at != l)
		at = &(*at)->next;
	if (*at)
		*at = l->next;
	if (l->fd >= 0)
		close(l->fd);
	if (!l->t->first && l->t->timer)
		loop_timer_off(l->t->timer);
	mem_put(l->t->mem, l);
}

static void tail_gone(void *arg)
{
	tail_free(arg);
}

/* What was appended since. False: the client reads too slowly, and is let go. */
static bool send_rest(struct log_tail *l)
{
	char piece[PIECE];
	for (int i = 0; l->fd >= 0 && i < 4; i++) {
		ssize_t n = read(l->fd, piece, sizeof piece);
		if (n <= 0)
			return true;
		if (!http_stream_put(l->stream, piece, (size_t)n))
			return false;
	}
	return true;
}

/* Goes on with the file that stands under the name now. */
static void open_newest(struct log_tail *l)
{
	struct stat st;
	int fd = open(l->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return;
	if (fstat(fd, &st) || (l->fd >= 0 && st.st_ino == l->inode)) {
		close(fd);
		return;
	}
	if (l->fd >= 0)
		close(l->fd);
	l->fd = fd;
	l->inode = st.st_ino;
}

static void on_look(void *arg)
{
	struct log_tails *t = arg;
	for (struct log_tail *l = t->first; l; l = l->next)
		if (send_rest(l)) {
			open_newest(l);
			(void)send_rest(l);
		}
}

/* Where the newest `lines` lines of the file begin; *found: how many there are, at most that many. */
static off_t find_tail(int fd, unsigned lines, unsigned *found)
{
	char piece[4096];
	struct stat st;
	*found = 0;
	if (fstat(fd, &st) || !lines)
		return st.st_size;
	off_t end = st.st_size, least = end > (off_t)TAIL_BYTES_MAX ? end - (off_t)TAIL_BYTES_MAX : 0;
	for (off_t at = end; at > least;) {
		size_t len = at - least < (off_t)sizeof piece ? (size_t)(at - least) : sizeof piece;
		at -= (off_t)len;
		if (pread(fd, piece, len, at) != (ssize_t)len)
			return end;
		for (size_t i = len; i-- > 0;)
			if (piece[i] == '\n' && at + (off_t)i + 1 < end && ++*found == lines)
				return at + (off_t)i + 1;
	}
	*found += end > least;
	return least;
}

/* The file before the last rotation, if its end belongs to what was asked for. */
static void send_before(struct log_tail *l, unsigned lines)
{
	char path[4100], piece[PIECE];
	unsigned found;
	ssize_t n;
	snprintf(path, sizeof path, "%s.1", l->path);
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return;
	lseek(fd, find_tail(fd, lines, &found), SEEK_SET);
	while ((n = read(fd, piece, sizeof piece)) > 0 && http_stream_put(l->stream, piece, (size_t)n))
		;
	close(fd);
}

static void send_tail(struct log_tail *l, unsigned lines)
{
	unsigned found = 0;
	open_newest(l);
	off_t from = l->fd >= 0 ? find_tail(l->fd, lines, &found) : 0;
	if (found < lines)
		send_before(l, lines - found);
	if (l->fd >= 0)
		lseek(l->fd, from, SEEK_SET);
	for (unsigned i = 0; i < TAIL_BYTES_MAX / PIECE && send_rest(l); i += 4)
		;
}

static RC follow_on(struct log_tail *l, struct err *e)
{
	struct log_tails *t = l->t;
	if (!t->timer && loop_timer_open(&t->timer, t->loop, on_look, t, e) != OK)
		return e->code;
	loop_timer_every(t->timer, LOOK_EVERY_US);
	l->next = t->first;
	t->first = l;
	return OK;
}

void log_tail_serve(struct log_tails *t, struct http_request *r, const char *path, unsigned lines,
		    bool follow)
{
	struct err e = {0};
	struct log_tail *l = mem_get(t->mem, sizeof *l);
	if (!l) {
		http_answer(r, 503, "text/plain", "", 0);
		return;
	}
	l->t = t;
	l->fd = -1;
	snprintf(l->path, sizeof l->path, "%s", path);
	if (http_stream_open(&l->stream, r, "text/plain; charset=utf-8", tail_gone, l, &e) != OK) {
		mem_put(t->mem, l);
		return;
	}
	send_tail(l, lines);
	if (follow && follow_on(l, &e) == OK)
		return;
	http_stream_end(l->stream);
	tail_free(l);
}

void log_tails_close(struct log_tails *t)
{
	while (t->first) {
		http_stream_end(t->first->stream);
		tail_free(t->first);
	}
	loop_timer_close(&t->timer);
}
