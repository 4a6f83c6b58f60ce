/* demo_verdict.c - the end of the demo: what each counter says, beside `tr | sort | uniq -c`. */
#include "cli/demo.h"

#include "base/json.h"

#include <errno.h>
#include <stdio.h>

#define TOP 10

/* ---- reading ---- */

static RC read_into(struct demo *d, const char *path, int column, bool rows, bool header,
		    struct err *e)
{
	uint8_t *data;
	size_t len;
	if (fs_read_all(d->env->fs, path, (size_t)1 << 31, &data, &len, e) != OK)
		return e->code;
	enum rc rc = rows ? demo_words_read_rows(&d->words, column, (char *)data, len, header, e)
			  : demo_words_read_counts(&d->words, column, (char *)data, len, e);
	mem_put(d->env->mem, data);
	return rc;
}

static RC read_committed(struct demo *d, struct err *e)
{
	struct fs_names names;
	if (fs_list(d->env->fs, DEMO_DIR "/counts", &names, e) != OK)
		return e->code;
	enum rc rc = OK;
	for (size_t i = 0; i < names.n && rc == OK; i++) {
		char path[512];
		if (strncmp(names.name[i], "part-", 5))
			continue;
		snprintf(path, sizeof path, DEMO_DIR "/counts/%s", names.name[i]);
		rc = read_into(d, path, DEMO_WEIR, true, true, e);
	}
	fs_names_close(&names);
	return rc;
}

/* What the sceptic would type: it makes plain.txt, and says whether all is the same. */
static RC run_command(struct demo *d, bool *identical, struct err *e)
{
	char line[256], last[256] = "";
	fflush(NULL);
	FILE *f = popen(d->command, "re");
	if (!f)
		return err_errno(e, errno, "a shell");
	while (fgets(line, sizeof line, f))
		snprintf(last, sizeof last, "%s", line);
	int status = pclose(f);
	*identical = status == 0 && !strcmp(last, "identical\n");
	return OK;
}

/* ---- showing ---- */

static void show_row(struct demo *d, const char *who, int column, bool bad)
{
	char a[PAINT_TEXT], b[PAINT_TEXT], c[PAINT_TEXT];
	struct demo_verdict v = demo_words_compare(&d->words, column);
	const struct paint *p = d->paint;
	fprintf(p->to, "  %-44s %11s", who, text_count(v.words, a));
	if (column != DEMO_PLAIN)
		fprintf(p->to, " %s%9s %9s%s", paint_on(p, bad ? PAINT_RED : PAINT_GREEN),
			text_count(v.lost, b), text_count(v.doubled, c), paint_off(p));
	fputc('\n', p->to);
}

static void show_table(struct demo *d)
{
	const struct paint *p = d->paint;
	fprintf(p->to, "\n%s  %-44s %11s %9s %9s%s\n", paint_on(p, PAINT_BOLD),
		"after the same kills", "words", "lost", "doubled", paint_off(p));
	show_row(d, "tr | sort | uniq -c, never killed", DEMO_PLAIN, false);
	show_row(d, "(a) weir --fresh after each kill, output kept", DEMO_FRESH, true);
	show_row(d, "(b) remembers its position, not its counts", DEMO_LOSSY, true);
	struct demo_verdict v = demo_words_compare(&d->words, DEMO_WEIR);
	show_row(d, "(c) weir, exactly once", DEMO_WEIR, v.lost || v.doubled);
}

static void show_top(struct demo *d)
{
	const struct demo_word *top[TOP];
	const struct paint *p = d->paint;
	size_t n = demo_words_top(&d->words, top, TOP);
	fprintf(p->to, "\n%s  %-20s %9s %9s %9s %9s%s\n", paint_on(p, PAINT_BOLD),
		"most frequent words", "uniq -c", "(a)", "(b)", "(c) weir", paint_off(p));
	for (size_t i = 0; i < n; i++) {
		char word[PAINT_TEXT], t[DEMO_COLUMNS][PAINT_TEXT];
		for (int c = 0; c < DEMO_COLUMNS; c++)
			text_count(c == DEMO_WEIR ? top[i]->last : top[i]->n[c], t[c]);
		fprintf(p->to, "  %-20s %9s %9s %9s %9s\n", text_plain(top[i]->text, top[i]->len, 20, word),
			t[DEMO_PLAIN], t[DEMO_FRESH], t[DEMO_LOSSY], t[DEMO_WEIR]);
	}
}

