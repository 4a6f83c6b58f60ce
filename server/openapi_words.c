/* openapi_words.c - see openapi_in.h. */
#include "server/openapi_in.h"

#include "base/check.h"

#include <string.h>

#define FLAG "{\"type\":\"integer\",\"enum\":[0,1]}"
#define NAME "{\"type\":\"string\",\"pattern\":\"^[A-Za-z0-9_-]{1,64}$\"}"
#define TEXT "{\"type\":\"string\"}"
#define LIKE(pattern) "{\"type\":\"string\",\"pattern\":\"" pattern "\"}"
#define KEPT "(?![0-9]+$)[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}" /* of a savepoint: ask_name_check */
#define NUMBER(least, most) "{\"type\":\"integer\",\"minimum\":" #least ",\"maximum\":" #most "}"
#define ID "{\"type\":\"integer\",\"minimum\":0}"

static const struct openapi_param params[] = {
	{"{name}", NAME, "of a job"},
	{"{stage}", NAME, "of a stage"},
	{"{id}", ID, "a number"},
	{"at", LIKE("^([0-9]{1,64}|" KEPT ")?$"),
	 "a checkpoint's number or a savepoint's name; none: as it is now"},
	{"claim", FLAG, "with restore, a path: takes that directory over"},
	{"drain", FLAG, "the sources end first"},
	{"dry_run", FLAG, "says what would go, and removes nothing"},
	{"facts", FLAG, "with the facts of those that run"},
	{"file", LIKE("^/"),
	 "the absolute path of the job file: messages name it, and paths in it are relative to it"},
	{"follow", FLAG, "and what comes, until the job is removed"},
	{"full", FLAG, "everything is written, whatever the newest checkpoint holds"},
	{"id", "{\"type\":\"integer\",\"minimum\":1}", "of a checkpoint", .is_needed = true},
	{"key", TEXT, "a field of the key, in order; or once the whole key", .is_list = true},
	{"limit", NUMBER(1, 1000), "so many rows at most, where no key is given (100)"},
	{"live", "{\"type\":\"string\",\"enum\":[\"only\",\"no\"]}",
	 "only: of the running job or not at all; no: of the newest checkpoint"},
	{"n", NUMBER(1, 10000), "so many events"},
	{"name", LIKE("^" KEPT "$"), "of a savepoint; of a stop: with savepoint=1"},
	{"parallelism", NUMBER(1, 32768), "of stages that do not say their own"},
	{"replace", FLAG, "a running job of that name goes on under this description"},
	{"restore", LIKE("^(/.*|[^/]+)$"), "what it goes on from: an id, a name, or an absolute path"},
	{"rewind", FLAG, "with restore: it may go back behind what is committed"},
	{"savepoint", FLAG, "with a savepoint"},
	{"seed", NUMBER(0, 1000000000), "of the order in which things happen"},
	{"set", LIKE("^[^=]+="), "PATH=VALUE, as weir run --set",
	 .is_list = true},
	{"tail", NUMBER(0, 1000000), "so many lines (100)"},
	{"to", NUMBER(0, 100000), "which event", .is_needed = true},
	{"with_savepoints", FLAG, "savepoints may go with the directory"},
};

const struct openapi_param *openapi_param(const char *name, size_t len)
{
	for (size_t i = 0; i < ARRAY_LEN(params); i++)
		if (strlen(params[i].name) == len && !strncmp(params[i].name, name, len))
			return &params[i];
	return NULL;
}

#define JSON "application/json"

static const struct openapi_answer answers[] = {
	{API_ABOUT, 200, JSON, "about"},
	{API_METRICS, 200, "application/openmetrics-text", NULL},
	{API_OPENAPI, 200, JSON, "anything"},
	{API_LIST, 200, JSON, "jobs"},
	{API_SUBMIT, 201, JSON, "job"},
	{API_SHOW, 200, JSON, "job"},
	{API_CHECKPOINTS, 200, JSON, "checkpoints"},
	{API_CHECKPOINT, 200, JSON, "checkpoint"},
	{API_SAVEPOINTS, 200, JSON, "savepoints"},
	{API_RECOVERIES, 200, JSON, "recoveries"},
	{API_PLAN, 200, JSON, "plan"},
	{API_CONFIG, 200, JSON, "config"},
	{API_STATE, 200, JSON, "state"},
	{API_TAIL, 200, "text/event-stream", "event"},
	{API_LOG, 200, "text/plain", NULL},
	{API_EVENTS, 200, "text/event-stream", "event"},
	{API_ACT, 202, JSON, "action"},
	{API_ACTION, 200, JSON, "action"},
	{API_STEPS, 200, JSON, "steps"},
	{API_STEP, 200, JSON, "picture"},
};

/* Asked with Accept: text/event-stream, an action is told to its end. */
static const struct openapi_answer followed = {API_ACT, 200, "text/event-stream", "event"};

const struct openapi_answer *openapi_answer_followed(const struct route *r)
{
	return r->what == API_ACT ? &followed : NULL;
}

static bool rescales(const struct route *r)
{
	return r->what == API_ACT && r->kind == ACTION_RESCALE;
}

bool openapi_has_body(const struct route *r)
{
	return r->what == API_SUBMIT || (r->what == API_STEP && r->step == STEP_DO_OPEN);
}

static const struct openapi_refusal refusals[] = {
	{400, "it cannot be understood"},
	{401, "over TCP, without the token"},
	{403, "over TCP, under a foreign name or from another page"},
	{404, "what it names is not there"},
	{408, "its header or body did not come in time"},
	{409, "not now, or not here; what is to be made is there"},
	{413, "its body has over 1 MiB"},
	{415, "over TCP, its body is not called JSON", .of_bodies = true},
	{422, "the job has faults, or would have", .of_bodies = true, .of_rescale = true},
	{431, "its header has over 16 KiB"},
	{500, "anything else"},
	{503, "a bound is reached, or no memory or space is left"},
};

