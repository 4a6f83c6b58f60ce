/* coordinator_rig.h - a coordinator of three subtasks, told events and read as a line of words:
 * T7<5 = trigger 7 with base 5 (! it stops the sources, + everything is written, 'n' its name, (w)
 * why it was asked for), R = release, E = the sources end, P = publish, C = completed, A7:E_IO =
 * abort, F = fail attempt, H = halt, D = done, X9 = request 9 refused. Time is the test's.
 * Why words: a claim about what follows from what is one line to read. */
#pragma once
#include "base/check.h"
#include "checkpoint/coordinator.h"
#include "tests/lib/test.h"

#include <stdlib.h>

#define SUBTASKS 3
#define MS UINT64_C(1000)
#define NEVER UINT64_MAX

struct fix {
	struct mem mem;
	struct coordinator *co;
	struct co_config cfg;
	uint64_t now_us;
	char line[4096];
};

static inline void open_fix(struct fix *f)
{
	struct err e = {0};
	mem_init(&f->mem, 0);
	EXPECT_OK(co_open(&f->co, &f->cfg, &f->mem, &e), &e);
}

/* Two tasks and a sink; every 100 ms, at most 1 s, no initial one. */
static inline struct fix fix(void)
{
	struct fix f = {.cfg = {.interval_us = 100 * MS,
				.timeout_us = 1000 * MS,
				.max_concurrent = 1,
				.subtasks = SUBTASKS,
				.epoch = 4,
				.attempt = 2,
				.next_id = 1}};
	return f;
}

static inline void close_fix(struct fix *f)
{
	co_close(f->co);
	EXPECT(f->mem.used_bytes == 0);
}

static inline const char *read_actions(struct fix *f)
{
	size_t n = 0;
	struct co_action a;
	f->line[0] = '\0';
	while (co_next(f->co, &a)) {
		char *to = f->line + n;
		size_t room = sizeof f->line - n;
		unsigned long long id = a.id, base = a.base_id, asked = a.request;
		const char *kind = co_kind_name(a.checkpoint_kind), *rc = err_name(a.error.code);
		const char *gap = n ? " " : "";
		switch (a.kind) {
		case CO_TRIGGER:
			n += (size_t)snprintf(to, room, "%sT%llu<%llu %s%s%s%s%s%s%s%s%s", gap, id, base,
					      kind, a.stop ? "!" : "", a.full ? "+" : "",
					      a.name[0] ? " '" : "", a.name, a.name[0] ? "'" : "",
					      a.why[0] ? " (" : "", a.why, a.why[0] ? ")" : "");
			break;
		case CO_RELEASE:
			n += (size_t)snprintf(to, room, "%sR", gap);
			break;
		case CO_PUBLISH:
			n += (size_t)snprintf(to, room, "%sP%llu", gap, id);
			break;
		case CO_ABORT:
			n += (size_t)snprintf(to, room, "%sA%llu:%s", gap, id, rc);
			break;
		case CO_COMPLETED:
			n += (size_t)snprintf(to, room, "%sC%llu", gap, id);
			break;
		case CO_FAIL_ATTEMPT:
			n += (size_t)snprintf(to, room, "%sF:%s", gap, rc);
			break;
		case CO_HALT:
			n += (size_t)snprintf(to, room, "%sH:%s", gap, rc);
			break;
		case CO_DONE:
			n += (size_t)snprintf(to, room, "%sD%llu", gap, id);
			break;
		case CO_DRAIN:
			n += (size_t)snprintf(to, room, "%sE", gap);
			break;
		case CO_REFUSED:
			n += (size_t)snprintf(to, room, "%sX%llu %s:%s", gap, asked, kind, rc);
			break;
		}
		EXPECT(n < sizeof f->line);
	}
	return f->line;
}

static inline const char *send(struct fix *f, struct co_event ev)
{
	co_event(f->co, f->now_us, &ev);
	return read_actions(f);
}

static inline struct co_event event(const struct fix *f, enum co_event_kind kind, uint64_t id)
{
	return (struct co_event){.kind = kind, .epoch = f->cfg.epoch, .attempt = f->cfg.attempt,
				 .id = id};
}

static inline const char *start(struct fix *f)
{
	return send(f, event(f, CO_EV_START, 0));
}

static inline const char *at(struct fix *f, uint64_t now_us)
{
	f->now_us = now_us;
	return send(f, event(f, CO_EV_TICK, 0));
}

static inline const char *of(struct fix *f, enum co_event_kind kind, uint64_t id, uint32_t subtask)
{
	struct co_event ev = event(f, kind, id);
	ev.subtask = subtask;
	return send(f, ev);
}

static inline const char *ack(struct fix *f, uint64_t id, uint32_t subtask)
{
	return of(f, CO_EV_ACK, id, subtask);
}

static inline const char *ack_all(struct fix *f, uint64_t id)
{
	for (uint32_t i = 0; i + 1 < SUBTASKS; i++)
		assert_string_equal(ack(f, id, i), "");
	return ack(f, id, SUBTASKS - 1);
}

static inline void freeze_all(struct fix *f, uint64_t id)
{
	for (uint32_t i = 0; i < SUBTASKS; i++)
		of(f, CO_EV_FROZEN, id, i);
}

static inline const char *published(struct fix *f, uint64_t id)
{
	return send(f, event(f, CO_EV_PUBLISHED, id));
}

static inline const char *committed(struct fix *f, uint64_t id)
{
	return send(f, event(f, CO_EV_COMMITTED, id));
}

static inline const char *ended(struct fix *f)
{
	return send(f, event(f, CO_EV_INPUTS_ENDED, 0));
}

static inline const char *fails(struct fix *f, enum co_event_kind kind, uint64_t id, enum rc rc)
{
	struct err e = {0};
	(void)ERR(&e, rc, "because");
	struct co_event ev = event(f, kind, id);
	ev.error = &e;
	return send(f, ev);
}

static inline const char *ask(struct fix *f, enum co_kind kind, uint64_t token)
{
	struct co_event ev = {.kind = CO_EV_REQUEST, .request_kind = kind, .request = token};
	return send(f, ev);
}

#define SAYS(got, want) assert_string_equal((got), (want))
