/* http_in.h - the inside of the HTTP door: shared by http.c (the library's turns, requests),
 * http_conn.c (connections, deadlines, hang-ups), http_accept.c (the socket, who may come in),
 * http_target.c (what a request line asks for) and http_answer.c (answers, streams) only.
 *
 *   a connection:  HEADER -> BODY -> KEPT -> ANSWER -> HEADER ...
 *                     \________\_______\---> STREAM -> (ended) ANSWER
 *
 * inv 1  the library holds a connection suspended exactly while its request is kept, or its stream
 *        has nothing to send; a suspended one is not in its epoll set, so hang-ups are seen in ours
 * inv 2  a connection that is not suspended is watched by our loop itself (`direct`), as long as
 *        what it reads leads somewhere. Those that are not, with TLS or on their way out, and those
 *        in the midst of a request, which may have no room for what they are sent (an answer, or
 *        the word to continue), the library's epoll descriptor tells of; that is watched only while
 *        there is such a one. Why: a wake-up through an epoll within an epoll comes without
 *        the kernel's hint that who wakes us is about to sleep, and so goes to another processor,
 *        which takes longer than all the rest of a request
 * inv 3  a request lives until the library says it is completed: only there is `gone` called */
#pragma once
#include "server/http.h"

#include "base/check.h"
#include "base/env.h"

#include <microhttpd.h>
#include <sys/stat.h>

/* What is used of it. */
struct http_library {
	__typeof__(&MHD_start_daemon) start;
	__typeof__(&MHD_stop_daemon) stop;
	__typeof__(&MHD_run) run;
	__typeof__(&MHD_get_timeout) get_timeout;
	__typeof__(&MHD_get_daemon_info) daemon_info;
	__typeof__(&MHD_get_connection_info) connection_info;
	__typeof__(&MHD_set_connection_option) set_option;
	__typeof__(&MHD_add_connection) add;
	__typeof__(&MHD_suspend_connection) suspend;
	__typeof__(&MHD_resume_connection) resume;
	__typeof__(&MHD_lookup_connection_value) lookup;
	__typeof__(&MHD_get_connection_values) values;
	__typeof__(&MHD_queue_response) queue;
	__typeof__(&MHD_create_response_from_buffer) buffer_response;
	__typeof__(&MHD_create_response_from_callback) callback_response;
	__typeof__(&MHD_add_response_header) add_header;
	__typeof__(&MHD_destroy_response) destroy;
};

/* --- http_target.c: pure --- */

struct http_param {
	const char *name, *value;
};
/* One block of memory. */
struct http_target {
	const char *path;
	struct http_param *params;
	unsigned n;
};
/* NULL, or why it is refused. raw is copied. t->params NULL and "no memory": none. */
const char *http_target_parse(struct http_target *t, const char *raw, struct mem *mem);
void http_target_close(struct http_target *t, struct mem *mem); /* legal on the empty value */
extern const char http_target_no_memory[];
/* Whether it can be the name of a header's field (RFC 9110, 5.6.2): no blank, no colon. */
bool http_is_token(const char *name);

/* --- http_accept.c --- */

#define REFUSED_MAX 32 /* sockets that are told "no": kept a second, so that they can read it */
struct acceptor {
	int dir_fd, fd;
	dev_t dev; /* of the socket in the folder, to remove no other's */
	ino_t ino;
	struct loop_watch *watch;
	struct loop_timer *linger, *pause;
	int refused[REFUSED_MAX];
	unsigned n_refused;
};
/* *a is closable afterwards, whatever is returned. */
RC acceptor_open(struct http *h, struct err *e);
void acceptor_close(struct http *h); /* legal on the empty value (dir_fd and fd -1) */
/* A whole answer past the library, where it cannot give one; what does not fit is dropped. With TLS
 * there is none: only the library knows the keys. */
void http_raw(const struct http *h, int fd, const char *status, const char *code,
	      const char *message);

/* --- what they share --- */

