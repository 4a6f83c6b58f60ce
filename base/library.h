/* library.h - a shared library that is opened when it is first needed.
 * Why: libmicrohttpd and libcurl draw in TLS libraries, megabytes and milliseconds that a job
 * process must not pay (docs/adr/0004). Their doors ask for them here; a machine without them runs
 * everything that needs neither.
 * Threads: one at a time. */
#pragma once
#include "base/err.h"

struct library_symbol {
	const char *name;
	void *to; /* of a function pointer: it is set */
};

/* All symbols or none. It stays open until the process ends. E_NOT_FOUND names library and package:
 * "libcurl.so.4 is not installed (Debian package libcurl4): ...". */
RC library_open(const char *soname, const char *package, const struct library_symbol *symbols,
		unsigned n, struct err *e);
