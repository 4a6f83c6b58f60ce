/* key_press.c - see key_press.h. */
#include "cli/key_press.h"

#include <unistd.h>

void key_press_begin(struct key_press *k)
{
	struct termios t;
	k->terminal = isatty(STDIN_FILENO) && tcgetattr(STDIN_FILENO, &k->was) == 0;
	if (!k->terminal)
		return;
	t = k->was;
	t.c_lflag &= ~(tcflag_t)(ICANON | ECHO | ISIG);
	(void)tcsetattr(STDIN_FILENO, TCSANOW, &t);
}

void key_press_end(struct key_press *k)
{
	if (k->terminal)
		(void)tcsetattr(STDIN_FILENO, TCSANOW, &k->was);
	k->terminal = false;
}
