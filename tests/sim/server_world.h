/* server_world.h - a whole server on one thread, with a real job as its process: what the loop, the
 * wire and HTTP do is simulated, all else is the server itself.
 *
 *   client -> server_request ... -> life, perform -> clerk -> the disk of tests/sim/world.h
 *                                        | START, STOP, SIGKILL        |
 *                                        v                             v
 *                                   one process: its job, stepped as in every simulation
 *
 * Why at the linker (--wrap in CMakeLists.txt): so the server knows nothing of it, and what is
 * tried is what ships. Replaced are loop_*, http_*, wire_* and log_open.
 * In each turn a seed picks who goes on: the clerk, the process or the client. Time passes when
 * nobody has anything to do. A crash ends server and process together.
 * Threads: one; and one server_world at a time. */
#pragma once
#include "server/server_in.h"
#include "tests/sim/scenario.h"

#define SERVER_DATA "data"
#define SERVER_JOB "sim" /* as scenario.c names it */
#define SERVER_TEXT_MAX 1024

/* What a client asks, and what it hears: an answer, or a stream that ends with the outcome. */
struct http_request {
	const char *method, *body;
	char path[96];
	const char *key[4], *value[4]; /* of the query; unused: NULL */
	bool streams;                  /* it wants the events */
	/* what came */
	void *context;
	struct http_stream *stream;
	unsigned answers, outcomes;    /* of which there is one each at most */
	unsigned status;
	bool asked, over;
	enum rc rc;                    /* over: OK or that of the error */
	char text[SERVER_TEXT_MAX];    /* the error */
};

/* Who made a file operation. */
enum { BY_NOBODY, BY_SERVER, BY_PROCESS, BY_CLIENT, BY_DYING };
#define SERVER_OPERATIONS_MAX 8192

struct server_world {
	struct world w;
	struct mem mem;             /* the server's */
	struct mem words;           /* the process's, of its START */
	struct env env;
	struct server *s;           /* while its loop runs */
	/* the client: false while it waits */
	bool (*client)(struct server_world *sw, bool idle);
	void *arg;
	bool opened;                /* a server has begun to answer since server_world_serve */
	/* what the loop holds */
	bool stop;
	struct loop_timer *timers;
	struct loop_signal *term;
	struct http *http;
	struct http_request *kept;  /* the one that is not answered yet */
	struct wire *wire;          /* opened, its process not started yet */
	struct loop_child *child;
	struct word_start start;    /* of the newest process */
	bool has_start;
	uint64_t crash_at;          /* what a kill of the process alone must not forget; 0: none */
	uint64_t fault_at;
	enum rc fault_code;
	bool after;                 /* of either: the operation is done */
	unsigned char by[SERVER_OPERATIONS_MAX];
	unsigned processes, kills;
	char context[200];          /* what is tried; said when something fails */
	char dir[256], job[4096];   /* of the job started last: they outlive its process */
};

void server_world_open(struct server_world *sw, uint64_t seed, const char *job_text);
void server_world_close(struct server_world *sw);

/* A server until its client stops it, or the crash that was asked for has come: then *e is
 * E_CRASHED, and server_world_crash must follow. Any other error: it did not start. */
RC server_world_serve(struct server_world *sw, struct err *e);
void server_world_crash(struct server_world *sw, bool power_cut);

/* For the client. */
void server_world_ask(struct server_world *sw, struct http_request *r);
void server_world_term(struct server_world *sw); /* SIGTERM */
void server_world_kill(struct server_world *sw); /* SIGKILL to the process */
/* Operation n (0: none) is the last one, or fails, with code; after: it is done all the same. */
void server_world_crash_at(struct server_world *sw, uint64_t n, bool after);
void server_world_fault_at(struct server_world *sw, uint64_t n, enum rc code, bool after);
/* Nothing is under way and no process runs. */
bool server_world_is_quiet(const struct server_world *sw);
