/* file_reader.h - the side of a file source that runs on the bytes lane: blocks into texts.
 *
 *   task:  fills struct file_read, submits -> ... letter ... -> takes the text
 *   lane:  opens the file if it is another one than before, looks whether it is still the one
 *          the job began with, reads at most 256 KiB
 *
 * One open file a subtask; it is closed when the next one is opened, or by file_reader_close when
 * no read is under way any more.
 * Threads: a read belongs to the lane from submit until its letter is back; the reader's inside is
 * touched by the lane only while a read is under way. */
#pragma once
#include "operators/file_identity.h"
#include "runtime/column.h"
#include "runtime/ioqueue.h"

struct file_reader {
	struct fs *fs;      /* learnt from the first step */
	int fd;
	uint32_t file;      /* number of the open one */
	uint64_t head;      /* its hash */
};
void file_reader_init(struct file_reader *r);
/* Legal on the empty value. No read is under way. */
void file_reader_close(struct file_reader *r);

struct file_read {
	struct io_job job;
	struct file_reader *reader;
	/* in */
	uint32_t file;        /* number; the same number is the same file */
	const char *full;     /* path to open; in the source's lists */
	const char *name;     /* as the job names it, for errors */
	uint64_t bound;
	uint64_t counted;     /* bytes before it are already counted, for messages */
	bool has_head;
	uint64_t head;        /* out: what it is; in, with has_head: what it must be */
	uint64_t off;
	uint32_t len;         /* at most TEXT_BYTES; off + len <= bound */
	struct text *text;    /* the task's reference */
	uint32_t at;          /* where in the text */
};
/* Puts reader's read r in order: step function and class. */
void file_read_init(struct file_read *r, struct file_reader *reader, int kind,
		    struct mailbox *reply);
