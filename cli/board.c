/* board.c - see board.h.
 *
 * The block is the last thing on the screen and the cursor stands at the beginning of the line
 * below it. To draw again: up by as many rows as it takes now (the terminal may be narrower than it
 * was then, and have wrapped it), each line anew with what was right of it cleared, and all below
 * cleared. What is told goes where the block began, and the block is drawn below it. */
#include "cli/board.h"

#include "cli/picture.h"
#include "cli/row.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define UP "\033[%uA"
#define CLEAR_RIGHT "\033[K"
#define CLEAR_BELOW "\033[J"

#define COLUMNS 80 /* of a terminal that does not say */
#define ROWS 24
/* Not drawn for as long, and much longer than usual: it was stopped, others wrote meanwhile. */
#define AWAY_US 5000000

struct board {
	struct board_options o;
	struct paint paint;     /* what others print to */
	bool redraws;
	struct pace pace;
	struct facts f;         /* the newest: a copy of our own */
	bool has_facts;
	struct bytes drawn;     /* the block as it stands on the screen, without escapes */
	struct bytes out;       /* what is written next, at once */
	struct bytes line;      /* told, but not yet a whole line */
	uint64_t drawn_us, usual_us; /* the last time, and how long after the one before */
	uint64_t said_us;
};

/* ---- the terminal ---- */

static void size_of(const struct board *b, unsigned *columns, unsigned *rows)
{
	struct winsize w = {0};
	bool known = !ioctl(fileno(b->o.paint->to), TIOCGWINSZ, &w);
	*columns = known && w.ws_col ? w.ws_col : COLUMNS;
	*rows = known && w.ws_row ? w.ws_row : ROWS;
}

/* A shell whose job we are in the background owns the screen. */
static bool in_background(const struct board *b)
{
	pid_t owner = tcgetpgrp(fileno(b->o.paint->to));
	return owner > 0 && owner != getpgrp();
}

/* Nor is a picture worth waiting for a terminal that is held (Ctrl-S): the next one will do. */
static bool may_draw(const struct board *b)
{
	struct pollfd p = {.fd = fileno(b->o.paint->to), .events = POLLOUT};
	return !in_background(b) && poll(&p, 1, 0) == 1 && (p.revents & POLLOUT);
}

/* Rows the drawn block takes on a screen of so many columns. */
static unsigned rows_drawn(const struct board *b, unsigned columns)
{
	unsigned rows = 0, at = 0;
	for (size_t i = 0; i < b->drawn.len; i++) {
		if (b->drawn.data[i] != '\n') {
			at++;
			continue;
		}
		rows += at > columns ? (at + columns - 1) / columns : 1;
		at = 0;
	}
	return rows;
}

static void flush(struct board *b)
{
	FILE *to = b->o.paint->to;
	if (bytes_ok(&b->out)) {
		fwrite(b->out.data, 1, b->out.len, to);
		fflush(to);
	}
	bytes_close(&b->out);
	bytes_init(&b->out, b->o.mem);
}

/* To where the block begins; clear: nothing of it is left. */
static void go_up(struct board *b, unsigned columns, bool clear)
{
	unsigned rows = rows_drawn(b, columns);
	if (rows)
		bytes_printf(&b->out, UP, rows);
	bytes_put_text(&b->out, clear ? "\r" CLEAR_BELOW : "\r");
}

/* ---- drawing ---- */

static void put_line(struct board *b, const char *line, size_t len)
{
	bytes_put(&b->out, line, len);
	bytes_put_text(&b->out, CLEAR_RIGHT "\n");
}

/* The block with colours to the screen, the same without to `drawn`: its lines' lengths are what
 * they take of the screen. */
static void put_block(struct board *b, unsigned columns, unsigned rows)
{
	struct paint plain = {0};
	/* The last column stays free: what is cleared behind a full line would be its end. */
	struct picture v = {.f = &b->f, .pace = &b->pace, .paint = b->o.paint,
			    .columns = columns > 1 ? columns - 1 : 1, .rows = rows > 1 ? rows - 1 : 1};
	struct bytes text;
	bytes_init(&text, b->o.mem);
	picture_block(&v, &text);
	const char *line = bytes_text(&text);
	for (const char *end; (end = strchr(line, '\n')); line = end + 1)
		put_line(b, line, (size_t)(end - line));
	bytes_put_text(&b->out, CLEAR_BELOW);
	bytes_close(&text);
	v.paint = &plain;
	bytes_clear(&b->drawn);
	picture_block(&v, &b->drawn);
}

