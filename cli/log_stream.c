/* log_stream.c - see log_stream.h. The stream itself has no buffer: each fputs and fprintf comes
 * here at once (a line-buffered one would cut the first of them into lines); lines that come in
 * pieces are put together here. */
#include "cli/log_stream.h"

#include <string.h>

/* The first n bytes held are an entry; without its last newline. */
static void put(struct log_stream *s, size_t n)
{
	size_t text = n && s->held[n - 1] == '\n' ? n - 1 : n;
	if (text)
		log_line(s->log, LOG_INFO, "%.*s", (int)text, s->held);
	s->n -= n;
	memmove(s->held, s->held + n, s->n);
}

/* The whole lines of it. */
static void put_lines(struct log_stream *s)
{
	const char *last = memrchr(s->held, '\n', s->n);
	if (last)
		put(s, (size_t)(last - s->held) + 1);
}

static ssize_t written(void *cookie, const char *data, size_t len)
{
	struct log_stream *s = cookie;
	for (size_t done = 0; done < len;) {
		size_t room = LOG_STREAM_MAX - s->n;
		size_t n = len - done < room ? len - done : room;
		memcpy(s->held + s->n, data + done, n);
		s->n += n;
		done += n;
		if (s->n == LOG_STREAM_MAX) {
			put_lines(s);
			if (s->n == LOG_STREAM_MAX) /* a line that is longer than an entry */
				put(s, s->n);
		}
	}
	put_lines(s);
	return (ssize_t)len;
}

static int closed(void *cookie)
{
	struct log_stream *s = cookie;
	put(s, s->n);
	return 0;
}

FILE *log_stream_open(struct log_stream *s, struct log *log)
{
	*s = (struct log_stream){.log = log};
	FILE *to = fopencookie(s, "w", (cookie_io_functions_t){.write = written, .close = closed});
	if (to)
		setvbuf(to, NULL, _IONBF, 0);
	return to;
}
