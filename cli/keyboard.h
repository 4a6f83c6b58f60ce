/* keyboard.h - single key presses from standard input, arrows too, without waiting for one.
 * Threads: control thread. */
#pragma once
#include "cli/key_press.h"

#include <stddef.h>

/* What keyboard_take returns beside bytes. */
enum key { KEY_NONE = -1, KEY_END = -2, KEY_UP = 256, KEY_DOWN, KEY_LEFT, KEY_RIGHT, KEY_ESCAPE };

struct keyboard {
	struct key_press raw; /* raw.terminal: there are keys */
	unsigned char in[64];
	size_t n, at;
};

void keyboard_begin(struct keyboard *k);
void keyboard_end(struct keyboard *k); /* any number of times */
/* The next key of those that were pressed; KEY_NONE: none; KEY_END: nobody will press one any
 * more. Never waits. */
int keyboard_take(struct keyboard *k);
