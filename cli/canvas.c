/* canvas.c - see canvas.h. */
#include "cli/canvas.h"

#include <string.h>
#include <sys/ioctl.h>

#define UP "\033[%uA"
#define CLEAR_RIGHT "\033[K"
#define CLEAR_BELOW "\033[J"

#define COLUMNS 80 /* of a terminal that does not say */
#define ROWS 24

void canvas_init(struct canvas *b, FILE *to, struct mem *mem)
{
	*b = (struct canvas){.to = to};
	bytes_init(&b->drawn, mem);
	bytes_init(&b->out, mem);
}

void canvas_close(struct canvas *b)
{
	bytes_close(&b->drawn);
	bytes_close(&b->out);
}

void canvas_size(const struct canvas *b, unsigned *columns, unsigned *rows)
{
	struct winsize w = {0};
	bool known = !ioctl(fileno(b->to), TIOCGWINSZ, &w);
	*columns = known && w.ws_col ? w.ws_col : COLUMNS;
	*rows = known && w.ws_row ? w.ws_row : ROWS;
}

/* Rows the drawn block takes on a screen of so many columns. */
static unsigned rows_drawn(const struct canvas *b, unsigned columns)
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

void canvas_up(struct canvas *b, bool clear)
{
	unsigned columns, rows;
	canvas_size(b, &columns, &rows);
	unsigned up = rows_drawn(b, columns);
	if (up)
		bytes_printf(&b->out, UP, up);
	bytes_put_text(&b->out, clear ? "\r" CLEAR_BELOW : "\r");
	if (clear)
		canvas_forget(b);
}

void canvas_forget(struct canvas *b)
{
	bytes_clear(&b->drawn);
}

void canvas_put(struct canvas *b, const char *text, const char *plain)
{
	for (const char *end; (end = strchr(text, '\n')); text = end + 1) {
		bytes_put(&b->out, text, (size_t)(end - text));
		bytes_put_text(&b->out, CLEAR_RIGHT "\n");
	}
	bytes_put_text(&b->out, CLEAR_BELOW);
	bytes_clear(&b->drawn);
	bytes_put_text(&b->drawn, plain);
}

void canvas_flush(struct canvas *b)
{
	struct mem *mem = b->out.mem;
	if (bytes_ok(&b->out)) {
		fwrite(b->out.data, 1, b->out.len, b->to);
		fflush(b->to);
	}
	bytes_close(&b->out);
	bytes_init(&b->out, mem);
}
