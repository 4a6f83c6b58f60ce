/* server_client.h - who asks a simulated server for things, step by step, and remembers what he was
 * told: after a crash that, or what he was told and what he still waited for, must be there.
 * Independent of the server: what stands is read off the disk. */
#pragma once
#include "tests/sim/server_world.h"

#define CLIENT_BYSTANDER "sim-2" /* a job at rest, which nobody asks anything of */

/* Of the same job; WRONG fails at its first record. */
enum description { PLAIN, OTHER_INTERVAL, OTHER_SINK, CANCEL_DELETES, WRONG, DESCRIPTIONS };

enum verb {
	END, /* of the script */
	SUBMIT, STOP, CANCEL, RESTART, REPLACE, RESCALE, REMOVE,
	FLOWS, /* until the job has made checkpoints of its records */
	ENDS,  /* until it has ended by itself */
	KILL,  /* its process alone */
};

struct step {
	enum verb verb;
	enum description what;
};

/* What is known of the job. */
struct fact {
	bool there;
	enum standing standing;
	enum description what;
	uint32_t parallelism;
};
/* What becomes of it by itself. */
struct fact fact_in_the_end(struct fact f);
bool fact_is_same(struct fact a, struct fact b);

struct client {
	struct server_world sw;
	struct scenario s;
	char job[DESCRIPTIONS][2048];
	const struct step *step;   /* the next of the script */
	bool settles;              /* no script: looks what is there, and brings it to its end */
	bool retries, gives_up;    /* after an error: asks again, or asks nothing more */
	struct fact acked, maybe;  /* maybe: if what was not answered has happened */
	bool both;                 /* maybe counts, though nothing is unanswered */
	struct http_request r;
	unsigned tries, wait;      /* turns until it is tried again */
	bool termed, restarted, looked, overtaken, gave_up;
	unsigned long errors;      /* heard */
	uint64_t quiet_at;         /* operations when it first had nothing more to do */
};

/* A world with input, a bystander, and who follows these steps up to END. */
void client_open(struct client *f, const struct step *steps, const char *name, uint64_t seed);
void client_close(struct client *f);
/* From now on: no script, but whatever is found goes on to its end, and is removed.
 * first: since the crash nobody was asked anything. */
void client_settle(struct client *f, bool first);
/* One version of each job in the catalogue, and nothing else. */
struct fact client_look(struct client *f);
/* In a folder of the data directory: those two names, or (one NULL) the second. */
void client_expect_names(struct client *f, const char *folder, const char *one, const char *two);
