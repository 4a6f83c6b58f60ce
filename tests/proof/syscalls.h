/* syscalls.h - the calls fs_real makes of the kernel, and which of them goes wrong: what stands
 * below the file seam, where EINTR and short reads and writes are dealt with. The linker puts these
 * in the place of the real ones (tests/proof/CMakeLists.txt), which they call but for syncs: nobody
 * cuts the power here. Threads: one. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum syscall_kind {
	CALL_OPEN = 1 << 0,
	CALL_READ = 1 << 1,
	CALL_WRITE = 1 << 2,
	CALL_SYNC = 1 << 3,
	CALL_CLOSE = 1 << 4,
	CALL_CUT = 1 << 5,   /* ftruncate */
	CALL_STAT = 1 << 6,
	CALL_FSTAT = 1 << 7,
	CALL_LINK = 1 << 8,
	CALL_RENAME = 1 << 9,
	CALL_UNLINK = 1 << 10, /* and rmdir */
	CALL_MKDIR = 1 << 11,
	CALL_LIST = 1 << 12, /* opendir */
	CALL_LOCK = 1 << 13,
};
#define CALL_NAMES                                                                                 \
	(CALL_OPEN | CALL_STAT | CALL_LINK | CALL_RENAME | CALL_UNLINK | CALL_MKDIR | CALL_LIST)
#define CALL_SPACE (CALL_OPEN | CALL_WRITE | CALL_SYNC | CALL_LINK | CALL_RENAME | CALL_MKDIR)

enum syscall_how {
	CALL_FAILS,       /* a close closes; else nothing is done */
	CALL_SHORT,       /* a read or write of several bytes does half of them */
	CALL_SHORT_FAILS, /* so does a write, and the next one fails */
	CALL_NOTHING,     /* a write says that it wrote 0 bytes */
};

struct syscall_fault {
	uint64_t at;    /* call n from syscalls_begin on; 0: none */
	uint64_t every; /* and again each so many calls of its kinds; 0: once */
	unsigned on;    /* enum syscall_kind */
	int errnum;
	enum syscall_how how;
};

/* From here on calls are counted, and that fault comes. */
void syscalls_begin(const struct syscall_fault *f);
void syscalls_end(void);
uint64_t syscalls_count(void); /* since syscalls_begin */
uint64_t syscalls_hits(void);
unsigned syscalls_kind(uint64_t n); /* of call n; 0: there was none, or too many */
