/* reads_in.h - what is under way for reads.h, and who reads it. server/reads*.c only. */
#pragma once
#include "base/check.h"
#include "server/reads.h"

struct one_read {
	struct env *env;
	struct asker *asker;
	enum api_what what;
	char dir[4096];
	uint64_t id;
	char stage[ROUTE_STAGE_MAX + 1], at[ASK_NAME_MAX + 1];
	char *key[API_KEYS_MAX]; /* owned */
	unsigned n_keys, limit;
	char note[256]; /* "": none */
	/* out */
	struct bytes body;
	struct err error;
};

/* Each writes one JSON value, and runs aside. On error what was written counts for nothing. */
/* reads_checkpoint.c */
RC read_checkpoint(const struct one_read *x, struct json_out *o, struct err *e);
RC read_savepoints(const struct one_read *x, struct json_out *o, struct err *e);
/* reads_state.c */
RC read_state(const struct one_read *x, struct json_out *o, struct err *e);
