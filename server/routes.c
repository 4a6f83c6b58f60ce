/* routes.c - see routes.h. */
#include "server/routes.h"

#include "base/bytes.h"
#include "base/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define JOB "/v1/jobs/{name}"
#define STEP "/v1/steps/{id}"

static const struct route routes[] = {
	{.method = "GET", .path = "/", .query = " ", .what = API_ABOUT, .says = "the same as /v1"},
	{.method = "GET", .path = "/v1", .query = " ", .what = API_ABOUT,
	 .says = "which weir this is, and how many jobs it has"},
	{.method = "GET", .path = "/openapi.json", .query = " ", .what = API_OPENAPI,
	 .says = "this interface as an OpenAPI document"},
	{.method = "GET", .path = "/metrics", .query = " ", .what = API_METRICS,
	 .says = "everything that is measured, as OpenMetrics text"},
	{.method = "GET", .path = "/v1/jobs", .query = " facts ", .what = API_LIST,
	 .says = "all jobs, by name"},
	{.method = "POST", .path = "/v1/jobs",
	 .query = " file replace parallelism set restore rewind claim ", .what = API_SUBMIT,
	 .says = "runs the job file that is the body"},
	{.method = "GET", .path = JOB, .query = " ", .what = API_SHOW,
	 .says = "the job, with its facts while it runs"},
	{.method = "DELETE", .path = JOB, .query = " with_savepoints ", .what = API_ACT,
	 .kind = ACTION_REMOVE, .says = "removes the job and its directory"},
	{.method = "GET", .path = JOB "/checkpoints", .query = " ", .what = API_CHECKPOINTS,
	 .says = "its checkpoints, oldest first"},
	{.method = "GET", .path = JOB "/checkpoints/{id}", .query = " ", .what = API_CHECKPOINT,
	 .says = "one checkpoint, and when what happened to it"},
	{.method = "GET", .path = JOB "/savepoints", .query = " ", .what = API_SAVEPOINTS,
	 .says = "its savepoints"},
	{.method = "GET", .path = JOB "/recoveries", .query = " ", .what = API_RECOVERIES,
	 .says = "each time it went on from a checkpoint, oldest first"},
	{.method = "GET", .path = JOB "/plan", .query = " ", .what = API_PLAN,
	 .says = "its graph, as weir explain --json"},
	{.method = "GET", .path = JOB "/config", .query = " ", .what = API_CONFIG,
	 .says = "its description as it was submitted, and what it inherits"},
	{.method = "GET", .path = JOB "/state/{stage}", .query = " key at limit live ",
	 .what = API_STATE,
	 .says = "a key of a keyed stage, or the first of them"},
	{.method = "GET", .path = JOB "/tail/{stage}", .query = " ", .what = API_TAIL,
	 .says = "what a print_sink writes, as it writes it"},
	{.method = "GET", .path = JOB "/log", .query = " tail follow ", .what = API_LOG,
	 .says = "the end of its log"},
	{.method = "GET", .path = JOB "/events", .query = " ", .what = API_EVENTS,
	 .says = "its events as they come"},
	{.method = "POST", .path = JOB "/checkpoint", .query = " full ", .what = API_ACT,
	 .kind = ACTION_CHECKPOINT, .says = "takes a checkpoint now"},
	{.method = "POST", .path = JOB "/savepoint", .query = " name ", .what = API_ACT,
	 .kind = ACTION_SAVEPOINT, .says = "makes a savepoint"},
	{.method = "POST", .path = JOB "/pin", .query = " id ", .what = API_ACT, .kind = ACTION_PIN,
	 .says = "keeps a checkpoint until it is unpinned"},
	{.method = "POST", .path = JOB "/unpin", .query = " id ", .what = API_ACT,
	 .kind = ACTION_UNPIN, .says = "lets a checkpoint go"},
	{.method = "POST", .path = JOB "/gc", .query = " dry_run ", .what = API_ACT,
	 .kind = ACTION_GC, .says = "removes files that nothing needs"},
	{.method = "POST", .path = JOB "/stop", .query = " drain savepoint name ", .what = API_ACT,
	 .kind = ACTION_STOP, .says = "stops the job with a checkpoint"},
	{.method = "POST", .path = JOB "/cancel", .query = " with_savepoints ", .what = API_ACT,
	 .kind = ACTION_CANCEL, .says = "ends the job at once"},
	{.method = "POST", .path = JOB "/restart", .query = " ", .what = API_ACT,
	 .kind = ACTION_RESTART, .says = "stops and starts it, or starts it again"},
	{.method = "POST", .path = JOB "/rescale", .query = " parallelism ", .what = API_ACT,
	 .kind = ACTION_RESCALE, .says = "goes on with another parallelism"},
	{.method = "POST", .path = JOB "/remove", .query = " with_savepoints ", .what = API_ACT,
	 .kind = ACTION_REMOVE, .says = "removes the job and its directory"},
	{.method = "POST", .path = JOB "/kill", .query = " ", .what = API_ACT, .kind = ACTION_KILL,
	 .says = "kills its process (SIGKILL), to see it recover"},
	{.method = "GET", .path = "/v1/actions/{id}", .query = " ", .what = API_ACTION,
	 .says = "how an action stands"},
	{.method = "GET", .path = "/v1/steps", .query = " ", .what = API_STEPS,
	 .says = "the step sessions that are open"},
	{.method = "POST", .path = "/v1/steps", .query = " file set parallelism seed ",
	 .what = API_STEP, .step = STEP_DO_OPEN,
	 .says = "runs the job file that is the body step by step; without a body an example"},
	{.method = "GET", .path = STEP, .query = " ", .what = API_STEP, .step = STEP_DO_LOOK,
	 .says = "how everything stands in a step session"},
	{.method = "DELETE", .path = STEP, .query = " ", .what = API_STEP, .step = STEP_DO_END,
	 .says = "ends a step session"},
	{.method = "POST", .path = STEP "/next", .query = " n ", .what = API_STEP,
	 .step = STEP_DO_NEXT, .says = "on by n events"},
	{.method = "POST", .path = STEP "/barrier", .query = " ", .what = API_STEP,
	 .step = STEP_DO_BARRIER, .says = "on to the next event that has to do with a barrier"},
	{.method = "POST", .path = STEP "/back", .query = " to ", .what = API_STEP,
	 .step = STEP_DO_BACK, .says = "back to event `to`: all is played again"},
	{.method = "POST", .path = STEP "/kill", .query = " ", .what = API_STEP,
	 .step = STEP_DO_KILL, .says = "kills what is stepped; the next event is its new start"},
	{.method = "POST", .path = STEP "/checkpoint", .query = " ", .what = API_STEP,
	 .step = STEP_DO_CHECKPOINT, .says = "asks what is stepped for a checkpoint"},
};

