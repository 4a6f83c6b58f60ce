/* spec_limits.c - the block `limits` of a job file: what the job may use. */
#include "jobs/spec_parts.h"

static const struct opt_def limits_opts[] = {
	{"memory", OPT_SIZE, 1 << 20, INT64_MAX, .help = "of state, pools and snapshots together"},
	{"record", OPT_SIZE, 64, 1 << 30, .help = "the longest record; 16MB"},
	{"stop", OPT_DURATION, 0, INT64_MAX, .help = "how long stopping may take; 30s"},
	{"merge", OPT_SIZE, 1 << 20, INT64_MAX,
	 .help = "bytes a second that joining old state may write; as fast as it can"},
	{"sweep", OPT_SIZE, 1 << 20, INT64_MAX,
	 .help = "bytes a second of old checkpoints that may be deleted; as fast as it can"},
	{0},
};

void spec_read_limits(struct spec *s, const struct json *root, struct diags *ds)
{
	s->limits.record_bytes = 16 * 1000000;
	s->limits.stop_us = SPEC_STOP_US;
	const struct json *v = spec_block(root, "limits", limits_opts, NULL, ds);
	if (!v)
		return;
	s->limits.memory_bytes = opt_size_bytes(v, "memory", 0);
	s->limits.record_bytes = opt_size_bytes(v, "record", s->limits.record_bytes);
	s->limits.stop_us = opt_duration_us(v, "stop", s->limits.stop_us);
	s->limits.merge_bytes = opt_size_bytes(v, "merge", 0);
	s->limits.sweep_bytes = opt_size_bytes(v, "sweep", 0);
}
