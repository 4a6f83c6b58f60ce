/* crash.h - a shape of a job's life, crashed at each of its file operations, then inside the
 * recovery from that, then inside the recovery from both (inv 28).
 *
 *   open -> process, process, ... until it is over        the operations of an undisturbed life
 *   for each that changes the disk: killed or cut from power before it or just after it;
 *     then the same life goes on: processes until it is over, with a crash at each of *its*
 *     operations, and so on; what was crashed so many times must end with the oracle's output
 *
 * Why one engine: what a shape is differs (what its processes do, what its owner asks for), what a
 * crash is and what must hold after it does not.
 * A case is a list of crashes, so it can be played again: the program's name, the shape and the
 * list, as a failure prints them, with SIM_SEED=n to see the file operations. Threads: one. */
#pragma once
#include "tests/lib/proof.h"
#include "tests/sim/scenario.h"

#define CRASHES_MAX 3

/* Of the life since the crash before: counted from 1. */
struct crash_point {
	uint32_t operation;
	uint32_t variant; /* bit 0: after it was done; above: 0 a kill, else a power cut's choices */
};

struct shape;

struct life {
	const struct shape *shape;
	struct scenario s;
	struct world w;
	struct directory dir;   /* watches every change */
	struct crash_point crash[CRASHES_MAX];
	uint32_t crashes, came; /* in the list; those that came */
	uint64_t chance;        /* made of the crashes that came: what a shape draws from */
	uint64_t begun;         /* operations when the life since the last crash began */
	uint32_t processes;     /* since then */
	uint32_t phase;         /* the shape's own, as the next: how far its owner has come */
	uint64_t note;
	bool met;               /* what the shape is there for */
	bool untidy;            /* what is left over is nobody's to remove yet */
	char context[256];
};

struct shape {
	const char *name;
	enum scenario_kind kind;
	struct scenario_size size;
	const char *checkpoint;  /* more keys of that block; NULL: none */
	unsigned least_changes;  /* of an undisturbed life; or it does hardly anything */
	const char *meets;       /* what at least a quarter of its lives must meet; NULL: nothing */
	/* NULL: nothing. After the world is open: what came before the life that is crashed. */
	void (*before)(struct life *l);
	/* NULL: life_process. One process from its start to its end, or several that belong together.
	 * It ends FINISHED (the life is over), STOPPED (another one follows) or CRASHED. */
	enum world_end (*process)(struct life *l);
	/* NULL: nothing. The life is over; besides what scenario_check_end holds. */
	void (*end)(struct life *l);
};

extern const struct shape crash_shapes[];
extern const size_t crash_shapes_n;

/* A process at the parallelism of life_parallelism. */
enum world_end life_process(struct life *l);
/* The first one has 2; after a crash 1 to 3, drawn. */
unsigned life_parallelism(const struct life *l);

/* An empty life of this shape: its world with the input; shape->before comes next. */
void life_open(struct life *l, const struct shape *shape);
/* Processes, until it is over or the crash has come. */
enum world_end life_go_on(struct life *l);

/* Enumerates; prints its lines, and checks that they were enough. */
void crash_everywhere(const struct shape *shape);
/* One case: "OPERATION.VARIANT" for each crash. */
void crash_case(const struct shape *shape, int n, char **points);
