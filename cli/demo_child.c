/* demo_child.c - see demo_child.h. */
#include "cli/demo_child.h"

#include "base/json.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

void demo_child_init(struct demo_child *c, struct mem *mem)
{
	*c = (struct demo_child){.mem = mem, .events = -1};
	bytes_init(&c->line, mem);
}

void demo_child_close(struct demo_child *c)
{
	if (!c->mem)
		return;
	demo_child_kill(c);
	if (c->events >= 0)
		close(c->events);
	bytes_close(&c->line);
	*c = (struct demo_child){.events = -1};
}

/* ---- starting ---- */

/* In the child. Its parent may have died before the kernel was asked. */
static void tie_to_parent(pid_t parent)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
}

static void point(int fd, const char *path, int flags)
{
	int to = open(path, flags | O_CLOEXEC, 0644);
	if (to < 0 || dup2(to, fd) < 0)
		_exit(126);
}

RC demo_child_weir(struct demo_child *c, char *const argv[], bool events, const char *out_path,
		   struct err *e)
{
	int pipe_fd[2] = {-1, -1};
	pid_t parent = getpid();
	if (events && pipe2(pipe_fd, O_CLOEXEC))
		return err_errno(e, errno, "a pipe");
	c->pid = fork();
	if (c->pid < 0) {
		c->pid = 0;
		if (events) {
			close(pipe_fd[0]);
			close(pipe_fd[1]);
		}
		return err_errno(e, errno, "fork");
	}
	if (c->pid == 0) {
		tie_to_parent(parent);
		point(STDIN_FILENO, "/dev/null", O_RDONLY);
		if (out_path)
			point(STDOUT_FILENO, out_path, O_WRONLY | O_CREAT | O_APPEND);
		else
			point(STDOUT_FILENO, "/dev/null", O_WRONLY);
		if (!events)
			point(STDERR_FILENO, "/dev/null", O_WRONLY);
		else if (dup2(pipe_fd[1], STDERR_FILENO) < 0)
			_exit(126);
		execv("/proc/self/exe", argv);
		_exit(127);
	}
	if (events) {
		close(pipe_fd[1]);
		c->events = pipe_fd[0];
	}
	return OK;
}

RC demo_child_lossy(struct demo_child *c, const struct demo_text *t, struct env *env,
		    const char *position_path, const char *counts_path, double seconds, struct err *e)
{
	pid_t parent = getpid();
	c->pid = fork();
	if (c->pid < 0) {
		c->pid = 0;
		return err_errno(e, errno, "fork");
	}
	if (c->pid == 0) {
		tie_to_parent(parent);
		_exit(demo_lossy_main(t, env, position_path, counts_path, seconds));
	}
	return OK;
}

/* ---- events ---- */

static uint64_t number_of(const struct json *v, const char *key)
{
	const struct json *n = json_get(v, key);
	return n && json_kind(n) == JSON_INT ? (uint64_t)json_int(n) : 0;
}

static const char *text_of(const struct json *v, const char *key)
{
	const struct json *s = json_get(v, key);
	return s && json_kind(s) == JSON_STRING ? json_string(s, NULL) : "";
}

static void hear_counts(struct demo_child *c, const struct json *v)
{
	const struct json *ops = json_get(v, "operators");
	for (size_t i = 0; ops && json_kind(ops) == JSON_ARRAY && i < json_count(ops); i++)
		if (!strcmp(text_of(json_item(ops, i), "id"), "count"))
			c->counted = number_of(json_item(ops, i), "records_in");
}

static void hear(struct demo_child *c, const struct json *v, uint64_t now_us)
{
	const char *event = text_of(v, "event");
	if (!strcmp(event, "status") || !strcmp(event, "ended")) {
		hear_counts(c, v);
	} else if (!strcmp(event, "checkpoint") && !strcmp(text_of(v, "state"), "completed")) {
		c->checkpoint = number_of(v, "id");
		c->checkpoint_us = now_us;
		c->checkpoints++;
		c->counted_then = c->counted;
		c->periodic |= !strcmp(text_of(v, "kind"), "periodic");
	} else if (!strcmp(event, "finished_before")) {
		c->finished_before = true;
	} else if (!strcmp(event, "recovered")) {
		c->recovered = true;
		snprintf(c->recovery, sizeof c->recovery, "%s", text_of(v, "text"));
	}
	const char *error = *text_of(v, "error") ? text_of(v, "error") : text_of(v, "text");
	if (strcmp(event, "recovered") && *error)
		snprintf(c->trouble, sizeof c->trouble, "%s", error);
}

/* " page: http://127.0.0.1:4711/", among what a server says as it begins. */
static void hear_page(struct demo_child *c, const char *line, size_t len)
{
	static const char begin[] = " page: ";
	size_t n = sizeof begin - 1;
	if (len > n && !memcmp(line, begin, n))
		snprintf(c->page, sizeof c->page, "%.*s", (int)(len - n), line + n);
}

static void hear_line(struct demo_child *c, const char *line, size_t len, uint64_t now_us)
{
	struct json_doc *doc = NULL;
	struct err e = {0};
	if (json_parse(&doc, line, len, c->mem, NULL, &e) == OK &&
	    json_kind(json_root(doc)) == JSON_OBJECT)
		hear(c, json_root(doc), now_us);
	else
		snprintf(c->trouble, sizeof c->trouble, "%.*s", (int)(len < 1000 ? len : 1000), line);
	hear_page(c, line, len);
	json_close(doc);
}

bool demo_child_read(struct demo_child *c, struct clock *clock, int timeout_ms)
{
	char piece[4096];
	struct pollfd p = {.fd = c->events, .events = POLLIN};
	if (poll(&p, 1, timeout_ms) <= 0)
		return true;
	ssize_t n = read(c->events, piece, sizeof piece);
	if (n <= 0)
		return n < 0 && errno == EINTR;
	bytes_put(&c->line, piece, (size_t)n);
	char *begin = (char *)c->line.data, *nl;
	size_t left = c->line.len;
	while (left && (nl = memchr(begin, '\n', left))) {
		hear_line(c, begin, (size_t)(nl - begin), clock_mono_us(clock));
		left -= (size_t)(nl + 1 - begin);
		begin = nl + 1;
	}
	if (left)
		memmove(c->line.data, begin, left);
	c->line.len = left;
	return true;
}

void demo_child_drain(struct demo_child *c, struct clock *clock)
{
	while (c->events >= 0 && demo_child_read(c, clock, 1000))
		;
}

/* ---- ending ---- */

bool demo_child_lives(struct demo_child *c)
{
	if (c->pid && waitpid(c->pid, &c->status, WNOHANG) == c->pid)
		c->pid = 0;
	return c->pid != 0;
}

void demo_child_wait(struct demo_child *c)
{
	if (!c->pid)
		return;
	while (waitpid(c->pid, &c->status, 0) < 0 && errno == EINTR)
		;
	c->pid = 0;
}

void demo_child_kill(struct demo_child *c)
{
	if (c->pid)
		kill(c->pid, SIGKILL);
	demo_child_wait(c);
}
