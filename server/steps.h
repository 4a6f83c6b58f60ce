/* steps.h - step sessions: a job that is run one event at a time, forwards and back, for somebody
 * who looks at a picture of it (jobs/stepper.h). Each in a process of its own, `weir stepper`: what
 * takes long, or dies, is not the server.
 *
 *   POST /v1/steps -> process -> START, STEP open ->  STEPPED -> 201
 *   POST /v1/steps/3/next     -> STEP next        ->  STEPPED -> 200
 *   DELETE, nobody asks for STEPS_IDLE_US, no answer for STEPS_PATIENCE_US,
 *   the server ends           -> killed
 *
 * The process answers in the order in which it was asked. Threads: the loop's. */
#pragma once
#include "server/api.h"

#define STEPS_MAX 8                     /* sessions; each may have STEPS_MEMORY: by feel */
#define STEPS_ASKED_MAX 16              /* questions of one that are not answered yet; by feel */
#define STEPS_MEMORY (256u << 20)       /* bytes that what is stepped may take */
#define STEPS_IDLE_US 600000000
#define STEPS_PATIENCE_US 60000000      /* STEP_EVENTS_MAX played again take some seconds */

struct server;
struct step_session;

struct steps {
	struct step_session *session[STEPS_MAX]; /* NULL: free */
	uint64_t last;                           /* number given */
};

void steps_list(struct server *s, struct http_request *r);
/* What the route says; r is answered, at once or later. */
void steps_do(struct server *s, struct http_request *r, const struct api_call *c);
/* Ends all; who waits is told why. */
void steps_close(struct server *s, const struct err *why);
