/* demo.h - what the files of the demo share.
 *
 *   weir-demo/job.json      (c) the word count that is killed    state/, counts/
 *            /control.json  (a) the same, begun anew each time   control-state/, control.csv
 *            /position      (b) what the lossy counter remembers  lossy.txt: what it counted
 *            /plain.txt     tr | sort | uniq -c
 *            /text.txt      the text, if it was rewritten
 *            /server, /token  of --interactive */
#pragma once
#include "cli/cli.h"
#include "cli/demo_child.h"
#include "cli/demo_words.h"

#define DEMO_DIR "weir-demo"
#define DEMO_SECONDS 6.0 /* the pace: an undisturbed run lasts this long */
#define DEMO_LIVE_SECONDS 40 /* the same where somebody watches: time to look at the page */
#define DEMO_KILLS 3
#define DEMO_COMMAND_MAX 16384

struct demo {
	struct cli *cli;
	struct env *env;
	const struct paint *paint;
	bool json;
	double seconds;     /* the pace */
	const char *state;  /* the job's directory */
	struct demo_text text;
	struct demo_words words;
	char command[DEMO_COMMAND_MAX]; /* what a sceptic types */
	struct demo_child weir, fresh, lossy;
	uint64_t began_us;
	uint64_t base;      /* words counted in the checkpoint that this worker began from */
	uint64_t said_us;
	unsigned starts, kills;
	uint64_t gone[16];  /* per kill: counted words that were gone from memory */
};

/* demo_setup.c: the folder, emptied of what an earlier demo left; the job files; the command. */
RC demo_setup(struct demo *d, struct err *e);
/* demo_race.c: the three run side by side, are killed together, and end. */
RC demo_race(struct demo *d, struct err *e);
/* demo_live.c: a server of its own, its page, and kills by hand, to the verdict. */
RC demo_live(struct demo *d, bool *right, struct err *e);
/* demo_verdict.c: everything compared and shown. *right: nothing differs. */
RC demo_verdict(struct demo *d, bool *right, struct err *e);
/* The same of (c) alone. */
RC demo_verdict_live(struct demo *d, unsigned kills, bool *right, struct err *e);
