/* key_press.h - a terminal whose keys come one at a time, without Enter and without an echo; and
 * back. Threads: one owner. */
#pragma once
#include <stdbool.h>
#include <termios.h>

#define KEY_INTERRUPT 3 /* Ctrl-C: a key like others, so that the terminal is put right again */

struct key_press {
	bool terminal; /* standard input is one; else nothing was changed */
	struct termios was;
};

void key_press_begin(struct key_press *k);
void key_press_end(struct key_press *k); /* once more is legal */
