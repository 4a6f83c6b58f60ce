/* remote.h - what the verbs share that ask a server: which one, which job, what it said, and what
 * went wrong there. --json prints what the server said. Threads: control thread. */
#pragma once
#include "cli/cli.h"
#include "cli/client.h"

#define REMOTE_DIR "weir-server" /* where a server lives unless --dir or WEIR_DIR say otherwise */
#define REMOTE_NAME_MAX 64       /* SPEC_NAME_MAX */

/* The options all of them take: {REMOTE_OPTIONS, ..., {0}}. */
#define REMOTE_OPTIONS                                                                             \
	{"--dir", ARG_TEXT, "DIR", "the server's directory, or that of a `weir run`\n"              \
	 "                         (default: $WEIR_DIR, else " REMOTE_DIR ")"},                      \
	{"--server", ARG_TEXT, "URL", "http://HOST:PORT or https://HOST:PORT instead"},             \
	{"--token-file", ARG_TEXT, "FILE", "its token (default: $WEIR_TOKEN_FILE); mode 600"},      \
	{"--tls-ca", ARG_TEXT, "FILE", "PEM: whose certificates to believe for https"},             \
	{"--json", ARG_FLAG, NULL, "what the server says, as JSON on standard output"}

struct remote {
	struct cli *cli;
	const struct args *args;
	struct client *client;
	const char *dir, *server; /* server NULL: by dir */
	const char *place_dir;    /* the verb's first argument, when it is a directory; else NULL */
	bool json;
	char job[REMOTE_NAME_MAX + 1]; /* the one asked about; "": none */
	long status;                   /* of the last answer */
	struct bytes refusal;          /* the body of the last answer that was an error */
};

RC remote_open(struct remote *r, struct cli *c, const struct args *a, struct err *e);
/* The same for a verb whose first argument is JOB or DIR, the directory of a `weir run` (or of a
 * server with one job). It is DIR when neither --dir nor --server is given and it has a '/', begins
 * with '.', or somebody listens in it. Sets r->job too (remote_job). */
RC remote_open_job(struct remote *r, struct cli *c, const struct args *a, struct err *e);
void remote_close(struct remote *r); /* legal on the empty value */

/* As client_call, and an answer of 400 and above is its error, with the server's words. */
RC remote_call(struct remote *r, const struct client_request *q, struct client_reply *reply,
	       struct err *e);
RC remote_get(struct remote *r, const char *path, struct client_reply *reply, struct err *e);
/* Says e, as a person or a program wants it; the exit code. */
int remote_fail(struct remote *r, const struct err *e);

/* Sets r->job: args' first place; without one, the only job there is, or E_USAGE names them all.
 * E_NOT_FOUND: no job can be called that. */
RC remote_job(struct remote *r, struct err *e);
/* "/v1/jobs/<job>" and more behind it. */
void remote_path(const struct remote *r, struct bytes *to, const char *more);

/* The command line that does `what` at this server: "weir show word-count --dir d". */
#define REMOTE_COMMAND 4400
const char *remote_command(const struct remote *r, char to[REMOTE_COMMAND], const char *verb,
			   const char *job);
/* The code a server named; E_IO for one that is not known here. */
enum rc remote_code(const char *name);
/* Writes an answer's body and a line feed to standard output (--json). */
void remote_print(struct remote *r, const struct client_reply *reply);
/* One event as a line of JSON: {"event": name, "data": data}. */
void remote_print_event(struct remote *r, const char *event, const char *data);

/* Text of others for a terminal: control bytes become '?', line feeds spaces; at most `columns`
 * characters, the last of them "..." if it was cut (0: all). */
void remote_put_plain(struct bytes *to, const char *text, size_t columns);
/* What stands in *text in colour, for a state. */
const char *remote_state_colour(const struct paint *p, const char *state);
bool remote_state_is_final(const char *state);
