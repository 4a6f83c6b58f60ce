/* spec.h - the job file as a checked structure (DESIGN 9): text in, every fault told, defaults set.
 * Why apart from the plan: what can be said from the text alone is said from the text alone,
 * without a file opened or an expression compiled; the operators are known here by their tables
 * only. Strict: what stands in the job file is understood and used, or refused by name.
 * Owns the parsed document; every string and node below is borrowed from it until spec_close.
 * Not here: whether expressions, fields and paths make sense (plan). Threads: one owner. */
#pragma once
#include "checkpoint/block.h"
#include "jobs/diag.h"
#include "jobs/restart.h"

#define SPEC_STAGES_MAX 1000 /* by feel; each becomes at least one thread */
#define SPEC_NAME_MAX 64     /* of a job or stage: [A-Za-z0-9_-], so that it can stand in paths */
#define SPEC_MAX_PARALLELISM 32768
#define SPEC_STOP_US UINT64_C(30000000) /* limits.stop unless said */

enum spec_role { SPEC_SOURCE, SPEC_TRANSFORM, SPEC_SINK };

/* What the caller tells of an operator. */
struct spec_type {
	const char *name;
	enum spec_role role;
	bool many_inputs; /* reads several stages, named in `inputs` (union) */
	const struct opt_def *options;
};

struct config;

struct spec_input {
	const char *name;        /* NULL when it is the stage before */
	const struct json *json; /* where it is named, for diagnostics; NULL likewise */
	int stage;               /* its index, -1 when unknown (told) */
};

struct spec_stage {
	const char *id;               /* "" when missing or unusable (told) */
	const struct spec_type *type; /* NULL when unknown (told) */
	const struct json *json;      /* the stage's object: the operator reads its options here */
	struct spec_input *inputs;
	unsigned n_inputs;
	unsigned n_readers;   /* how many inputs name this stage */
	unsigned parallelism; /* its own, or the job's */
	bool ok;              /* id, type, options and inputs are sound; its inputs' may not be */
};

enum spec_restore {
	SPEC_RESTORE_AUTO,
	SPEC_RESTORE_EAGER,
	SPEC_RESTORE_PARALLEL,
	SPEC_RESTORE_LAZY,
};

/* The block `checkpoint`. */
struct spec_checkpoint {
	/* When one begins: the first of these that says so. Nothing but at start, at stop and at the
	 * end when all are 0. */
	uint64_t interval_us;    /* 0: not by time, or is_auto */
	bool is_auto;            /* the interval follows the measured cost, within max_replay_us */
	uint64_t max_replay_us;  /* with is_auto: how much of the stream a crash may repeat */
	struct {
		uint64_t records, bytes; /* that left sources; of changed state. 0: not by these */
		const char *when;        /* SQL over metrics; NULL: none */
		const struct json *json; /* the block, for faults inside `when`; NULL: no trigger */
	} trigger;
	uint64_t min_pause_us;   /* from a completion to the next one that nobody asked for by name */
	unsigned max_concurrent; /* under way side by side */
	/* How they are taken. */
	bool at_least_once;      /* inputs do not wait for each other's barriers */
	bool always_full;        /* incremental: false */
	enum codec codec;
	uint64_t timeout_us;
	unsigned tolerable_failures;
	const struct json *invariants; /* a list of texts; NULL: none */
	bool violation_fails_job;      /* on_violation: "job"; else it fails that checkpoint */
	bool audit;              /* sums of the records' hashes too, not only their counts */
	/* What becomes of them. */
	unsigned retain;         /* so many, and with retain_age_us all that are younger */
	uint64_t retain_age_us;  /* 0: no age */
	bool cancel_deletes;     /* on_cancel: "delete" */
	const char *dir;         /* as written, NULL when absent: see spec_path */
	enum spec_restore restore;
	/* Who is told: a path, or a list of a path and its arguments; NULL: nobody. */
	const struct json *on_complete, *on_abort, *on_restore;
};

struct spec {
	const char *name; /* "" when missing (told) */
	unsigned parallelism, max_parallelism;
	unsigned cores; /* processors "auto" goes by */
	bool chaining;  /* "auto": neighbours may share a thread */
	struct spec_checkpoint checkpoint;
	struct { /* as struct restart_policy says; see spec_restart_policy */
		enum restart_strategy strategy;
		unsigned attempts;   /* 0 with the strategy none */
		bool attempts_given; /* said, or the strategy goes by a number; else `serve` takes
		                      * RESTART_UNLIMITED (COORDINATOR 26) */
		uint64_t initial_us, max_us, reset_after_us;
		double multiplier;
	} restart;
	struct {
		uint64_t memory_bytes; /* 0: no limit */
		uint64_t record_bytes, stop_us;
		uint64_t merge_bytes, sweep_bytes; /* a second; 0: no limit */
		uint32_t batch_records;   /* 1 to BATCH_ROWS */
		uint32_t channel_batches; /* 1 to CHANNEL_SLOTS */
	} limits;
	const struct json *secrets; /* an object, name to reference (secrets.h); NULL: none */
	struct spec_stage *stages; /* in the order of the file */
	unsigned n_stages;
	unsigned *order; /* stage indexes, each after all it reads; valid if has_order */
	bool has_order;  /* no cycle, and every input is known */
	struct json_doc *doc;
	char *folder; /* of the job file: absolute if spec_source.cwd was given */
	struct bytes submitted; /* with defaults: the job's text without them; see spec_write */
	struct mem *mem;
};

struct spec_source {
	const char *file; /* as the user named it: its folder is what paths are relative to. NULL:
	                   * "job", and a relative path is an error */
	const char *cwd;  /* absolute: what `file` is relative to, so that the places a manifest names
	                   * are the same from wherever the next start is made; NULL: kept relative */
	const char *text;
	size_t len;
	const char *const *sets; /* `--set` arguments: "checkpoint.interval=100ms", in order */
	size_t n_sets;
	const struct config *defaults; /* for keys the job does not say; NULL: none */
	const char *(*env)(void *arg, const char *name); /* NULL when it is not set */
	void *env_arg;
	const struct spec_type *types; /* ends with {0} */
	unsigned cores; /* what "auto" goes by; 0: 1 */
};

/* Parses and checks. Every fault goes to ds (diags_init with the same file and text). Returns OK
 * iff there is no error among them; E_INVALID otherwise, and *s then is NULL (not even JSON) or
 * holds what could be understood, so that the plan can go on finding faults in stages that are ok;
 * E_NO_MEMORY. What ds holds may point into *s and into from: print it before closing them,
 * whatever came back. */
RC spec_parse(struct spec **s, const struct spec_source *from, struct diags *ds, struct mem *mem,
	      struct err *e);
void spec_close(struct spec *s); /* legal on NULL */

/* The job as text: overrides in place, ${...} kept as written, without inherited defaults. What
 * job.json and manifests hold. */
void spec_write(const struct spec *s, struct bytes *to);

/* A path of the job file as one to open: relative to the job file's folder. NULL: no memory, else
 * the caller's (mem_put). */
char *spec_path(const struct spec *s, const char *path);

/* What answers a failed attempt under `run`. */
struct restart_policy spec_restart_policy(const struct spec *s);

/* The index of the stage called id, or -1. */
int spec_find(const struct spec *s, const char *id);

/* Who is speaking of stage i: "stage 'count'", or "stage 3" if it has no id. */
struct opt_report *spec_report(const struct spec *s, unsigned i, struct diag_report *r,
			       struct diags *ds);
