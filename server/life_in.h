/* life_in.h - the inside of a life, shared by its files only: life.c (events in, actions out),
 * life_disk.c (the catalogue), life_process.c (the process), life_ask.c (requests and answers),
 * life_show.c (what is told).
 *
 *   goal     what is to be: asked for, or brought about by the process
 *   holds    what is true: goes to the goal when that is saved, at once when the process did it
 *   disk     what was saved last; `sure` unless a save failed since
 * A request whose save fails sets the goal back to what holds. */
#pragma once
#include "server/life.h"

#include "base/check.h"

enum life_process {
	PROCESS_NONE,
	PROCESS_BEGUN, /* SPAWN was asked for */
	PROCESS_UP,
};

/* How the process ended, until it is settled what that means. Its error is life->error. */
enum life_fate {
	FATE_NONE,
	FATE_FINISHED,
	FATE_STOPPED, /* as told */
	FATE_FAILED,  /* for good: it has asked the restart policy itself */
	FATE_DIED,    /* the restart policy is to be asked */
};

enum life_erasing { ERASING_NOTHING, ERASING_FILES, ERASING_ENTRY };

/* One that waits for an answer. */
struct life_asked {
	uint64_t action;
	enum life_event_kind kind;
	bool saved;       /* what it asked for is durable: now it is done */
	struct err error; /* its answer */
};

struct life_todo {
	unsigned char kind, standing;
	bool erase, removing;
	struct life_asked *answer; /* owned */
};
/* One SAVE, ERASE or DROP, SPAWN, TELL_STOP, KILL, TELL and two answers follow from one event; the
 * rest is for events that come while actions are performed. */
#define LIFE_TODO_MAX 16

struct life {
	struct mem *mem;
	char name[ENTRY_NAME_MAX + 1];
	struct life_config config;
	enum life_state state;
	uint64_t now_us, since_us;
	uint64_t random;
	bool shutdown;
	bool over;                   /* REMOVED */

	enum standing goal, holds;
	bool erase;                  /* goal CANCELLED: the files are still to be removed */
	struct life_asked *asked;    /* what is under way; owned */

	/* the disk */
	struct {
		enum standing standing;
		bool erase;
		bool sure;
	} disk;
	bool owed;                   /* a save is due though the standing is the same */
	bool saving, saving_erase;
	enum standing saving_standing;
	uint64_t saving_action;      /* for whom; 0: for nobody */
	enum life_erasing erasing;
	bool erased;                 /* goal REMOVED: only the entry is left */
	uint64_t again_us, again_delay_us; /* what failed and nobody waits for is tried again then */

	/* the process */
	enum life_process process;
	bool was_up, told, killed, ended;
	bool waits_inside;           /* for its next attempt */
	bool renew;                  /* it is to end for a new one */
	bool lost;                   /* it ended without a final checkpoint */
	enum life_fate fate;
	enum life_ended ended_how;
	bool ended_unsaved;
	uint64_t kill_at_us;         /* once told or ended */
	uint64_t wait_until_us;      /* the next start, or attempt; 0: at once */
	uint32_t attempts;
	struct restart_state restarts;
	struct err error;

	unsigned n_todo, first_todo;
	struct life_todo todo[LIFE_TODO_MAX];
};

/* life.c */
struct life_todo *life_do(struct life *l, enum life_do_kind kind);
uint64_t life_later(uint64_t us, uint64_t by_us); /* the sum, or UINT64_MAX */
/* Whether a request waits for its standing to be saved: until then nothing is decided. */
bool life_is_undecided(const struct life *l);

/* life_disk.c. True of those that ask for something: they did. */
bool life_needs_save(const struct life *l);
bool life_save(struct life *l);
bool life_erase(struct life *l);
void life_saved(struct life *l);
void life_save_failed(struct life *l, const struct err *why);
void life_erased(struct life *l);
void life_erase_failed(struct life *l, const struct err *why);

/* life_process.c. True of those that ask for something: they did. */
bool life_spawn(struct life *l);
bool life_end_process(struct life *l);
void life_up(struct life *l);
void life_attempt_failed(struct life *l, const struct life_event *ev);
void life_ended(struct life *l, const struct life_event *ev);
void life_gone(struct life *l, const struct life_event *ev);
void life_spawn_failed(struct life *l, const struct life_event *ev);
/* The process is gone and nothing is undecided: what does that mean? True: something. */
bool life_settle(struct life *l);
/* Counts from the start: attempts, restarts, the last error. */
void life_begin_anew(struct life *l);

/* life_ask.c */
/* What may be asked now becomes the goal. */
enum rc life_ask(struct life *l, const struct life_event *ev, struct err *e);
/* s is durable, and so it is true. */
void life_hold(struct life *l, enum standing s);
/* What was asked is durable. */
void life_asked_is_saved(struct life *l);
/* The disk refused: the goal is what holds again, or the rest is tried again; the asker is told. */
void life_asked_has_failed(struct life *l, const struct err *why);
/* Answers what is done, or cannot be done any more. True: it did. */
bool life_answer_done(struct life *l);
/* Answers with l->asked->error; there is one. */
void life_answer(struct life *l);

/* life_show.c */
/* The one mover; tells of a move. */
void life_show(struct life *l);
void life_tell(struct life *l);
