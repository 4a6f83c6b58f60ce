"""plants.py - the mistakes that planted.py makes: each a class of bug that real systems have had,
or that we feared to make; and the program that finds it, which may have
arguments ("proof_crashes words")."""

from collections import namedtuple

FOLDERS = ("base", "checkpoint", "state", "runtime", "operators", "jobs", "server", "cli")
# Without a plant these take long: their control is `make proof`, and the sanitized build's run.
SLOW = {"sim_test_schedules", "sim_test_fallback", "sim_test_flips", "sim_test_merges",
        "sim_test_overlap", "proof_crashes", "proof_faults", "proof_disk_states"}
Plant = namedtuple("Plant", "name what program hangs")
PLANTS = []


def plant(name, what, program, hangs=False):
    PLANTS.append(Plant(name, what, program, hangs))


# The coordinator: messages, ids, order.
plant("ack_of_an_old_attempt", "an acknowledgement of an earlier attempt counts (inv 8)",
      "checkpoint_test_coordinator_outcomes")
plant("outcome_not_waited_for",
      "a checkpoint is published before the outcome of the one before is known (inv 10)",
      "sim_test_overlap")
plant("older_not_subsumed", "a completed checkpoint leaves older ones pending (inv 9)",
      "checkpoint_test_coordinator_outcomes")
plant("base_never_published", "changes are counted from a checkpoint that was given up",
      "sim_test_overlap")
plant("manual_waits_for_min_pause", "a manual trigger waits for min_pause",
      "checkpoint_test_coordinator")
plant("periodic_timer_is_lost", "the timer of the next checkpoint is not set",
      "checkpoint_test_coordinator")
plant("expiry_timer_is_lost", "nobody wakes when a checkpoint has timed out",
      "checkpoint_test_coordinator")
plant("ids_begin_again_at_1", "checkpoint ids begin again at 1 with each start (inv 10)",
      "sim_test_schedules")
plant("ids_in_names_do_not_count", "ids of files that no manifest names are used again (inv 10)",
      "checkpoint_test_store")
plant("trigger_sent_again_is_new", "a trigger that is sent again begins a second snapshot",
      "runtime_test_task")
plant("restarts_counted_anew", "each restart is taken for the first, for ever",
      "jobs_test_restart")
plant("wall_clock_for_durations", "a jump of the wall clock is taken for time that passed (inv 23)",
      "proof_time")

# The cut: alignment, state, positions.
plant("barrier_before_alignment", "a barrier is passed on before all inputs have delivered it",
      "sim_test_schedules")
plant("held_input_is_read", "an input is read on behind its barrier", "sim_test_schedules")
plant("abort_leaves_inputs_held", "an abort leaves inputs held", "runtime_test_task_letters")
plant("state_changes_under_the_snapshot",
      "what changes during a snapshot is not saved before it does", "proof_snapshots")
plant("changes_dropped_at_an_abort",
      "what had changed is forgotten when its checkpoint is given up", "sim_test_overlap")
plant("ended_source_answers_nobody", "a source that has ended answers no trigger (inv 5)",
      "sim_test_finished")
plant("one_end_ends_all", "the first task that ends is taken for the end of the job",
      "sim_test_schedules")
plant("offset_off_by_one", "a source's position is one byte on", "sim_test_schedules")
plant("offset_from_stat", "a source's position is the file's size, not what was read",
      "sim_test_schedules")
plant("split_begins_again_at_a_rescale",
      "with another parallelism splits are read from their start",
      "sim_test_schedules")
plant("restored_by_even_shares",
      "a restore shares keys out by another rule than the records' (inv 6)",
      "sim_test_schedules")
plant("missing_section_accepted", "a manifest that lacks subtasks is restored (inv 2)",
      "sim_test_refuses")
plant("negative_literal_is_zero", "negative literals are read as zero",
      "operators_test_expr_golden")

# What is owed at a barrier and at the end.
plant("barrier_without_flush", "what `every` holds back is not emitted before the barrier",
      "proof_time")
plant("end_without_flush", "what `every` holds back is not emitted at the end", "proof_time")
plant("timer_is_not_set", "the timer of `every` is not set", "proof_time")
plant("timer_of_an_operator_is_lost", "a task sleeps beyond its operator's timer", "proof_time")
plant("emitted_end_is_no_state", "that the sums of the end were emitted is not in the state",
      "proof_crashes audit_at_the_end")