static void show_end(struct demo *d, bool identical, bool right, bool control)
{
	const struct paint *p = d->paint;
	fprintf(p->to, "\nDo not believe it? Without weir, from here (it says: %s%s%s):\n%s\n",
		paint_on(p, identical ? PAINT_GREEN : PAINT_RED), identical ? "identical" : "DIFFERENT",
		paint_off(p), d->command);
	if (!right)
		fprintf(p->to, "%sWRONG%s: the counts differ. Keep " DEMO_DIR " and report this.\n",
			paint_on(p, PAINT_RED), paint_off(p));
	else if (!control)
		fprintf(p->to, "%sThe counts are right, but the control experiment showed nothing.%s\n",
			paint_on(p, PAINT_RED), paint_off(p));
	else
		fprintf(p->to,
			"%sEvery word was counted exactly once.%s Next: look at " DEMO_DIR "/job.json; weir "
			"checkpoints %s\n",
			paint_on(p, PAINT_GREEN), paint_off(p), d->state);
}

static void json_verdict(struct demo *d, bool identical, bool right)
{
	static const char *const names[] = {"plain", "fresh_each_time", "position_only", "weir"};
	struct bytes text;
	struct json_out o;
	bytes_init(&text, d->env->mem);
	jout_begin(&o, &text, true);
	jout_object(&o);
	jout_kv_bool(&o, "right", right);
	jout_kv_bool(&o, "identical", identical);
	jout_key(&o, "gone_from_memory");
	jout_array(&o);
	for (unsigned i = 0; i < d->kills; i++)
		jout_uint(&o, d->gone[i]);
	jout_array_end(&o);
	for (int c = 0; c < DEMO_COLUMNS; c++) {
		struct demo_verdict v = demo_words_compare(&d->words, c);
		jout_key(&o, names[c]);
		jout_object(&o);
		jout_kv_uint(&o, "words", v.words);
		jout_kv_uint(&o, "lost", v.lost);
		jout_kv_uint(&o, "doubled", v.doubled);
		jout_object_end(&o);
	}
	jout_kv_string(&o, "command", d->command);
	jout_object_end(&o);
	fprintf(d->paint->to, "%s\n", bytes_text(&text));
	bytes_close(&text);
}

RC demo_verdict(struct demo *d, bool *right, struct err *e)
{
	bool identical = false;
	if (run_command(d, &identical, e) != OK ||
	    read_into(d, DEMO_DIR "/plain.txt", DEMO_PLAIN, false, false, e) != OK ||
	    read_into(d, DEMO_DIR "/lossy.txt", DEMO_LOSSY, false, false, e) != OK ||
	    read_into(d, DEMO_DIR "/control.csv", DEMO_FRESH, true, false, e) != OK ||
	    read_committed(d, e) != OK)
		return err_in(e, "the demo's results");
	struct demo_verdict a = demo_words_compare(&d->words, DEMO_FRESH),
			    b = demo_words_compare(&d->words, DEMO_LOSSY),
			    c = demo_words_compare(&d->words, DEMO_WEIR);
	bool counts = identical && !c.lost && !c.doubled && !c.broken && c.words > 0;
	bool control = a.doubled > 0 && b.lost > 0;
	*right = counts && control;
	if (d->json) {
		json_verdict(d, identical, *right);
		return OK;
	}
	show_table(d);
	show_top(d);
	show_end(d, identical, counts, control);
	return OK;
}

RC demo_verdict_live(struct demo *d, unsigned kills, bool *right, struct err *e)
{
	bool identical = false;
	char killed[PAINT_TEXT], after[PAINT_TEXT + 16];
	const struct paint *p = d->paint;
	if (run_command(d, &identical, e) != OK ||
	    read_into(d, DEMO_DIR "/plain.txt", DEMO_PLAIN, false, false, e) != OK ||
	    read_committed(d, e) != OK)
		return err_in(e, "the demo's results");
	struct demo_verdict c = demo_words_compare(&d->words, DEMO_WEIR);
	*right = identical && !c.lost && !c.doubled && !c.broken && c.words > 0;
	snprintf(after, sizeof after, "weir, after %s", text_many(kills, "kill", killed));
	fprintf(p->to, "\n%s  %-44s %11s %9s %9s%s\n", paint_on(p, PAINT_BOLD), "", "words", "lost",
		"doubled", paint_off(p));
	show_row(d, "tr | sort | uniq -c, never killed", DEMO_PLAIN, false);
	show_row(d, after, DEMO_WEIR, !*right);
	show_end(d, identical, *right, true);
	if (!kills)
		fprintf(p->to, "Nobody killed it: next time press k, as often as you like.\n");
	return OK;
}
