/* log_tail.c - see log_tail.h. */
#include "server/log_tail.h"

#include "server/log_open.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOOK_EVERY_US 200000
#define LOOK_SOON_US 20000          /* what is behind; by feel */
#define PIECE (64u << 10)
#define TAIL_BYTES_MAX ((off_t)512 << 10) /* a stream takes 1 MiB unread */
#define UNREAD_MAX (512u << 10)
#define BEFORE_PATH 4100

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

static off_t size_of(int fd)
{
	struct stat st;
	return fstat(fd, &st) ? 0 : st.st_size;
}

/* Up to `most` bytes of fd. False: the client reads too slowly, and is let go. */
static bool send_bytes(struct log_tail *l, int fd, off_t most)
{
	char piece[PIECE];
	while (most > 0) {
		ssize_t n = read(fd, piece, most < (off_t)PIECE ? (size_t)most : PIECE);
		if (n <= 0)
			return true;
		if (!http_stream_put(l->stream, piece, (size_t)n))
			return false;
		most -= n;
	}
	return true;
}

/* Whether all that was appended is sent; what the client does not take yet waits in the file. */
static bool send_rest(struct log_tail *l)
{
	size_t unread = http_stream_unread(l->stream);
	off_t room = unread < UNREAD_MAX ? (off_t)(UNREAD_MAX - unread) : 0;
	off_t rest = l->fd < 0 ? 0 : size_of(l->fd) - lseek(l->fd, 0, SEEK_CUR);
	return rest <= 0 || (send_bytes(l, l->fd, rest < room ? rest : room) && rest <= room);
}

/* Another file than the one that is open, or -1. */
static int open_other(const struct log_tail *l, const char *path)
{
	struct stat st;
	struct err ignored = {0};
	int fd;
	if (log_open(&fd, path, O_RDONLY, &ignored) != OK)
		return -1;
	if (!fstat(fd, &st) && (l->fd < 0 || st.st_ino != l->inode))
		return fd;
	close(fd);
	return -1;
}

/* Goes on with fd. */
static void go_on(struct log_tail *l, int fd)
{
	struct stat st;
	if (l->fd >= 0)
		close(l->fd);
	l->fd = fd;
	l->inode = fd >= 0 && !fstat(fd, &st) ? st.st_ino : 0;
}

/* The file that followed the one that is open: the one under the name, or, when two came since, the
 * one before it. -1: none. */
static int open_next(const struct log_tail *l)
{
	char path[BEFORE_PATH];
	int fd = open_other(l, l->path);
	if (fd < 0 || l->fd < 0)
		return fd;
	snprintf(path, sizeof path, "%s.1", l->path);
	int before = open_other(l, path);
	if (before < 0)
		return fd;
	close(fd);
	return before;
}

/* Whether there is more to come. Once another file follows nothing is appended to this one. */
static bool look(struct log_tail *l)
{
	for (int files = 0; files < 3; files++) {
		int next = open_next(l);
		bool all = send_rest(l);
		if (next < 0)
			return !all;
		if (!all) {
			close(next);
			return true;
		}
		go_on(l, next);
	}
	return true;
}

static void on_look(void *arg)
{
	struct log_tails *t = arg;
	bool more = false;
	for (struct log_tail *l = t->first; l; l = l->next)
		more |= look(l);
	loop_timer_set(t->timer, more ? LOOK_SOON_US : LOOK_EVERY_US);
}

/* Where the newest `lines` lines of the file begin, or its newest `most` bytes; *found: how many
 * lines there are, at most that many. */
static off_t find_tail(int fd, unsigned lines, off_t most, unsigned *found)
{
	char piece[4096];
	off_t end = size_of(fd), least = end > most ? end - most : 0;
	*found = 0;
	if (!lines)
		return end;
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
static void send_before(struct log_tail *l, unsigned lines, off_t most)
{
	char path[BEFORE_PATH];
	unsigned found;
	snprintf(path, sizeof path, "%s.1", l->path);
	int fd = open_other(l, path);
	if (fd < 0)
		return;
	off_t size = size_of(fd), from = find_tail(fd, lines, most, &found);
	if (lseek(fd, from, SEEK_SET) == from)
		(void)send_bytes(l, fd, size - from);
	close(fd);
}

static void send_tail(struct log_tail *l, unsigned lines)
{
	unsigned found = 0;
	off_t size = 0, from = 0;
	go_on(l, open_next(l));
	if (l->fd >= 0) {
		size = size_of(l->fd);
		from = find_tail(l->fd, lines, TAIL_BYTES_MAX, &found);
	}
	if (found < lines)
		send_before(l, lines - found, TAIL_BYTES_MAX - (size - from));
	if (l->fd >= 0 && lseek(l->fd, from, SEEK_SET) == from)
		(void)send_bytes(l, l->fd, size - from);
}

static RC follow_on(struct log_tail *l, struct err *e)
{
	struct log_tails *t = l->t;
	if (!t->timer && loop_timer_open(&t->timer, t->loop, on_look, t, e) != OK)
		return e->code;
	loop_timer_set(t->timer, LOOK_EVERY_US);
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

void log_tails_end(struct log_tails *t, const char *path)
{
	struct log_tail *l, *next;
	for (l = t->first; l; l = next) {
		next = l->next;
		if (strcmp(l->path, path))
			continue;
		(void)send_rest(l);
		http_stream_end(l->stream);
		tail_free(l);
	}
}

void log_tails_close(struct log_tails *t)
{
	while (t->first) {
		http_stream_end(t->first->stream);
		tail_free(t->first);
	}
	loop_timer_close(&t->timer);
}
