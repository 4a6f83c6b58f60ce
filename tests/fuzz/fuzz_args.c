/* fuzz_args.c - command lines: a byte for the verb, then its arguments, each ended by a NUL. What
 * is refused says how to write it; what is taken has the values its table allows. Also durations
 * and sizes, which are written anywhere: each is the same in its shortest form. */
#include "base/option.h"
#include "cli/cli.h"
#include "cli/restore_arg.h"
#include "tests/fuzz/fuzz.h"

#define ARGUMENTS_MAX 300

static const struct verb *const verbs[] = {
	&verb_run, &verb_validate, &verb_explain, &verb_checkpoints, &verb_state, &verb_fsck,
	&verb_audit, &verb_pin, &verb_unpin, &verb_gc, &verb_demo, &verb_serve, &verb_savepoint,
	&verb_submit, &verb_list, &verb_show, &verb_logs, &verb_checkpoint, &verb_stop, &verb_cancel,
	&verb_restart, &verb_rescale, &verb_remove,
};

static void taken(const struct args *a, const struct verb *v)
{
	const char *some[4];
	for (const struct arg_def *d = v->options; d->name; d++) {
		if (!args_has(a, d->name))
			continue;
		const char *text = d->kind == ARG_FLAG ? "" : args_text(a, d->name, NULL);
		HOLDS(d->kind == ARG_FLAG || d->kind == ARG_TEXTS || text);
		int64_t n = d->kind == ARG_NUMBER ? args_number(a, d->name, 0) : d->min;
		if (d->kind == ARG_DURATION)
			n = (int64_t)args_duration_us(a, d->name, 0);
		HOLDS(n >= d->min && (d->kind != ARG_NUMBER || n <= d->max));
		if (d->kind == ARG_TEXTS)
			HOLDS(args_texts(a, d->name, some, ARRAY_LEN(some)) > 0);
	}
	if (v != &verb_run)
		return;
	struct restore_arg r;
	struct err e = {OK};
	enum rc rc = restore_arg_read(&r, a, "/job", &e);
	HOLDS_RC(rc, &e, rc == E_USAGE || rc == E_INVALID);
}

static void units(const char *text)
{
	uint64_t v, again;
	char to[UNIT_TEXT];
	struct err e = {OK};
	enum rc rc = duration_parse(text, strlen(text), &v, &e);
	HOLDS_RC(rc, &e, rc == E_INVALID);
	if (rc == OK) {
		HOLDS(duration_text(v, to) == to && strlen(to) < UNIT_TEXT);
		HOLDS_RC(duration_parse(to, strlen(to), &again, &e), &e, false);
		HOLDS(again == v);
	}
	err_clear(&e);
	rc = size_parse(text, strlen(text), &v, &e);
	HOLDS_RC(rc, &e, rc == E_INVALID);
	if (rc == OK) {
		HOLDS(size_text(v, to) == to);
		HOLDS_RC(size_parse(to, strlen(to), &again, &e), &e, false);
		HOLDS(again == v);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct verb *v = verbs[fuzz_byte(&data, &size) % ARRAY_LEN(verbs)];
	char *text = fuzz_text(data, size), *argv[ARGUMENTS_MAX + 1];
	struct args a;
	struct err e = {OK};
	int argc = 0;
	for (char *at = text; at < text + size && argc < ARGUMENTS_MAX; at += strlen(at) + 1) {
		units(at);
		argv[argc++] = at;
	}
	argv[argc] = NULL;
	enum rc rc = args_parse(&a, v->options, argc, argv, &e);
	HOLDS_RC(rc, &e, rc == E_USAGE && e.text[0]);
	if (rc == OK && !a.help)
		taken(&a, v);
	free(text);
	return 0;
}
