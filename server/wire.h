/* wire.h - framed messages between a server and one job process, over a socket pair.
 *
 *   OFFSET SIZE MEANING
 *   0      4    length of the body in bytes, at most WIRE_BODY_MAX
 *   4      1    enum wire_kind
 *   5      len  one JSON object (words.h)
 *
 * Both ends are the same binary, so the frames carry no version. What cannot be understood closes
 * the wire: the process ends, and the server starts it again.
 * Threads: the loop's. */
#pragma once
#include "base/bytes.h"
#include "base/err.h"
#include "jobs/loop.h"

#define WIRE_BODY_MAX (8u << 20)  /* a job of 1 MiB, escaped */
#define WIRE_QUEUE_MAX (16u << 20) /* unsent bytes; more closes the wire */

enum wire_kind {
	/* to the process */
	WIRE_START,      /* what to run: the first frame */
	WIRE_REQUEST,    /* what is asked of the job, a stop too */
	WIRE_ASK,        /* facts, once */
	WIRE_WATCH,      /* on: facts each second, and records, until off */
	WIRE_STEP,       /* of a step session's process, after its START: what is done */
	WIRE_TAIL,       /* on: what print_sinks write, until off; some of it is left out */
	WIRE_LOOKUP,     /* a key of its state is wanted */
	/* to the server */
	WIRE_UP,         /* it owns the job's directory, or runs again */
	WIRE_RECOVERY,   /* lines: the recovery report */
	WIRE_FAILED,     /* an attempt failed, another follows */
	WIRE_ENDED,      /* its last word */
	WIRE_OUTLOOK,    /* what the facts mean; goes before them */
	WIRE_FACTS,
	WIRE_ROWS,       /* lines of a print_sink (tail.h) */
	WIRE_RECORD,     /* a checkpoint was completed or failed; some are left out */
	WIRE_ANSWER,     /* to a WIRE_REQUEST; a stop's is WIRE_ENDED. To a WIRE_STEP: an error */
	WIRE_STEPPED,    /* to a WIRE_STEP: how everything stands */
	WIRE_FOUND,      /* to a WIRE_LOOKUP, once each: its row, or why there is none */
	WIRE_KINDS,
};

struct wire_config {
	struct loop *loop;
	struct mem *mem;
	int fd;       /* owned by the wire from wire_open on, also if that fails */
	/* body: len bytes of JSON text, borrowed. May close the wire. */
	void (*frame)(void *arg, enum wire_kind kind, const char *body, size_t len);
	/* The other end is gone or talks nonsense; called once, not by wire_close. The wire is dead,
	 * and still to be closed. */
	void (*closed)(void *arg);
	void *arg;
};

struct wire;
RC wire_open(struct wire **w, const struct wire_config *c, struct err *e);
/* Never blocks; without memory, with WIRE_QUEUE_MAX unsent, or when the other end is gone, nothing
 * more is sent, and `closed` comes after what was still to be read. */
void wire_send(struct wire *w, enum wire_kind kind, const struct bytes *body);
/* Whether nothing waits to be sent: who sends what may be left out looks here first. */
bool wire_is_idle(const struct wire *w);
/* Reads to the end, for one whose process is gone. The taker of frames must not close it. */
void wire_drain(struct wire *w);
/* Waits up to timeout_ms until all is sent: for last words. */
void wire_flush(struct wire *w, int timeout_ms);
void wire_close(struct wire **w); /* legal on NULL; clears the pointer */
/* Two connected ends, non-blocking, close-on-exec. */
RC wire_pair(int fd[2], struct err *e);
