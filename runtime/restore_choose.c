/* restore_choose.c - see restore_choose.h. */
#include "runtime/restore_choose.h"

#include <stdarg.h>
#include <stdio.h>

/* Of one thread. From one figure, W4 of docs/PERFORMANCE.md: 10,000,000 integer keys in 40 MB are
 * there 252 ms after the process began, on two threads, of which some 15 are not theirs; how that
 * splits into rows and bytes is a guess. Keys that are texts take longer. It is to tell
 * milliseconds from seconds; the report of each recovery says beside it what it took. */
#define ROW_NS 40u
#define BYTE_NS 2u

const char *restore_mode_name(enum restore_mode m)
{
	static const char *const names[] = {"eager", "parallel", "lazy"};
	return names[m];
}

uint64_t restore_estimate_us(const struct restore_facts *f)
{
	uint64_t threads = (uint64_t)f->subtasks * f->width;
	threads = threads < f->cores ? threads : f->cores;
	return (f->rows * ROW_NS + f->bytes * BYTE_NS) / 1000 / threads;
}

static enum restore_mode say(enum restore_mode m, char why[160], const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
static enum restore_mode say(enum restore_mode m, char why[160], const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(why, 160, fmt, ap);
	va_end(ap);
	return m;
}

/* Why not lazily; false: nothing speaks against it. */
static bool is_refused(const struct restore_facts *f, char why[160])
{
	enum restore_mode m = RESTORE_LAZY;
	if (f->early_sink)
		m = say(RESTORE_EAGER, why, "'%.80s' shows records before all is verified",
			f->early_sink);
	else if (f->changed_plan)
		m = say(RESTORE_EAGER, why,
			"the job has changed: a checkpoint comes before its first record");
	else if (f->goes_back)
		m = say(RESTORE_EAGER, why,
			"it is not the newest checkpoint: all is verified first");
	else if (f->files > RESTORE_FILES_MAX / f->subtasks)
		m = say(RESTORE_EAGER, why, "%u files for each of %u subtasks would stay open",
			f->files, f->subtasks);
	else if (f->runs > RESTORE_RUNS_MAX)
		m = say(RESTORE_EAGER, why, "the state stands in %u runs", f->runs);
	return m != RESTORE_LAZY;
}

/* Everything before the first record. */
static enum restore_mode at_once(const struct restore_facts *f, const char *prefix, char why[160],
				 const char *reason)
{
	return say(f->width > 1 ? RESTORE_PARALLEL : RESTORE_EAGER, why, "%s%s", prefix, reason);
}

enum restore_mode restore_choose(const struct restore_facts *f, char why[160])
{
	char reason[160];
	if (!f->automatic && f->asked != RESTORE_LAZY)
		return say(f->asked, why, "the job says so");
	bool refused = is_refused(f, reason);
	if (!f->automatic)
		return refused ? at_once(f, "not lazy as the job says: ", why, reason)
			       : say(RESTORE_LAZY, why, "the job says so");
	uint64_t us = restore_estimate_us(f);
	if (us <= RESTORE_WAIT_US) {
		snprintf(reason, sizeof reason, "all of it takes about %.0f ms", (double)us / 1e3);
		return at_once(f, "", why, reason);
	}
	if (refused)
		return at_once(f, "not lazy: ", why, reason);
	return say(RESTORE_LAZY, why, "reading all of it first would take about %.0f ms",
		   (double)us / 1e3);
}