const struct openapi_refusal *openapi_refusal(const struct route *r, size_t i)
{
	for (size_t k = 0; k < ARRAY_LEN(refusals); k++) {
		const struct openapi_refusal *no = &refusals[k];
		bool is = !no->of_bodies || openapi_has_body(r) || (no->of_rescale && rescales(r));
		if (is && i-- == 0)
			return no;
	}
	return NULL;
}

bool openapi_is_needed(const struct openapi_param *p, const struct route *r)
{
	return p->is_needed || rescales(r);
}

const struct openapi_answer *openapi_answer(const struct route *r)
{
	static const struct openapi_answer opened = {API_STEP, 201, JSON, "picture"},
					   ended = {API_STEP, 200, JSON, "step_ended"};
	if (r->what == API_STEP && r->step == STEP_DO_OPEN)
		return &opened;
	if (r->what == API_STEP && r->step == STEP_DO_END)
		return &ended;
	for (size_t i = 0; i < ARRAY_LEN(answers); i++)
		if (answers[i].what == r->what)
			return &answers[i];
	return NULL;
}

static const struct openapi_shape shapes[] = {
	{"error", "code:s message:s at:#place? ~errors:o* ~text:s"},
	{"place", "file:s line:i column:i"},
	{"anything", "~id:x"},
	{"event", "id:s event:s data:s"}, /* of a stream, each: data is a line of JSON */
	{"about", "weir:s pid:i dir:s jobs:i running:i ~started_wall_us:i"},
	{"jobs", "jobs:#job*"},
	{"job", "name:s state:s attempt:i? pid:i? since_wall_us:i submitted_wall_us:i file:s? dir:s? "
		"log:s? parallelism:i? checkpoint:i? error:s? exit:i? ~facts:#facts? "
		"~process:o? ~bottleneck:x ~forecasts:x"},
	{"facts", "name:s dir:s state:s attempt:i pid:i now_us:i wall_us:i started_us:i wait_us:i "
		  "bounded:b restored:b recovery_us:i completed:i failed:i error:s "
		  "last:#facts_checkpoint? full:#facts_checkpoint? stages:#stage* edges:#edge*"},
	{"facts_checkpoint", "id:i kind:s bytes_written:i state_bytes:i keys_changed:i align_us:i "
			     "sync_us_max:i total_us:i wall_us:i full:b"},
	{"stage", "id:s type:s role:i parallelism:i n_inputs:i records_in:i records_out:i "
		  "records_skipped:i busy_us:i idle_us:i backpressured_us:i busy_us_max:i keyed:b "
		  "paced:b keys:i state_bytes:i work_done:i work_total:i latency:#latency? input:i* "
		  "subtasks:#subtask*"},
	{"subtask", "records_in:i records_out:i busy_us:i idle_us:i backpressured_us:i keys:i "
		    "state_bytes:i"},
	{"edge", "from:i to:i records:i queued:i room:i"},
	{"latency", "records:i p50_us:i p99_us:i p99_9_us:i max_us:i"},
	{"checkpoints", "checkpoints:o*"},
	{"checkpoint", "checkpoint:o? ~timeline:#timeline ~path:#span* ~sentence:s"},
	{"timeline", "id:i kind:s trigger:s wall_us:i completed:b acked:i packed:i sealed:i linked:i "
		     "committed:i tasks:#timeline_task*"},
	{"timeline_task", "stage:s subtask:i first:i aligned:i frozen:i encoded:i packed:i prepared:i "
			  "acked:i ~last:i"},
	{"span", "what:s says:s from_us:i to_us:i"},
	{"savepoints", "savepoints:#savepoint*"},
	{"savepoint", "name:s dir:s ~checkpoint:i ~wall_us:i ~keys:i ~bytes:i ~error:s"},
	{"recoveries", "recoveries:#recovery*"},
	{"recovery", "cause:s? wall_us:i attempt:i checkpoint:i checkpoint_wall_us:i recovery_us:i "
		     "gone_us:i keys:i bytes_read:i replays:i? fell_back:b rewound:b lines:s"},
	{"plan", "name:s bounded:b tasks:i stages:o* edges:o*"},
	{"config", "file:s? description:o set:s* parallelism:i? defaults:o?"},
	{"state", "stage:s live:b at:i? wall_us:i rows:o* more:b ~subtask:i ~records:i ~note:s"},
	{"action", "id:i job:s kind:s state:s error:s? code:s? checkpoint:i? ~gone:o"},
	{"steps", "steps:#step_session*"},
	{"step_session", "id:i job:s"},
	{"step_ended", "id:i ended:b"},
	{"picture", "id:i seed:i job:s state:s? events:i at_us:i published:i? pending:i? over:b "
		    "barrier_before:i last:#step_event? passed:#step_event* printed:s "
		    "stages:#step_stage* tasks:#step_task* lanes:#step_lane*"},
	{"step_event", "n:i at_us:i who:s what:s barrier:b"},
	{"step_stage", "id:s type:s parallelism:i inputs:i*"},
	{"step_task", "name:s stage:i subtask:i phase:s records_in:i records_out:i in_hand:i "
		      "aligning:i? passed:i? preparing:b slicing:b keys:i? changed:i? part:s"},
	{"step_lane", "from:i? to:i held:s? ended:b items_all:i items:#step_item*"},
	{"step_item", "~rows:i ~barrier:i ~given_up:i ~mark:s"},
};

const struct openapi_shape *openapi_shape(size_t i)
{
	return i < ARRAY_LEN(shapes) ? &shapes[i] : NULL;
}
