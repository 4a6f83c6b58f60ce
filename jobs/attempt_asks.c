/* attempt_asks.c - what is asked of an attempt from outside, and how it is answered: each request
 * that was accepted gets one word, or the attempt ends without it (job_requests.c then says so). */
#include "jobs/attempt_in.h"

void attempt_answer(struct attempt *a, uint64_t request, const struct checkpoint_record *r,
		    const char *found, const struct err *why)
{
	struct err text = {0};
	if (!request || !a->c.listen.answered)
		return;
	if (why) /* given up for a reason that is no failure: to the asker it is a refusal */
		ERR(&text, err_class_of(why->code) == CLASS_QUIET ? E_REFUSED : why->code, "%s",
		    why->text);
	a->c.listen.answered(a->c.listen.arg, request, r, found, why ? &text : NULL);
}

/* What its checkpoint is to be called; NULL: it is no savepoint. */
static const char *name_of(const struct job_ask *ask)
{
	if (!ask || (ask->kind != ASK_SAVEPOINT && !ask->savepoint))
		return NULL;
	return ask->name[0] ? ask->name : ATTEMPT_OWN_NAME;
}

void attempt_stop(struct attempt *a, const struct job_ask *how, uint64_t now_us)
{
	a->now_us = now_us;
	if (a->stop_asked || a->closing)
		return;
	a->stop_asked = true;
	attempt_event(a, &(struct co_event){.kind = CO_EV_REQUEST, .request_kind = CO_STOP,
					    .drain = how && how->drain, .name = name_of(how)});
	attempt_act(a);
}

RC attempt_ask(struct attempt *a, const struct job_ask *ask, uint64_t now_us, struct err *e)
{
	CHECK(ask->request);
	if (a->stop_asked)
		return ERR(e, E_REFUSED, "the job is being stopped, which takes a checkpoint");
	if (a->closing)
		return ERR(e, E_REFUSED, "the attempt is ending: ask again when the next one runs");
	a->now_us = now_us;
	if (ask->kind == ASK_PIN || ask->kind == ASK_UNPIN || ask->kind == ASK_GC)
		return keep_submit(a, ask, e);
	attempt_event(a, &(struct co_event){.kind = CO_EV_REQUEST, .name = name_of(ask),
					    .request_kind = ask->kind == ASK_SAVEPOINT
								    ? CO_SAVEPOINT : CO_MANUAL,
					    .request = ask->request, .full = ask->full});
	return OK;
}