const struct route *route_at(size_t i)
{
	return i < ARRAY_LEN(routes) ? &routes[i] : NULL;
}

/* ---- a path ---- */

static size_t segment(const char *at)
{
	return strcspn(at, "/");
}

/* Whether the path has the form of the pattern, whatever stands for its {}. */
static bool has_form(const char *pattern, const char *path)
{
	bool fixed = !strchr(pattern, '{'); /* then one '/' more is none */
	if (*path != '/')
		return false;
	while (*pattern && *path == '/') {
		size_t n = segment(++pattern), len = segment(++path);
		if (*pattern == '{' ? !len : n != len || strncmp(pattern, path, n))
			return false;
		pattern += n;
		path += len;
	}
	return !*pattern && (!*path || (fixed && !strcmp(path, "/") && path[-1] != '/'));
}

static bool is_letter(char ch)
{
	return (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || (ch >= '0' && ch <= '9') ||
	       ch == '_' || ch == '-';
}

static bool take_name(const char *from, size_t len, char *to, size_t size)
{
	for (size_t i = 0; i < len; i++)
		if (!is_letter(from[i]))
			return false;
	if (len >= size)
		return false;
	memcpy(to, from, len);
	to[len] = '\0';
	return true;
}

/* Dots stand between letters only: neither ".." nor a hidden file can be said. */
static bool take_file(const char *from, size_t len, char *to, size_t size)
{
	for (size_t i = 0; i < len; i++)
		if (!is_letter(from[i]) && (from[i] != '.' || i == 0 || from[i - 1] == '.'))
			return false;
	if (len >= size)
		return false;
	memcpy(to, from, len);
	to[len] = '\0';
	return true;
}

static bool take_id(const char *from, size_t len, uint64_t *to)
{
	uint64_t n = 0;
	for (size_t i = 0; i < len; i++) {
		uint64_t digit = (uint64_t)(unsigned char)from[i] - '0';
		if (digit > 9 || n > (UINT64_MAX - digit) / 10)
			return false;
		n = n * 10 + digit;
	}
	*to = n;
	return true;
}

static RC take_one(struct route_match *m, const char *what, const char *from, size_t len,
		   struct err *e)
{
	if (!strncmp(what, "{name}", 6) && !take_name(from, len, m->job, sizeof m->job))
		return ERR(e, E_NOT_FOUND, "no job can have this name: letters, digits, '_' and '-', at "
			   "most %d", ENTRY_NAME_MAX);
	if (!strncmp(what, "{stage}", 7) && !take_name(from, len, m->stage, sizeof m->stage))
		return ERR(e, E_NOT_FOUND, "no stage can have this name: letters, digits, '_' and '-', at "
			   "most %d", ROUTE_STAGE_MAX);
	if (!strncmp(what, "{file}", 6) && !take_file(from, len, m->file, sizeof m->file))
		return ERR(e, E_NOT_FOUND, "there is no such file");
	if (!strncmp(what, "{id}", 4) && !take_id(from, len, &m->id))
		return ERR(e, E_NOT_FOUND, "a number is expected where '%.40s' stands: %s", from,
			   m->route->path);
	return OK;
}

static RC take_all(struct route_match *m, const char *path, struct err *e)
{
	const char *pattern = m->route->path;
	while (*pattern && *path) {
		size_t n = segment(++pattern), len = segment(++path);
		if (*pattern == '{' && take_one(m, pattern, path, len, e) != OK)
			return e->code;
		pattern += n;
		path += len;
	}
	return OK;
}

/* ---- which row ---- */

/* "checkpoints, log and events (GET)": what stands behind a job's name. */
static void say_of_jobs(char *to, size_t size, const char *method)
{
	size_t n = strlen(to);
	const char *comma = "";
	for (size_t i = 0; i < ARRAY_LEN(routes); i++) {
		const char *rest = routes[i].path + strlen(JOB);
		if (strncmp(routes[i].path, JOB "/", strlen(JOB) + 1) ||
		    strcmp(routes[i].method, method) || strchr(rest + 1, '/') || n + 40 > size)
			continue;
		n += (size_t)snprintf(to + n, size - n, "%s%s", comma, rest + 1);
		comma = ", ";
	}
	snprintf(to + n, size - n, " (%s)", method);
}

static RC no_path(const char *path, struct err *e)
{
	char some[700] = "";
	if (strncmp(path, "/v1/jobs/", 9))
		return ERR(e, E_NOT_FOUND, "no such path; there are /v1, /v1/jobs, /v1/jobs/{name}, "
			   "/v1/actions/{id} and /v1/steps");
	say_of_jobs(some, sizeof some, "GET");
	snprintf(some + strlen(some), sizeof some - strlen(some), " and ");
	say_of_jobs(some, sizeof some, "POST");
	return ERR(e, E_NOT_FOUND, "no such path: a job has %s", some);
}

static void allow(struct route_match *m, const char *method)
{
	size_t n = strlen(m->allow);
	snprintf(m->allow + n, sizeof m->allow - n, "%s%s%s", n ? ", " : "", method,
		 strcmp(method, "GET") ? "" : ", HEAD");
}

RC route_find(struct route_match *m, const char *method, const char *path, struct err *e)
{
	char methods[64] = "";
	*m = (struct route_match){0};
	for (size_t i = 0; i < ARRAY_LEN(routes); i++) {
		if (!has_form(routes[i].path, path))
			continue;
		m->route = &routes[i];
		if (take_all(m, path, e) != OK)
			return e->code;
		if (!strcmp(method, routes[i].method) ||
		    (!strcmp(method, "HEAD") && !strcmp(routes[i].method, "GET")))
			return OK;
		size_t n = strlen(methods);
		snprintf(methods + n, sizeof methods - n, "%s%s", n ? " or " : "", routes[i].method);
		allow(m, routes[i].method);
	}
	if (!methods[0])
		return no_path(path, e);
	m->method_wrong = true;
	return ERR(e, E_USAGE, "%.20s is no method of this path: %s is", method, methods);
}
