/* life_rig.h - a life, what it asks for as text, and words to tell it what happens: for the tests
 * of its rules. "tell, save stopped": what is not in it did not happen. */
#pragma once
#include "tests/lib/test.h"

#include "server/life.h"

#define SECOND UINT64_C(1000000)

struct t {
	struct mem mem;
	struct life *l;
	uint64_t now;
	struct err e;
	struct err answer;            /* of the last ANSWER */
	struct restart_state spawned; /* of the last SPAWN */
	struct err saved;             /* of the last SAVE */
	char did[512];
};

/* What it asks for now, in order. */
static inline const char *does(struct t *t)
{
	struct life_do d;
	size_t n = 0;
	t->did[0] = '\0';
	while (life_next(t->l, &d)) {
		static const char *const names[] = {
			[LIFE_SAVE] = "save", [LIFE_SPAWN] = "spawn", [LIFE_TELL_STOP] = "tell stop",
			[LIFE_KILL] = "kill", [LIFE_ERASE] = "erase", [LIFE_DROP] = "drop",
			[LIFE_ANSWER] = "answer", [LIFE_TELL] = "tell"};
		n += (size_t)snprintf(t->did + n, sizeof t->did - n, "%s%s", n ? ", " : "",
				      names[d.kind]);
		if (d.kind == LIFE_SAVE)
			n += (size_t)snprintf(t->did + n, sizeof t->did - n, " %s%s",
					      standing_name(d.standing), d.erase ? " erase" : "");
		if (d.kind == LIFE_ERASE && d.removing)
			n += (size_t)snprintf(t->did + n, sizeof t->did - n, " all");
		if (d.kind == LIFE_ANSWER)
			n += (size_t)snprintf(t->did + n, sizeof t->did - n, " %u %s",
					      (unsigned)d.action, err_name(d.error.code));
		if (d.kind == LIFE_ANSWER)
			t->answer = d.error;
		if (d.kind == LIFE_SAVE)
			t->saved = d.error;
		if (d.kind == LIFE_SPAWN)
			t->spawned = d.restarts;
	}
	return t->did;
}

#define DOES(t, text) assert_string_equal(does(t), text)
#define IS(t, s) EXPECT(life_state((t)->l) == LIFE_##s)
#define SAYS(err, part) EXPECT(strstr((err).text, part))

static inline enum rc event(struct t *t, const struct life_event *ev)
{
	err_clear(&t->e);
	return life_event(t->l, t->now, ev, &t->e);
}

#define HAPPENS(t, ...) EXPECT_OK(event(t, &(struct life_event){__VA_ARGS__}), &(t)->e)
#define ASK(t, what, number) HAPPENS(t, .kind = LIFE_EV_##what, .action = number)
#define REFUSED(t, what, part)                                                                     \
	do {                                                                                       \
		struct life_event refused_ = {.kind = LIFE_EV_##what, .action = 99};               \
		EXPECT(event(t, &refused_) == E_REFUSED);                                          \
		SAYS((t)->e, part);                                                                \
		DOES(t, "");                                                                       \
	} while (0)

static const struct err io = {.code = E_IO, .text = "disk: gone"};
static const struct err invalid = {.code = E_INVALID, .text = "stage 'x': no such field"};

static inline void opens(struct t *t, enum standing standing, bool erase)
{
	memset(t, 0, sizeof *t);
	mem_init(&t->mem, 0);
	t->now = 1000 * SECOND;
	EXPECT_OK(life_open(&t->l, "daily", standing, erase, NULL, &t->mem, &t->e), &t->e);
}

static inline void runs(struct t *t)
{
	opens(t, STANDING_RUNNING, false);
	DOES(t, "spawn");
	HAPPENS(t, .kind = LIFE_EV_UP);
	DOES(t, "tell");
	IS(t, RUNNING);
}

static inline void closes(struct t *t)
{
	life_close(t->l);
	EXPECT(t->mem.used_bytes == 0);
}

static inline void passes(struct t *t, uint64_t us)
{
	t->now += us;
	HAPPENS(t, .kind = LIFE_EV_TICK);
}
