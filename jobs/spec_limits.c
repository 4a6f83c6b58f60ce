/* spec_limits.c - the block `limits` of a job file: what the job may use. */
#include "jobs/spec_parts.h"

#include "runtime/channel.h"

static const struct opt_def limits_opts[] = {
	{"memory", OPT_SIZE, 1 << 20, INT64_MAX, .help = "of state, pools and snapshots together"},
	{"record", OPT_SIZE, 64, 1 << 30, .help = "the longest record; 16MB"},
	{"stop", OPT_DURATION, 0, INT64_MAX, .help = "how long stopping may take; 30s"},
	{"merge", OPT_SIZE, 1 << 20, INT64_MAX,
	 .help = "bytes a second that joining old state may write; as fast as it can"},
	{"sweep", OPT_SIZE, 1 << 20, INT64_MAX,
	 .help = "bytes a second of old checkpoints that may be deleted; as fast as it can"},
	/* Unless said the fastest (PEERS.md): others are for tests and measurements. */
	{"batch_records", OPT_INT, 1, BATCH_ROWS, .help = "of a batch, at most; 1024"},
	{"channel_batches", OPT_INT, 1, CHANNEL_SLOTS,
	 .help = "that stand between two tasks, at most; 16"},
	{0},
};

void spec_read_limits(struct spec *s, const struct json *root, struct diags *ds)
{
	s->limits.record_bytes = 16 * 1000000;
	s->limits.stop_us = SPEC_STOP_US;
	s->limits.batch_records = BATCH_ROWS;
	s->limits.channel_batches = CHANNEL_SLOTS;
	const struct json *v = spec_block(root, "limits", limits_opts, NULL, ds);
	if (!v)
		return;
	s->limits.memory_bytes = opt_size_bytes(v, "memory", 0);
	s->limits.record_bytes = opt_size_bytes(v, "record", s->limits.record_bytes);
	s->limits.stop_us = opt_duration_us(v, "stop", s->limits.stop_us);
	s->limits.merge_bytes = opt_size_bytes(v, "merge", 0);
	s->limits.sweep_bytes = opt_size_bytes(v, "sweep", 0);
	s->limits.batch_records = (uint32_t)opt_int(v, "batch_records", BATCH_ROWS);
	s->limits.channel_batches = (uint32_t)opt_int(v, "channel_batches", CHANNEL_SLOTS);
}
