/* board.c - see board.h. How a block is drawn in place: canvas.h. What is told goes where the block
 * began, and the block is drawn below it. */
#include "cli/board.h"

#include "cli/canvas.h"
#include "cli/picture.h"
#include "cli/row.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

/* Not drawn for as long, and much longer than usual: it was stopped, others wrote meanwhile. */
#define AWAY_US 5000000

struct board {
	struct board_options o;
	struct paint paint;     /* what others print to */
	bool redraws;
	struct pace pace;
	struct facts f;         /* the newest: a copy of our own */
	bool has_facts;
	struct canvas canvas;
	struct bytes line;      /* told, but not yet a whole line */
	uint64_t drawn_us, usual_us; /* the last time, and how long after the one before */
	uint64_t said_us;
};

/* ---- the terminal ---- */

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

/* ---- drawing ---- */

static void put_block(struct board *b)
{
	struct paint plain = {0};
	struct bytes text, bare;
	unsigned columns, rows;
	canvas_size(&b->canvas, &columns, &rows);
	struct picture v = {.f = &b->f, .pace = &b->pace, .paint = b->o.paint,
			    .columns = columns > 1 ? columns - 1 : 1, .rows = rows > 1 ? rows - 1 : 1};
	bytes_init(&text, b->o.mem);
	bytes_init(&bare, b->o.mem);
	picture_block(&v, &text);
	v.paint = &plain;
	picture_block(&v, &bare);
	canvas_put(&b->canvas, bytes_text(&text), bytes_text(&bare));
	bytes_close(&text);
	bytes_close(&bare);
}

static void draw(struct board *b)
{
	uint64_t now_us = clock_mono_us(b->o.clock);
	uint64_t since_us = now_us - b->drawn_us;
	if (!may_draw(b))
		return;
	if (b->usual_us && since_us > AWAY_US && since_us > 4 * b->usual_us)
		canvas_forget(&b->canvas);
	canvas_up(&b->canvas, false);
	put_block(b);
	canvas_flush(&b->canvas);
	b->usual_us = b->drawn_us ? since_us : 0;
	b->drawn_us = now_us;
}

static void say(struct board *b)
{
	struct picture v = {.f = &b->f, .pace = &b->pace, .paint = b->o.paint, .rows = 1};
	uint64_t now_us = clock_mono_us(b->o.clock);
	if (b->said_us && now_us - b->said_us < b->o.line_every_us)
		return;
	picture_line(&v, &b->canvas.out);
	canvas_flush(&b->canvas);
	b->said_us = now_us;
}

/* ---- what is told above it ---- */

/* Whole lines. */
static void tell(struct board *b, const char *text, size_t len)
{
	if (b->canvas.drawn.len && !in_background(b))
		canvas_up(&b->canvas, true);
	canvas_forget(&b->canvas);
	bytes_put(&b->canvas.out, text, len);
	if (b->has_facts && !in_background(b))
		put_block(b);
	canvas_flush(&b->canvas);
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
	canvas_init(&b->canvas, o->paint->to, o->mem);
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
	canvas_close(&b->canvas);
	bytes_close(&b->line);
	mem_put(b->o.mem, b);
}
