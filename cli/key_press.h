/* key_press.h - a terminal whose keys come one at a time, without Enter and without an echo; and
 * back. Threads: one owner. */
#pragma once
#include <stdbool.h>
#include <termios.h>

#define KEY_INTERRUPT 3 /* Ctrl-C, where it is a key like others */

struct key_press {
	bool terminal; /* standard input is one; else nothing was changed */
	struct termios was;
};

/* signals: Ctrl-C and its like go on to end the process (and leave the terminal as it is). */
void key_press_begin(struct key_press *k, bool signals);
void key_press_end(struct key_press *k); /* once more is legal */
