/* file_sink_plan.c - what a file sink is told: {"type":"file_sink","path":"counts","format":"csv"},
 * with "files":"single" one file, with "roll":{"size":"64MB"} several an interval. */
#include "operators/file_sink.h"

#include "operators/operators.h"

/* A file of fewer bytes is not worth a name, two syncs and an intent; by feel. A test compiles all
 * of the sink with small numbers. */
#ifndef ROLL_BYTES_MIN
#define ROLL_BYTES_MIN (64 << 10)
#endif

const struct opt_def file_sink_opts[] = {
	{"path", OPT_STRING | OPT_PATH, .required = true,
	 .help = "the folder that files are made in; with files single: the file"},
	{"format", OPT_STRING, .one_of = "csv jsonl text",
	 .help = "csv, with a header line (the default); jsonl: an object a line; text: one string "
		 "field, a line a record"},
	{"files", OPT_STRING, .one_of = "rolling single",
	 .help = "rolling: one file a subtask and checkpoint, or more with roll (the default); single: "
		 "one file that grows with each checkpoint"},
	{"roll", OPT_OBJECT,
	 .help = "{\"size\": \"64MB\"}: a file that has so much is followed by another one"},
	{0},
};

static const struct opt_def roll_opts[] = {
	{"size", OPT_SIZE, .min = ROLL_BYTES_MIN, .max = (int64_t)1 << 50, .required = true,
	 .help = "a file is closed by the batch that brings it to this"},
	{0},
};

void file_sink_conf_close(void *conf, struct mem *mem)
{
	struct file_sink_conf *c = conf;
	if (!c)
		return;
	mem_put(mem, c->path);
	mem_put(mem, c->folder);
	mem_put(mem, c->shown);
	bytes_close(&c->header);
	row_names_close(&c->names);
	mem_put(mem, c);
}

static bool options_check(const struct op_plan *p, const char *path, char full[PATH_TEXT_MAX])
{
	unsigned before = p->report->errors;
	struct err e = {OK};
	const struct json *roll = opt_json(p->options, "roll");
	/* The longest name below it is a pending file's. */
	if (path_join(p->base_dir ? p->base_dir : "", path, full, &e) != OK ||
	    strlen(full) > PATH_TEXT_MAX - 512)
		opt_error(p->report, opt_json(p->options, "path"), NULL, "the path is too long");
	const struct schema *in = p->in[0];
	if (opt_is(p->options, "format", "text") && (in->n != 1 || in->field[0].type != T_STRING)) {
		char fields[512];
		schema_text(in, fields, sizeof fields);
		opt_error(p->report, opt_json(p->options, "format"), "csv writes any fields",
			  "text needs one string field; it gets: %s", fields);
	}
	if (roll && opt_check(roll_opts, roll, NULL, NULL, p->report) &&
	    opt_is(p->options, "files", "single"))
		opt_error(p->report, roll, NULL, "'roll' splits files, and \"files\": \"single\" is one");
	return p->report->errors == before;
}

bool file_sink_plan(struct op_plan *p)
{
	const char *path = opt_string(p->options, "path", "");
	char full[PATH_TEXT_MAX], folder[PATH_TEXT_MAX];
	if (!options_check(p, path, full))
		return false;
	struct file_sink_conf *c = mem_get(p->mem, sizeof *c);
	p->conf = c;
	if (c) {
		const struct json *roll = opt_json(p->options, "roll");
		bytes_init(&c->header, p->mem);
		c->single = opt_is(p->options, "files", "single");
		c->roll_bytes = roll ? opt_size_bytes(roll, "size", 0) : 0;
		fs_dirname(full, folder, sizeof folder);
		c->path = mem_string(p->mem, full);
		c->folder = mem_string(p->mem, c->single ? folder : full);
		c->shown = mem_string(p->mem, path);
		c->format = row_format_find(opt_string(p->options, "format", "csv"));
		if (c->format == &csv_format)
			csv_header_put(&c->header, p->in[0]);
	}
	if (!c || !c->path || !c->folder || !c->shown || !bytes_ok(&c->header) ||
	    !row_names_make(&c->names, c->format, p->in[0], p->mem)) {
		opt_error(p->report, p->options, NULL, "no memory to plan it");
		return false;
	}
	p->commits = true;
	p->buffer_bytes = BUFFERS * BUFFER_BYTES;
	p->one_subtask = c->single;
	p->state_version = 1;
	p->path = c->path;
	return true;
}
