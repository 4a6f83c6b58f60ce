/* fault_shapes.h - the processes that faults are put into, one at each place where one can be:
 * whole small jobs from start to end, starts on what a killed one left, savepoints, attempts after
 * a failed one. And what must hold whatever came of it (inv 15, 28, 31, 32): output that is exact
 * after a restart, or an end with a reason and an exit code that is not 0; and once the fault is
 * gone, and the power was cut or the process killed, the next start ends exactly.
 * Used by I/O faults (test_proof_faults.c) and by memory (test_proof_memory.c). */
#pragma once
#include "tests/sim/scenario.h"

#include "checkpoint/layout.h"

enum shape_ask {
	SHAPE_NOTHING,
	SHAPE_SAVEPOINT, /* after a checkpoint of a running job */
	SHAPE_STOP,      /* with a savepoint */
	SHAPE_AGAIN,     /* an attempt fails: another one follows in the same process */
};

struct shape {
	const char *name;
	enum scenario_kind kind;
	struct scenario_size size;
	const char *keys;     /* more of the job's block checkpoint, or NULL */
	unsigned before;      /* parallelism of a process that is killed first; 0: none */
	unsigned parallelism; /* of the process that the faults are put into */
	bool cut;             /* that kill is a power cut */
	enum shape_ask ask;
};

extern const struct shape fault_shapes[];
extern const size_t fault_shapes_n;
/* By its name; NULL: there is none. */
const struct shape *shape_find(const char *name);

struct shape_fix {
	const struct shape *shape;
	struct scenario s;
	struct world w;
	char uuid[UUID_TEXT]; /* of the job, when the faults begin; "": none yet */
	uint64_t top;         /* its newest slot then */
};

struct shape_outcomes {
	uint64_t given, finished, restarted, stopped, failed, halted, refused, corrupt;
};

/* A world up to where the faults begin. */
struct shape_fix *shape_open(const struct shape *shape);
/* The process with the faults, from there to its end. */
enum world_end shape_run(struct shape_fix *f);
/* Whether what came of it may be, counted in c; what: the case, for messages. may_be_corrupt: a
 * file that looked cut may have been taken for one. The process ends. */
void shape_judge(struct shape_fix *f, enum world_end end, bool may_be_corrupt, const char *what,
		 struct shape_outcomes *c);
/* The fault is gone (the caller's part). The machine loses power, or the process is just gone. */
void shape_finish(struct shape_fix *f, bool power_cut, const char *what);
void shape_close(struct shape_fix *f);
void shape_tell(const char *what, const struct shape_outcomes *c);