static void draw(struct board *b)
{
	unsigned columns, rows;
	uint64_t now_us = clock_mono_us(b->o.clock);
	uint64_t since_us = now_us - b->drawn_us;
	if (!may_draw(b))
		return;
	if (b->usual_us && since_us > AWAY_US && since_us > 4 * b->usual_us)
		bytes_clear(&b->drawn);
	size_of(b, &columns, &rows);
	go_up(b, columns, false);
	put_block(b, columns, rows);
	flush(b);
	b->usual_us = b->drawn_us ? since_us : 0;
	b->drawn_us = now_us;
}

static void say(struct board *b)
{
	struct picture v = {.f = &b->f, .pace = &b->pace, .paint = b->o.paint, .rows = 1};
	uint64_t now_us = clock_mono_us(b->o.clock);
	if (b->said_us && now_us - b->said_us < b->o.line_every_us)
		return;
	picture_line(&v, &b->out);
	flush(b);
	b->said_us = now_us;
}

/* ---- what is told above it ---- */

/* Whole lines. */
static void tell(struct board *b, const char *text, size_t len)
{
	unsigned columns, rows;
	size_of(b, &columns, &rows);
	if (b->drawn.len && !in_background(b))
		go_up(b, columns, true);
	bytes_clear(&b->drawn);
	bytes_put(&b->out, text, len);
	if (b->has_facts && !in_background(b))
		put_block(b, columns, rows);
	flush(b);
}

static ssize_t told(void *board, const char *text, size_t len)
{
	struct board *b = board;
	bytes_put(&b->line, text, len);
	if (!bytes_ok(&b->line)) {
		bytes_close(&b->line);
		bytes_init(&b->line, b->o.mem);
		errno = ENOMEM;
		return 0;
	}
	const char *end = b->line.len ? memrchr(b->line.data, '\n', b->line.len) : NULL;
	if (!end)
		return (ssize_t)len;
	size_t whole = (size_t)(end + 1 - (const char *)b->line.data);
	tell(b, (const char *)b->line.data, whole);
	memmove(b->line.data, b->line.data + whole, b->line.len - whole);
	b->line.len -= whole;
	return (ssize_t)len;
}

static RC open_stream(struct board *b, struct err *e)
{
	b->paint.to = fopencookie(b, "w", (cookie_io_functions_t){.write = told});
	if (!b->paint.to)
		return err_errno(e, errno, "a stream for messages");
	setvbuf(b->paint.to, NULL, _IOLBF, 0);
	return OK;
}

/* ---- all of it ---- */

RC board_open(struct board **to, const struct board_options *o, struct err *e)
{
	struct board *b = *to = mem_get(o->mem, sizeof *b);
	if (!b)
		return ERR(e, E_NO_MEMORY, "no memory for the screen");
	b->o = *o;
	b->paint = *o->paint;
	b->redraws = o->paint->colour && !o->shared;
	pace_init(&b->pace, o->mem);
	bytes_init(&b->drawn, o->mem);
	bytes_init(&b->out, o->mem);
	bytes_init(&b->line, o->mem);
	if (b->redraws && open_stream(b, e) != OK) {
		b->redraws = false;
		board_close(b);
		*to = NULL;
		return e->code;
	}
	return OK;
}

const struct paint *board_paint(const struct board *b)
{
	return &b->paint;
}

bool board_redraws(const struct board *b)
{
	return b->redraws;
}

/* Ours, since what is told above is drawn with it later. */
static bool keep_facts(struct board *b, const struct facts *f)
{
	struct facts copy;
	struct err ignored = {0};
	if (facts_copy(&copy, f, b->o.mem, &ignored) != OK)
		return false;
	facts_close(&b->f);
	b->f = copy;
	return true;
}

void board_update(struct board *b, const struct facts *f)
{
	struct err ignored = {0};
	b->has_facts = pace_update(&b->pace, f, &ignored) == OK && keep_facts(b, f);
	if (!b->has_facts)
		return;
	if (b->redraws)
		draw(b);
	else
		say(b);
}

void board_close(struct board *b)
{
	if (!b)
		return;
	if (b->redraws)
		fclose(b->paint.to);
	pace_close(&b->pace);
	facts_close(&b->f);
	bytes_close(&b->drawn);
	bytes_close(&b->out);
	bytes_close(&b->line);
	mem_put(b->o.mem, b);
}
