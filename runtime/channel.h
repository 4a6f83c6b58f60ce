/* channel.h - the road for batches and marks from one task's thread to another's.
 *
 *     pusher ->  [batch][batch][barrier 7][batch][end]  -> popper
 *
 * Why bounded: a slow sink must slow its source, not fill memory. Bounded in slots and in bytes
 * (PEERS.md: 4-16 slots are enough at 1,024 rows a batch; 64 are slower).
 * Why marks travel here and not beside: a barrier means "all before me, nothing after me".
 * Waking costs more than a batch's work, so it is put off while it does no harm: a popper that
 * sleeps is woken when CHANNEL_WAKE items wait, at a mark, or when the pusher has nothing more to
 * do (channel_settle); a pusher that found no room is woken when half the ring is free, or when the
 * popper has nothing more to do; one that sleeps for another reason is left alone. So no wake-up is
 * owed while both sleep.
 * Owns: the slots, and each batch from push to pop. Not here: which channel (outlet.c).
 * Threads: one pusher, one popper. A wake-up costs a system call only when the other side
 * sleeps. */
#pragma once
#include "base/waker.h"
#include "runtime/batch.h"

#define CHANNEL_SLOTS 16
#define CHANNEL_SLOTS_WITHIN 2 /* between tasks of one thread: taken while it is in the cache */
#define CHANNEL_WAKE 4   /* measured: a quarter of the ring */
/* By feel: 16 ordinary batches are about 1 MiB; one large record may pass. */
#define CHANNEL_BYTES (4u << 20)

enum item_kind {
	ITEM_BATCH,
	ITEM_BARRIER,   /* barrier */
	ITEM_CANCEL,    /* barrier.id */
	ITEM_WATERMARK, /* watermark */
	ITEM_IDLE,
	ITEM_END,       /* end of input; barriers still follow it */
};

enum { BARRIER_STOP = 1, BARRIER_FINAL = 2, BARRIER_FULL = 4 };

struct barrier {
	uint64_t id, base_id; /* base 0: none, everything is written */
	uint32_t options;
};

struct item {
	enum item_kind kind;
	uint32_t bytes; /* of a batch while it is in a channel: looked up once, by the pusher */
	union {
		struct batch *batch;
		struct barrier barrier;
		int64_t watermark;
	};
};

struct channel {
	_Alignas(64) _Atomic uint32_t tail; /* pusher's */
	_Atomic uint64_t pushed_bytes;
	uint32_t head_seen;
	bool wake_owed;                     /* pusher's: the popper may sleep beside items */
	_Atomic int pusher_waits;           /* pusher's: it found no room since it last pushed */
	struct waker *popper;               /* woken when something arrives; borrowed, may be NULL */
	_Alignas(64) _Atomic uint32_t head; /* popper's */
	_Atomic uint64_t popped_bytes;
	uint32_t tail_seen;
	struct waker *pusher;               /* woken when room appears; borrowed, may be NULL */
	uint32_t slots;                     /* in use: at most CHANNEL_SLOTS */
	uint32_t bytes_limit;
	_Alignas(64) struct item item[CHANNEL_SLOTS];
};

/* slots: 1..CHANNEL_SLOTS. */
void channel_init(struct channel *ch, uint32_t slots, uint32_t bytes_limit, struct waker *pusher,
		  struct waker *popper);
/* Drops what stands in it. Both threads have ended. */
void channel_close(struct channel *ch);
/* Pusher: whether an item would be taken now. True stays true until the next push. */
bool channel_has_room(struct channel *ch);
/* Pusher: takes the item (and its batch) if true. */
bool channel_try_push(struct channel *ch, struct item *it);
/* Popper: *it is the popper's if true. */
bool channel_try_pop(struct channel *ch, struct item *it);
/* Pusher, before it waits or goes idle: wakes a popper that is owed it. */
void channel_settle(struct channel *ch);
/* Popper, before it waits or goes idle: wakes a pusher that found no room. */
void channel_settle_popper(struct channel *ch);
/* Anyone: items that stand in it, about. */
uint32_t channel_fill(const struct channel *ch);
