/* shared_memory.h - memory that outlives the process which writes to it: made by who starts that
 * process, handed down as a descriptor, and there for the next one.
 * Why no file: a store into a mapped file fails where its disk is full, with a signal; and nobody
 * has to sweep it away. Threads: any. */
#pragma once
#include "base/err.h"

#include <stddef.h>

/* All zeros, of that size for good; close-on-exec. The caller's to close. */
RC shared_memory_make(int *fd, size_t size, struct err *e);
/* NULL: fd is no such memory, or of another size. It stays until the process ends; fd is not
 * needed any more. */
void *shared_memory_map(int fd, size_t size);
