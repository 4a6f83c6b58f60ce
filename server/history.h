/* history.h - history.jsonl as an answer: what became of a job's newest checkpoints. */
#pragma once
#include "base/env.h"
#include "server/http.h"

/* {"checkpoints": [...]}, oldest first; empty where there is no such file. */
void history_answer(struct http_request *r, struct env *env, const char *dir);
/* The newest line of checkpoint id, without its end; *to stays empty where there is none. */
RC history_find(struct env *env, const char *dir, uint64_t id, struct bytes *to, struct err *e);
