/* metrics_table.h - every family of metrics in one table: what it is of, kind, unit, name without
 * "weir_" and without the "_total" that its samples have, and what it says. Apart from metrics.c,
 * which fills them in, because it is a document; docs/METRICS.md has the same rows. */
#pragma once

/* FAMILY(id, level, kind, unit, name, help) */
#define METRICS_FAMILIES(FAMILY) \
	/* ---- the server, or the one job's host ---- */ \
	FAMILY(BUILD, HOST, "info", "", "build", "Which weir this is.") \
	FAMILY(HOST_START, HOST, "gauge", "seconds", "server_start_time_seconds", \
	       "When this process began, in seconds since 1970.") \
	FAMILY(HOST_CPU, HOST, "counter", "seconds", "server_cpu_seconds", \
	       "Processor time of this process; of the jobs' processes see weir_job_cpu_seconds.") \
	FAMILY(HOST_RSS, HOST, "gauge", "bytes", "server_resident_memory_bytes", \
	       "Resident memory of this process.") \
	FAMILY(JOBS, HOST, "gauge", "", "jobs", "How many jobs are in each state.") \
	FAMILY(CONNECTIONS, HOST, "gauge", "", "http_connections", "Connections that are open.") \
	FAMILY(REQUESTS, HOST, "counter", "", "http_requests", "Requests since the process began.") \
	FAMILY(REFUSED, HOST, "counter", "", "http_refused", \
	       "Connections and requests that were refused for a bound.") \
	FAMILY(OMITTED, HOST, "gauge", "", "scrape_omitted_series", \
	       "Series left out of this answer because there would be more than 10,000.") \
	/* ---- a job ---- */ \
	FAMILY(STATE, JOB, "gauge", "", "job_state", "1, with the job's state as a label.") \
	FAMILY(STATE_SECONDS, JOB, "gauge", "seconds", "job_state_seconds", \
	       "How long the job has been in that state: RUNNING, its uptime; others, its downtime.") \
	FAMILY(RESTARTS, JOB, "counter", "", "job_restarts", \
	       "Attempts after the first one since this server started it, over all its processes.") \
	FAMILY(PROCESS_START, JOB, "gauge", "seconds", "job_process_start_time_seconds", \
	       "When the job's process began: what counts from 0 again began then.") \
	FAMILY(FACTS_TIME, JOB, "gauge", "seconds", "job_facts_time_seconds", \
	       "When the job's process last told its figures.") \
	FAMILY(JOB_CPU, JOB, "counter", "seconds", "job_cpu_seconds", \
	       "Processor time of the job's process.") \
	FAMILY(JOB_RSS, JOB, "gauge", "bytes", "job_resident_memory_bytes", \
	       "Resident memory of the job's process.") \
	FAMILY(JOB_MEMORY, JOB, "gauge", "bytes", "job_memory_bytes", \
	       "Memory in use of the job's budget.") \
	FAMILY(JOB_LIMIT, JOB, "gauge", "bytes", "job_memory_limit_bytes", \
	       "The job's limits.memory, where it has one.") \
	FAMILY(DISK, JOB, "gauge", "bytes", "job_disk_free_bytes", \
	       "Room on the disk of the job's directory at its newest checkpoint.") \
	FAMILY(COMPLETED, JOB, "counter", "", "job_checkpoints_completed", \
	       "Checkpoints completed by this process.") \
	FAMILY(FAILED, JOB, "counter", "", "job_checkpoints_failed", \
	       "Checkpoints given up by this process.") \
	FAMILY(LAST_ID, JOB, "gauge", "", "job_last_checkpoint_id", \
	       "The newest completed checkpoint.") \
	FAMILY(LAST_TIME, JOB, "gauge", "seconds", "job_last_checkpoint_time_seconds", \
	       "When it was complete, in seconds since 1970.") \
	FAMILY(LAST_DURATION, JOB, "gauge", "seconds", "job_last_checkpoint_duration_seconds", \
	       "How long it took from its trigger.") \
	FAMILY(LAST_ALIGN, JOB, "gauge", "seconds", "job_last_checkpoint_align_seconds", \
	       "Its longest wait of a subtask between its first and last barrier.") \
	FAMILY(LAST_STOP, JOB, "gauge", "seconds", "job_last_checkpoint_stop_seconds", \
	       "Its longest stop of a subtask.") \
	FAMILY(LAST_WRITTEN, JOB, "gauge", "bytes", "job_last_checkpoint_written_bytes", \
	       "What it wrote.") \
	FAMILY(LAST_STATE, JOB, "gauge", "bytes", "job_last_checkpoint_state_bytes", \
	       "The state it stands for.") \
	FAMILY(LAST_KEYS, JOB, "gauge", "", "job_last_checkpoint_changed_keys", \
	       "Keys that had changed.") \
	FAMILY(FULL_WRITTEN, JOB, "gauge", "bytes", "job_last_full_checkpoint_written_bytes", \
	       "What the newest one wrote that wrote everything.") \
	FAMILY(RESTORED, JOB, "gauge", "", "job_restored_checkpoint_id", \
	       "The checkpoint that this process went on from.") \
	FAMILY(RECOVERY, JOB, "gauge", "seconds", "job_recovery_seconds", \
	       "From the newest start or failure to the first record after it.") \
	/* ---- a stage, over its subtasks ---- */ \
	FAMILY(SUBTASKS, STAGE, "gauge", "", "stage_subtasks", "Its parallelism.") \
	FAMILY(IN, STAGE, "counter", "", "stage_records_in", "Records it took.") \
	FAMILY(OUT, STAGE, "counter", "", "stage_records_out", "Records it gave.") \
	FAMILY(SKIPPED, STAGE, "counter", "", "stage_records_skipped", \
	       "Records it left out (on_error: skip).") \
	FAMILY(BUSY, STAGE, "counter", "seconds", "stage_busy_seconds", "Time its subtasks worked.") \
	FAMILY(IDLE, STAGE, "counter", "seconds", "stage_idle_seconds", \
	       "Time its subtasks waited for input.") \
	FAMILY(HELD, STAGE, "counter", "seconds", "stage_backpressured_seconds", \
	       "Time its subtasks waited for room downstream.") \
	FAMILY(KEYS, STAGE, "gauge", "", "stage_keys", "Keys of a keyed stage.") \
	FAMILY(KEPT, STAGE, "gauge", "bytes", "stage_state_bytes", "Memory of its keyed state.") \
	FAMILY(PROGRESS, STAGE, "gauge", "ratio", "stage_progress_ratio", \
	       "How much of a bounded source is read, 0 to 1.") \
	FAMILY(LATENCY, STAGE, "summary", "seconds", "stage_latency_seconds", \
	       "Of a sink with latency_of: from the time in the record until it was there.") \
	/* ---- an edge between two stages; batches are of about 1,024 records ---- */ \
	FAMILY(EDGE_RECORDS, TASK, "counter", "", "edge_records", "Records that went over it.") \
	FAMILY(EDGE_QUEUED, TASK, "gauge", "", "edge_queued_batches", \
	       "Batches that stand in its channels.") \
	FAMILY(EDGE_ROOM, TASK, "gauge", "", "edge_room_batches", "Batches that its channels take.") \
	/* ---- a subtask; of jobs with at most 256 ---- */ \
	FAMILY(TASK_IN, TASK, "counter", "", "subtask_records_in", "Records it took.") \
	FAMILY(TASK_OUT, TASK, "counter", "", "subtask_records_out", "Records it gave.") \
	FAMILY(TASK_BUSY, TASK, "counter", "seconds", "subtask_busy_seconds", "Time it worked.") \
	FAMILY(TASK_IDLE, TASK, "counter", "seconds", "subtask_idle_seconds", \
	       "Time it waited for input.") \
	FAMILY(TASK_HELD, TASK, "counter", "seconds", "subtask_backpressured_seconds", \
	       "Time it waited for room downstream.") \
	FAMILY(TASK_KEYS, TASK, "gauge", "", "subtask_keys", "Its keys.") \
	FAMILY(TASK_KEPT, TASK, "gauge", "bytes", "subtask_state_bytes", "Memory of its keyed state.")
