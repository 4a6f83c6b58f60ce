/* report.h - the run report (DESIGN 11): the facts of a job in one JSON object; the same facts that
 * screen and, later, REST show. Numbers of records count what this process did, all its attempts
 * together; checksums and keys are of the state, over the life of the job.
 * Threads: control thread, or after the end. */
#pragma once
#include "jobs/job.h"

struct report_extra {
	uint64_t wall_us, cpu_us, peak_rss_bytes;
};
/* Wall time since started_us, CPU time and peak resident memory of this process. */
void report_measure(struct report_extra *x, struct clock *clock, uint64_t started_us);
/* One checkpoint, as it stands in the report's history; its facts alone, into an open object. */
void report_checkpoint_facts(const struct checkpoint_record *r, struct json_out *o);
void report_checkpoint(const struct checkpoint_record *r, struct json_out *o);
/* Appends the object, pretty-printed, with a line feed. */
void report_write(const struct job *j, const struct report_extra *x, struct bytes *to);
