/* keyboard.c - see keyboard.h. */
#include "cli/keyboard.h"

#include <poll.h>
#include <unistd.h>

void keyboard_begin(struct keyboard *k)
{
	*k = (struct keyboard){0};
	key_press_begin(&k->raw);
}

void keyboard_end(struct keyboard *k)
{
	key_press_end(&k->raw);
}

/* What an arrow sends: ESC [ A, or ESC O A. One that is cut by the buffer's end is an ESC. */
static int escaped(struct keyboard *k)
{
	static const int arrows[] = {KEY_UP, KEY_DOWN, KEY_RIGHT, KEY_LEFT};
	if (k->at + 1 >= k->n || (k->in[k->at] != '[' && k->in[k->at] != 'O'))
		return KEY_ESCAPE;
	unsigned char last = k->in[k->at + 1];
	k->at += 2;
	return last >= 'A' && last <= 'D' ? arrows[last - 'A'] : KEY_NONE;
}

int keyboard_take(struct keyboard *k)
{
	if (k->at == k->n) {
		struct pollfd p = {.fd = STDIN_FILENO, .events = POLLIN};
		if (poll(&p, 1, 0) != 1)
			return KEY_NONE;
		ssize_t n = read(STDIN_FILENO, k->in, sizeof k->in);
		k->at = 0;
		k->n = n > 0 ? (size_t)n : 0;
		if (!k->n)
			return KEY_END;
	}
	int key = k->in[k->at++];
	return key == '\033' ? escaped(k) : key;
}