struct conn {
	struct http *http;
	struct conn *prev, *next;
	struct MHD_Connection *mhd;
	int fd;                       /* the library's: it closes it */
	struct loop_watch *watch;     /* NULL with TLS */
	bool direct;                  /* it is watched (inv 2) */
	unsigned vain;                /* events since the library's last callback for it */
	bool broken;                  /* to be closed by the library as soon as it looks */
	bool served;                  /* a request was answered before */
	bool hung_up;                 /* by its client; the library knows, or is told later */
	bool known;                   /* who its client is: it need not make room */
	uint64_t deadline_us;         /* UINT64_MAX: none */
	struct http_request *request;
};

/* LATE: turned away, and told so when the connection's deadline comes. */
enum request_state {
	REQUEST_RECEIVED, REQUEST_HANDLED, REQUEST_KEPT, REQUEST_LATE, REQUEST_ANSWERED
};

struct http_own_header {
	const char *name, *value;
};

struct http_request {
	struct http *http;
	struct conn *conn;
	enum request_state state;
	bool begun, suspended, head;
	bool old;                 /* HTTP/1.0: a stream to it ends with the connection */
	bool last;                /* its connection ends with the answer */
	struct http_own_header header[HTTP_OWN_HEADERS_MAX];
	unsigned n_headers;
	struct {
		unsigned status;
		const char *code, *message;
	} late;
	const char *raw;          /* the library's copy of the target, and its length up to a NUL */
	size_t raw_len;
	const char *fault;        /* of the target; NULL: none */
	struct http_target target;
	const char *method;
	struct bytes body;
	void *context;
	struct http_stream *stream;
};

struct http_stream {
	struct http_request *request;
	struct bytes out;
	size_t at;                /* of out is sent */
	bool ended;
	void (*gone)(void *arg);
	void *arg;
};

struct http {
	struct http_config config;
	struct mem *mem;
	struct http_library mhd;
	struct MHD_Daemon *daemon;
	struct acceptor acceptor;
	struct loop_watch *watch;     /* of the library's epoll descriptor */
	bool inner;                   /* it is watched (inv 2) */
	struct loop_after *turn;      /* the library's next turn: not a timer, which libuv would serve
				       * again and again before it looks at anything else */
	struct loop_timer *turn_later;
	struct loop_timer *deadline;  /* at or before the earliest of a connection */
	uint64_t deadline_at_us;      /* UINT64_MAX: not set */
	int hup_fd;                   /* an epoll descriptor: hang-ups of all connections */
	struct loop_watch *hup_watch;
	struct conn *first;
	struct conn *adding;
	struct http_counts counts;
	unsigned n_broken;            /* of the connections: on their way out */
	unsigned n_direct, n_suspended, n_busy; /* of them; with a request, and not suspended */
	char complaint[256];          /* the library's, while it starts */
	uint64_t progress, progress_seen; /* callbacks so far */
	unsigned idle_turns;
	uint64_t turn_us;             /* when the library's turn began */
	bool running, closing;
};

/* --- http.c --- */

/* All that is asked for before it is one turn. */
void http_turn_soon(struct http *h);
/* Opens the library, if that was not done. It can be tried again. */
RC http_start_library(struct http *h, struct err *e);

/* --- http_conn.c --- */

/* The library's word that a connection begins or ends. */
void conn_notified(void *arg, struct MHD_Connection *mhd, void **context,
		   enum MHD_ConnectionNotificationCode what);
void conn_on_hup(void *arg, int events, int error);
void conn_on_deadline(void *arg);
/* From a callback of the library. */
struct conn *conn_of(struct http *h, struct MHD_Connection *mhd);
/* Whether the library's descriptor is watched from now on (inv 2). */
void conn_watch_inner(struct http *h);
/* Whether our loop watches it from now on. */
void conn_direct(struct conn *c, bool direct);
void conn_add(struct http *h, int fd); /* takes fd */
/* Whether there is room for one more: the oldest whose client is not known goes, if it must. */
bool conn_make_room(struct http *h);
/* Has the library close it in its next turn; the callbacks come then. */
void conn_break(struct conn *c);
/* after_us from now; 0: no deadline. */
void conn_deadline(struct conn *c, uint64_t after_us);
void request_suspend(struct http_request *r);
void request_resume(struct http_request *r);

/* --- http_answer.c --- */

/* What was said by http_turn_away, now. */
void http_answer_late(struct http_request *r);
/* Its last use of the stream; calls gone unless the owner ended it. */
void stream_over(struct http_stream *s);