plant("final_piece_is_left_behind", "the final checkpoint lacks the sink's last file (inv 20)",
      "sim_test_schedules")
plant("empty_interval_is_skipped", "a sink prepares nothing for an empty interval (inv 18)",
      "proof_crashes single")

# The chain of runs.
plant("chain_cut_too_early",
      "a chain is cut though the newest run is a delta", "sim_test_schedules")
plant("late_merge_is_used", "a merge's result is used though the chain has changed",
      "sim_test_merges")
plant("older_row_wins_a_merge", "of a key's rows a merge keeps the oldest", "sim_test_schedules",
      "sim_test_merges")
plant("deletion_forgotten_too_early", "a merge drops deletions above the bottom of a chain",
      "state_test_merge")

# Publishing and committing.
plant("commit_before_publish", "output is committed before its checkpoint is published",
      "sim_test_schedules")
plant("start_leaves_commits_open", "tasks start before what was prepared is settled (inv 17)",
      "sim_test_schedules")
plant("prepared_forgotten_at_an_abort",
      "what was prepared for a checkpoint that was given up is listed no more (inv 4)",
      "sim_test_overlap")
plant("unknown_outcome_is_failure",
      "a manifest that may stand is taken for one that does not (inv 1)",
      "checkpoint_test_storage")
plant("link_replaces", "a manifest replaces another owner's (inv 25)",
      "checkpoint_test_store_takeover")
plant("rename_replaces", "a commit replaces a file that is there (inv 17)",
      "checkpoint_test_intent")
plant("no_fsync_of_the_part", "a checkpoint's file is not synced (inv 1)",
      "proof_disk_states words")
plant("no_fsync_of_the_manifest", "a manifest is not synced (inv 1)", "proof_disk_states words")
plant("no_dir_fsync_after_the_part", "the name of a checkpoint's file is not synced (inv 1)",
      "proof_disk_states words")
plant("no_dir_fsync_after_the_link", "a manifest's name is not synced (inv 1)",
      "proof_disk_states words")
plant("no_sync_of_a_prepared_file", "what a sink prepared is not synced", "proof_crashes words")
plant("no_sync_of_prepared_names", "the folder of prepared files is not synced",
      "proof_crashes words")
plant("no_sync_of_output_dir", "a commit's folder is not synced", "sim_test_schedules")
plant("failed_sync_is_tried_again", "a sync that failed is tried again and believed (inv 32)",
      "proof_faults words")

# Sweeping.
plant("shared_file_deleted_early", "a file goes with the first manifest that named it (inv 13)",
      "sim_test_schedules")
plant("fence_is_swept", "a fence's slot is swept", "checkpoint_test_store_takeover",
      "checkpoint_test_store")
plant("files_go_before_their_slot", "files go before their manifest's end is durable (inv 13)",
      "proof_crashes merges")
plant("quarantined_slot_is_swept", "the evidence of damage is swept (inv 16)",
      "checkpoint_test_retention")
plant("pin_is_forgotten", "retention drops a pinned checkpoint (inv 12)", "sim_test_requests",
      "checkpoint_test_retention")
plant("newer_owners_file_is_swept", "an owner sweeps files of a newer one (inv 13)",
      "checkpoint_test_retention")
plant("sweep_does_not_look_who_owns", "a sweep does not look whether it was taken over (inv 27)",
      "sim_test_fenced")

# Starting, owning, falling back.
plant("epoch_not_raised", "a takeover does not raise the epoch (inv 10)", "sim_test_schedules")
plant("fenced_and_goes_on", "a process that learns that it is fenced goes on (inv 27)",
      "sim_test_fenced")
plant("read_error_is_passed_over",
      "what could not be read is passed over for an older one (inv 15)",
      "checkpoint_test_store_refuse")
plant("fallback_after_a_commit", "weir goes back behind what may have been committed (inv 16)",
      "sim_test_fallback")
plant("hash_of_a_file_not_compared", "a file's hash is read and not compared (inv 33)",
      "checkpoint_test_store_fallback")
