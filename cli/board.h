/* board.h - where the state of a job stands on the screen: a few lines at the bottom of a terminal,
 * drawn again in place, and what is told (log lines, reports) above them; or, where nothing can be
 * redrawn, one status line after the other.
 * Why apart from what it says (picture.h): only this file knows cursors, and `weir run` and
 * `weir submit --wait` share it.
 *
 * It redraws on a terminal that knows escapes (TERM is set and not dumb) without NO_COLOR. It uses
 * cursor up, clear line, clear below and colours, and no more: killed at any instant it leaves a
 * usable terminal. In the background of its shell it draws nothing.
 * Threads: control thread. */
#pragma once
#include "cli/paint.h"
#include "jobs/facts.h"

struct board_options {
	const struct paint *paint; /* standard error, as paint_init found it; borrowed */
	struct clock *clock;
	struct mem *mem;
	bool shared;               /* somebody else writes to the same terminal: lines only */
	uint64_t line_every_us;    /* where it says lines: one at most this often; 0: each update */
};

struct board;
/* E_NO_MEMORY, E_IO. */
RC board_open(struct board **b, const struct board_options *o, struct err *e);
/* What is printed to it (whole lines) stands above what is redrawn. Borrowed until board_close.
 * Without redrawing it is the paint that was given. */
const struct paint *board_paint(const struct board *b);
/* Whether it redraws: then an update every quarter of a second is welcome. */
bool board_redraws(const struct board *b);
/* The newest facts, copied as far as they are needed. The name of a state may be any other word
 * ("STOPPING"). Without memory for them nothing new is drawn. */
void board_update(struct board *b, const struct facts *f);
/* The last state is left standing. NULL is legal. */
void board_close(struct board *b);
