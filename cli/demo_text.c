/* demo_text.c - see demo_text.h. */
#include "cli/demo_text.h"

#include "base/bytes.h"
#include "base/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define LICENCES "/usr/share/common-licenses"

static bool is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

bool demo_text_word(const char *data, size_t len, size_t *at, const char **word, size_t *word_len)
{
	while (*at < len && is_space(data[*at]))
		++*at;
	*word = data + *at;
	while (*at < len && !is_space(data[*at]))
		++*at;
	*word_len = (size_t)(data + *at - *word);
	return *word_len > 0;
}

static RC add_file(struct demo_text *t, struct env *env, const char *path, struct bytes *to,
		   struct err *e)
{
	uint8_t *data;
	size_t len;
	struct fs_stat st;
	if (fs_stat(env->fs, path, &st, e) != OK)
		return e->code;
	if (st.kind != FS_FILE)
		return ERR(e, E_USAGE, "'%s' is no text file", path);
	if (st.size_bytes + to->len > DEMO_TEXT_MAX)
		return ERR(e, E_USAGE,
			   "'%s' makes the text longer than 64 MiB; try a part of it: head -c 10M %s > text",
			   path, path);
	if (fs_read_all(env->fs, path, DEMO_TEXT_MAX, &data, &len, e) != OK)
		return e->code;
	bytes_put(to, data, len);
	/* `cat` would join the last word of a file without a final newline to the next file's first. */
	if (t->folder && len && data[len - 1] != '\n') {
		bytes_put_u8(to, '\n');
		t->copy = true;
	}
	t->files++;
	mem_put(env->mem, data);
	return bytes_ok(to) ? OK : ERR(e, E_NO_MEMORY, "no memory for the text");
}

static RC add_folder(struct demo_text *t, struct env *env, struct bytes *to, struct err *e)
{
	struct fs_names names;
	if (fs_list(env->fs, t->path, &names, e) != OK)
		return e->code;
	enum rc rc = OK;
	for (size_t i = 0; i < names.n && rc == OK; i++) {
		char path[4096];
		struct fs_stat st;
		struct err why = {0};
		if (names.name[i][0] == '.')
			continue;
		snprintf(path, sizeof path, "%s/%s", t->path, names.name[i]);
		/* Neither folders nor what vanished are read. */
		if (fs_stat(env->fs, path, &st, &why) == OK && st.kind == FS_FILE)
			rc = add_file(t, env, path, to, e);
	}
	fs_names_close(&names);
	return rc;
}

static void measure(struct demo_text *t)
{
	const char *word;
	size_t len, longest = 0, begin = 0;
	for (size_t at = 0; demo_text_word(t->data, t->len, &at, &word, &len);)
		t->words++;
	for (size_t at = 0; at < t->len; at++)
		if (t->data[at] == '\n' || at + 1 == t->len) {
			t->lines++;
			longest = at - begin > longest ? at - begin : longest;
			begin = at + 1;
		}
	if (t->lines < DEMO_LINES_MIN || longest > t->len / 50 || !utf8_is(t->path, strlen(t->path)))
		t->copy = true;
}

RC demo_text_open(struct demo_text *t, struct env *env, const char *path, struct err *e)
{
	*t = (struct demo_text){.mem = env->mem};
	struct fs_stat st;
	struct bytes text;
	const char *asked = path ? path : LICENCES;
	bytes_init(&text, env->mem);
	enum rc rc = fs_stat(env->fs, asked, &st, e);
	if (rc != OK) {
		if (!path)
			rc = err_in(e, "give a text: weir demo FILE");
		goto end;
	}
	char *real = realpath(asked, NULL);
	t->path = real ? mem_string(env->mem, real) : NULL;
	free(real);
	if (!t->path) {
		rc = ERR(e, E_NOT_FOUND, "'%s' cannot be found", asked);
		goto end;
	}
	t->folder = st.kind == FS_DIR;
	rc = t->folder ? add_folder(t, env, &text, e) : add_file(t, env, t->path, &text, e);
	if (rc != OK)
		goto end;
	t->data = (char *)text.data;
	t->len = text.len;
	text = (struct bytes){0};
	measure(t);
	if (t->words < DEMO_WORDS_MIN)
		rc = ERR(e, E_USAGE,
			 "'%s' has %" PRIu64 " words; the demo needs at least %d, to be killed in the middle",
			 asked, t->words, DEMO_WORDS_MIN);
end:
	if (text.mem)
		bytes_close(&text);
	return rc;
}

void demo_text_close(struct demo_text *t)
{
	if (!t->mem)
		return;
	mem_put(t->mem, t->path);
	mem_put(t->mem, t->data);
	*t = (struct demo_text){0};
}

RC demo_text_copy(struct demo_text *t, struct env *env, const char *path, struct err *e)
{
	struct bytes text;
	const char *word;
	size_t len, at = 0;
	uint64_t in_line = 0, a_line = t->words / (3 * DEMO_LINES_MIN);
	a_line = a_line < 1 ? 1 : a_line > 10 ? 10 : a_line;
	bytes_init(&text, env->mem);
	t->lines = 0;
	while (demo_text_word(t->data, t->len, &at, &word, &len)) {
		bytes_put(&text, word, len);
		bool end = ++in_line == a_line;
		bytes_put_u8(&text, end ? '\n' : ' ');
		if (end) {
			in_line = 0;
			t->lines++;
		}
	}
	if (in_line && bytes_ok(&text)) {
		text.data[text.len - 1] = '\n';
		t->lines++;
	}
	enum rc rc = bytes_ok(&text) ? fs_write_new(env->fs, path, text.data, text.len, e)
				     : ERR(e, E_NO_MEMORY, "no memory for the text");
	bytes_close(&text);
	return rc;
}
