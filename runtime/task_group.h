/* task_group.h - the tasks that share one thread, and whose turn it is.
 * Why: a channel between threads costs wake-ups and cold caches; neighbours that take turns on one
 * thread hand a batch over while it is still warm (PEERS.md: one thread that alternates source and
 * sum matches four threads on two cores). Each remains a task with its channels, its barrier and
 * its state, so alignment and snapshots know nothing of it, and simulation steps tasks one by one.
 *
 *   busy     -> on to the task that reads from it: what it emitted is taken at once
 *   not busy -> back to the one before it in the order of the graph
 *   nobody in a whole round -> the thread may sleep
 *
 * Now and then a round begins at the next task in turn, whatever happened: so none starves, be it
 * one fed from elsewhere behind a busy one, or a source before one that others keep busy.
 * Owns: its arrays (group_close) and the waker all its tasks share; borrows the tasks.
 * Threads: the thread that steps it; the waker is anybody's. */
#pragma once
#include "runtime/task.h"

struct task_group {
	struct mem *mem;
	struct waker waker;
	struct task **task;   /* each after all it reads from */
	uint32_t *reader;     /* of task i: the last one of the group that reads from it, or i */
	bool *closed;
	uint32_t n;
	uint32_t at;          /* whose turn it is */
	uint32_t busy_steps;
	struct task *ran;     /* its last step was work: its time is not told yet */
};

/* Room for up to most tasks. E_NO_MEMORY. */
RC group_open(struct task_group *g, uint32_t most, struct mem *mem, struct err *e);
void group_close(struct task_group *g); /* legal on the zeroed one */
/* A task that reads from tasks added before, or from elsewhere. */
void group_add(struct task_group *g, struct task *t);
/* After all were added: the i-th hands what it emits to the k-th, i < k. */
void group_link(struct task_group *g, uint32_t i, uint32_t k);

/* Steps tasks until one did something (TASK_BUSY) or none could in a whole round: TASK_IDLE, with
 * the earliest *wake_at_us any of them named. TASK_CLOSED: all are. */
enum task_did group_step(struct task_group *g, uint64_t now_us, uint64_t *wake_at_us);
/* The newest of its tasks' task_flowed_us. */
uint64_t group_flowed_us(const struct task_group *g);
