/* plan.h - the checked graph of a job and its physical form: stages with schemas, edges, tasks.
 * Why apart from the spec: here expressions are compiled, fields looked up and exchanges chosen;
 * all faults are told at once, to the same list of diagnostics.
 * Opens no file. Owns the operators' conf; borrows the spec. Threads: made by one thread, then read
 * only. */
#pragma once
#include "jobs/spec.h"
#include "runtime/operator.h"
#include "runtime/outlet.h"

struct checks; /* checks.h */
struct when;   /* when.h */

struct plan_edge {
	uint32_t from, to;  /* stages */
	uint32_t input;     /* which input of `to` */
	enum edge_kind kind;
};

struct plan_stage {
	const struct spec_stage *spec;
	const struct op_ops *ops;
	struct op_plan p;
	uint32_t parallelism;
	uint32_t first_task;       /* its tasks are first_task .. first_task + parallelism - 1 */
	struct keyed_shape shape;  /* with p.keyed */
	bool several_paths;        /* its input arrives over more than one path */
	const char *order_dependent; /* why its output depends on the order of arrival, or NULL */
	bool planned;              /* conf is there */
};

struct plan {
	struct mem *mem;
	const struct spec *spec;
	struct plan_stage *stage;
	uint32_t n_stages;
	const unsigned *order;     /* stage numbers, each after all it reads */
	struct plan_edge *edge;
	uint32_t n_edges;
	uint32_t n_tasks;
	uint32_t n_threads;
	uint32_t *thread;          /* of each task: see placement.h */
	bool bounded;              /* every source ends by itself */
	bool commits;              /* some sink's output is committed by intents */
	struct checks *checks;     /* the job's invariants; NULL: it has none */
	struct when *when;         /* the condition of its trigger; NULL: it has none */
	struct bytes text;         /* the job's text, for job.json */
	uint64_t job_hash;
};

/* The operators' tables as spec_parse takes them; ends with {0}. The caller's (mem_put). */
struct spec_type *plan_types(struct mem *mem);

/* E_INVALID when ds got an error; *p is NULL then. Stages that are not ok in s are passed over. */
RC plan_make(struct plan **p, const struct spec *s, struct diags *ds, struct mem *mem,
	     struct err *e);
void plan_close(struct plan *p); /* legal on NULL */
/* The stage called id, or NULL. */
const struct plan_stage *plan_find(const struct plan *p, const char *id);
/* The first reason why the job is order-dependent, and its stage; NULL: its output is a function of
 * its input (inv 28). */
const char *plan_order_dependent(const struct plan *p, const char **stage);
