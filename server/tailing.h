/* tailing.h - who reads what a print_sink of a job writes: a feed a sink, and the job's process
 * told when the first comes and the last goes, so that it costs nothing while nobody reads.
 * Threads: the loop's. */
#pragma once
#include "base/err.h"
#include "server/http.h"

struct managed;
struct tailing;

/* Answers r: a stream of `rows` events; of a stage that is none while nothing is known of the job's
 * stages, of one `error` event. */
void tailing_add(struct managed *m, struct http_request *r, const char *stage);
/* Facts of m have come: who reads what is no print_sink is told so, and the stream ends. */
void tailing_facts(struct managed *m);
/* A WIRE_ROWS frame: to those who read that sink. E_INVALID: it is none. */
RC tailing_heard(struct managed *m, const char *body, size_t len, struct err *e);
/* Tells its process, if there is one. */
void tailing_ask(struct managed *m, bool on);
void tailing_beat(struct managed *m);
/* All streams end. */
void tailing_close(struct tailing **list, struct mem *mem);
